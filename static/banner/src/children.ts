/**
 * Takes the guard along into the empty frames of a script, whose documents have the page's own cookies and storage.
 *
 * A frame with a page of the site has a guard of its own. What runs inside a frame's `srcdoc` by itself, or is reached
 * by `window.frames` and not by the element, is not covered.
 */

import { around, type Realm } from "./override";

const GUARDED = Symbol("consentry.guarded");

export function guardChildren(realm: Realm, guard: (child: Realm) => void): void {
  function enter(child: Realm | null): void {
    try {
      const marked = child as Realm & { [GUARDED]?: true; consentry?: unknown };
      if (!child || marked.consentry || marked[GUARDED] || !child.document.URL.startsWith("about:")) return;
      Object.defineProperty(child, GUARDED, { value: true });
      guard(child);
      guardChildren(child, guard);
    } catch {
      // Another origin's: nothing of ours is in there.
    }
  }
  const { prototype } = realm.HTMLIFrameElement;
  around(prototype, "contentWindow", (native) => function () {
    const child = native.call(this) as Realm | null;
    enter(child);
    return child;
  }, "get");
  around(prototype, "contentDocument", (native) => function () {
    const child = native.call(this) as Document | null;
    enter(child && (child.defaultView as Realm | null));
    return child;
  }, "get");
}
