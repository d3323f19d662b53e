/**
 * First in <head>: filters what scripts store, and tells the page what is allowed.
 *
 * Reads the answer from its own tag and sets the one global, `window.consentry`. It hides nothing and asks nothing:
 * that is banner.ts. A fault in here must leave the page alone, so each override stands by itself.
 */

import type { ConsentryState } from "../consentry";
import { judge, table, write, type Grants, type Verdict } from "./cookies";
import { CHANNEL, UPDATE, exceeds, type Answer } from "./state";

/** The parts of the Cookie Store API that are touched; older libraries of types lack it. */
interface StoredCookie {
  name: string;
  expires?: number | null;
  maxAge?: number | null;
}

function words(text = ""): readonly string[] {
  return text.split(" ").filter(Boolean);
}

function start({ rules = "", services, purposes, duration, state: stateUrl = "" }: DOMStringMap): void {
  let now: ConsentryState = Object.freeze({
    decided: !!duration,
    ask: !duration,
    purposes: words(purposes),
    services: words(services),
    duration: (duration || null) as ConsentryState["duration"],
  });
  let cookies: Grants;
  let keys: Grants;
  const told = new Set<string>();

  /** What a service that is not granted (any more) has stored goes; the server sees to the cookies. */
  function clean(area: Storage): void {
    for (const key of Object.keys(area)) if (judge(key, keys) === "drop") area.removeItem(key);
  }

  function grant(given: Answer["rules"]): void {
    const common = { services: new Set(now.services), session: now.duration === "session" };
    cookies = { ...common, rules: given ? table(given.cookies) : cookies.rules };
    keys = { ...common, rules: given ? table(given.storage) : keys.rules };
    try {
      if (keys.rules.size) [localStorage, sessionStorage].forEach(clean);
    } catch {
      // Storage is blocked: there is nothing to clean.
    }
  }

  function refuse(verdict: Verdict, name: string): boolean {
    if (verdict === "unknown" && !told.has(name)) {
      told.add(name);
      console.warn(`Consentry blocked undeclared cookie "${name}"; declare it in consent.toml`);
    }
    return verdict === "unknown" || verdict === "drop";
  }

  /** Goes by an answer, this page's own or another's; tells whether something that ran here was taken back. */
  function take({ decided, ask, purposes, services, duration, rules }: Answer, own: boolean): boolean {
    const gone = exceeds(now.services, services);
    now = Object.freeze({ decided, ask, purposes, services, duration });
    grant(rules);
    if (own) channel?.postMessage({ ...now, rules });
    document.dispatchEvent(new CustomEvent("consentry:change", { detail: now }));
    // What has run cannot be stopped in a page, only with it. Whoever answered here sees to that by itself.
    if (gone && !own) location.reload();
    return gone;
  }

  grant(JSON.parse(rules || "{}") as Answer["rules"]);

  const api = {
    allows: (what: string | { readonly service: string }) =>
      typeof what === "string" ? what === "necessary" || now.purposes.includes(what) : now.services.includes(what.service),
    on(event: "change", fn: (state: ConsentryState) => void) {
      const listen = ({ detail }: CustomEvent<ConsentryState>): void => fn(detail);
      document.addEventListener(`consentry:${event}`, listen);
      return () => document.removeEventListener(`consentry:${event}`, listen);
    },
    get state() {
      return now;
    },
  };
  Object.defineProperty(api, UPDATE, { value: (answer: Answer) => take(answer, true) });
  Object.defineProperty(window, "consentry", { value: Object.freeze(api) });

  const cookie = Object.getOwnPropertyDescriptor(Document.prototype, "cookie")!;
  Object.defineProperty(Document.prototype, "cookie", {
    ...cookie,
    set(this: Document, raw: unknown) {
      const { name, verdict, text } = write(String(raw), cookies, Date.now());
      if (!refuse(verdict, name) && text !== null) cookie.set!.call(this, text);
    },
  });

  const { setItem } = Storage.prototype;
  Storage.prototype.setItem = function (key: string, value: string): void {
    const verdict = judge(String(key), keys);
    // Only declared keys are filtered; what would outlive a session decision is not kept.
    if (verdict === "drop" || (verdict === "session" && this === localStorage)) return;
    setItem.call(this, key, value);
  };

  const store = (window as { CookieStore?: { prototype: { set: (...given: unknown[]) => Promise<void> } } }).CookieStore
    ?.prototype;
  if (store) {
    const { set } = store;
    store.set = async function (first: unknown, value?: unknown): Promise<void> {
      const whole = typeof first === "object" && first !== null;
      const given: StoredCookie = whole ? { ...(first as StoredCookie) } : { name: String(first) };
      const ends = given.maxAge ?? (given.expires == null ? 1 : given.expires - Date.now());
      const verdict = ends > 0 ? judge(String(given.name), cookies) : "pass";
      if (refuse(verdict, given.name)) return;
      if (verdict === "session") {
        delete given.expires;
        delete given.maxAge;
      }
      await (whole ? set.call(this, given) : set.call(this, first, value));
    };
  }

  // The channel is closed while the page is away: an open one may keep it out of the back/forward cache.
  let channel: BroadcastChannel | undefined;
  function listen(): void {
    channel = new BroadcastChannel(CHANNEL);
    channel.onmessage = ({ data }: MessageEvent<Answer>) => take(data, false);
  }
  addEventListener("pagehide", () => channel?.close());
  addEventListener("pageshow", ({ persisted }) => {
    if (!persisted) return;
    listen();
    fetch(stateUrl, { cache: "no-store" })
      .then((response) => response.json() as Promise<Answer>)
      .then((answer) => take(answer, false))
      .catch(() => undefined);
  });
  listen();
}

const tag = document.currentScript;
if (tag && !window.consentry) start(tag.dataset);
