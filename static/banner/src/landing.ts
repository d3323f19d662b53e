/**
 * Hands a page's URL and referrer on to the next page, where services start that need the page itself.
 *
 * Kept in this tab only, after a yes to such a service only, until the next page has read it.
 */

import type { Landing } from "../consentry";

const KEY = "consentry_landing";

/** Keeps where the yes was given. */
export function keepLanding(): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify({ url: location.href, referrer: document.referrer }));
  } catch {
    // Storage is blocked.
  }
}

/** What the page before kept, once. */
export function takeLanding(): Landing | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(KEY)!) as Landing | null;
    sessionStorage.removeItem(KEY);
    return kept && Object.freeze(kept);
  } catch {
    return null;
  }
}
