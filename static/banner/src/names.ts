/**
 * Tells the site which names its pages store that no policy declares: how a site in report mode finds out.
 *
 * Sends to the site itself, once per name and page:
 * `{"type": "consentry-names", "cookies": […], "storage": […], "databases": […], "path": "/news"}`
 */

import { judge, type Gate } from "./cookies";
import { KINDS, type Kind } from "./state";

const MOST = 50;
const LONGEST = 100;
/** Of our own doing, see landing.ts and fields.ts. */
const OWN = "consentry_";

export function reportNames(url: string, gate: Gate, seen: Readonly<Record<Kind, Set<string>>>): void {
  const sent = new Set<string>();

  /** What is there by now, whichever way it came. */
  async function look(): Promise<void> {
    const found: Record<Kind, string[]> = { cookies: document.cookie.split(/; ?/).map((pair) => pair.split("=", 1)[0]!), storage: [], databases: [] };
    try {
      found.storage = [...Object.keys(localStorage), ...Object.keys(sessionStorage)];
      found.databases = (await indexedDB.databases()).map(({ name }) => name!);
    } catch {
      // Blocked, or not to be listed.
    }
    for (const kind of KINDS) {
      for (const name of found[kind]) if (name && judge(name, gate.grants[kind]) === "unknown") seen[kind].add(name);
    }
  }

  function send(): void {
    const fresh = (kind: Kind): string[] => {
      const names = [...seen[kind]].filter((name) => !name.startsWith(OWN) && !sent.has(`${kind} ${name}`)).slice(0, MOST);
      for (const name of names) sent.add(`${kind} ${name}`);
      return names.map((name) => name.slice(0, LONGEST));
    };
    const [cookies, storage, databases] = KINDS.map(fresh) as [string[], string[], string[]];
    if (!cookies.length && !storage.length && !databases.length) return;
    const said = { type: "consentry-names", cookies, storage, databases, path: location.pathname.slice(0, 500) };
    navigator.sendBeacon(url, new Blob([JSON.stringify(said)], { type: "application/json" }));
  }

  const tell = (): void => void look().then(send);
  addEventListener("load", () => setTimeout(tell, 3000));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden") {
      tell();
      send(); // The listing may come too late for a page that goes.
    }
  });
}
