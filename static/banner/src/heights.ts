/**
 * Gives a widget's frame the height that it asks for, as `{consentry: "resize", height}` from that very frame.
 */

const LEAST = 40;
const MOST = 5000;

/** The height in CSS pixels that a message asks for, within bounds; null where it asks for none. */
export function askedHeight(data: unknown): number | null {
  const { consentry, height } = (data ?? {}) as { consentry?: unknown; height?: unknown };
  if (consentry !== "resize" || typeof height !== "number" || !Number.isFinite(height)) return null;
  return Math.min(MOST, Math.max(LEAST, Math.round(height)));
}

export function listenForHeights(): void {
  addEventListener("message", ({ data, source }) => {
    const height = askedHeight(data);
    if (height === null || !source) return;
    for (const frame of document.querySelectorAll<HTMLIFrameElement>("iframe.cs-frame[data-resize]")) {
      if (frame.contentWindow !== source) continue;
      // The drawing beside it keeps the size of the placeholder.
      for (const each of frame.parentElement!.querySelectorAll<HTMLElement>(".cs-frame, .cs-size")) each.style.height = `${height}px`;
    }
  });
}
