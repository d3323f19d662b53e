/**
 * Opens a placeholder: puts the frame where the sentence and the buttons were, at the same size.
 */

import { wrapper } from "./addresses";

/** A widget's, as the server sends it with the wrapper (`SANDBOX` in consent/gate/csp.py). Never the markup's words. */
const SANDBOX = "allow-scripts allow-popups allow-popups-to-escape-sandbox allow-forms";

/**
 * The focus moves into the frame only for the person who asked for this one. What only looks like a placeholder, such
 * as a user's markup that names some other page or a script, stays as it is.
 */
export function open(slot: HTMLElement, url: string, home: string, focus: boolean): void {
  const { title = "", service = "", sandbox } = slot.dataset;
  const address = wrapper(url, service, home, location.href);
  if (!address) return;
  const frame = document.createElement("iframe");
  frame.className = "cs-frame";
  frame.title = title;
  frame.allowFullscreen = true;
  if (sandbox !== undefined) {
    // A widget: the vendor's script, without the site's origin, in a frame that tells its height.
    frame.setAttribute("sandbox", SANDBOX);
    frame.dataset.resize = "";
  }
  // As written, unless the page's base would lead it elsewhere.
  frame.src = new URL(url, document.baseURI).href === address ? url : address;
  slot.querySelector("form")?.replaceWith(frame);
  delete slot.dataset.consentry;
  if (focus) frame.focus();
}
