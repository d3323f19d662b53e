/**
 * Whether a visitor has begun anything in the page that a load would undo: typed, scrolled, played, or focused.
 *
 * Cautious: what cannot be told apart (a page that scrolls or plays by itself) counts as the visitor's.
 */

const MOVED = 8;

const own = (node: Element | null): boolean => !!node?.closest(".cs-ui, .cs-link");

/** Starts to watch; what comes back tells. */
export function watch(): () => boolean {
  let touched = false;
  const note = ({ target }: Event): void => {
    touched ||= !(target instanceof Element && own(target));
  };
  for (const name of ["input", "play"]) addEventListener(name, note, true);
  addEventListener("scroll", () => (touched ||= Math.abs(scrollY) > MOVED), { capture: true, passive: true });
  return () => {
    const focused = document.activeElement;
    const resting = !focused || focused === document.body || focused === document.documentElement || own(focused);
    const media = [...document.querySelectorAll<HTMLMediaElement>("video,audio")];
    // A frame that was opened may be playing; nobody out here can tell.
    return touched || !resting || Math.abs(scrollY) > MOVED || !!document.querySelector(".cs-frame") || media.some((each) => !each.paused || each.played.length > 0);
  };
}
