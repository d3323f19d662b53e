/**
 * Opens a placeholder: puts the frame where the sentence and the buttons were, at the same size.
 */

/** The focus moves into the frame only for the person who asked for this one. */
export function open(slot: HTMLElement, url: string, focus: boolean): void {
  const frame = document.createElement("iframe");
  frame.className = "cs-frame";
  frame.title = slot.dataset.title ?? "";
  frame.allowFullscreen = true;
  frame.src = url;
  slot.querySelector("form")?.replaceWith(frame);
  delete slot.dataset.consentry;
  if (focus) frame.focus();
}
