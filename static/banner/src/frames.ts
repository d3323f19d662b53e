/**
 * Opens a placeholder: puts the frame where the sentence and the buttons were, at the same size.
 */

/** The focus moves into the frame only for the person who asked for this one. */
export function open(slot: HTMLElement, url: string, focus: boolean): void {
  const { title = "", sandbox } = slot.dataset;
  const frame = document.createElement("iframe");
  frame.className = "cs-frame";
  frame.title = title;
  frame.allowFullscreen = true;
  if (sandbox !== undefined) {
    // A widget: the vendor's script, without the site's origin, in a frame that tells its height.
    frame.setAttribute("sandbox", sandbox);
    frame.dataset.resize = "";
  }
  frame.src = url;
  slot.querySelector("form")?.replaceWith(frame);
  delete slot.dataset.consentry;
  if (focus) frame.focus();
}
