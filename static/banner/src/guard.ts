/**
 * First in <head>: holds back what scripts store and connect to, and tells the page what is allowed.
 *
 * Reads the answer from its own tag and sets the one global, `window.consentry`. It hides nothing and asks nothing:
 * that is banner.ts. What stands in front of the browser's functions is in the modules that it starts.
 */

import type { ConsentryState } from "../consentry";
import { guardChildren } from "./children";
import { table, type Gate, type Grants } from "./cookies";
import { cleanDatabases, guardDatabases } from "./databases";
import { keepFields, restoreFields } from "./fields";
import { guardHints } from "./hints";
import { guardCookies } from "./jar";
import { keepLanding, takeLanding } from "./landing";
import { reportNames } from "./names";
import type { Realm } from "./override";
import { listenForHeights } from "./heights";
import { guardPeers } from "./rtc";
import { AGAIN, CHANNEL, KINDS, UPDATE, exceeds, words, type Answer, type Kind } from "./state";
import { cleanStorage, guardStorage } from "./storage";
import { watch } from "./touched";

function start(told: DOMStringMap): void {
  const { mode = "enforce", duration, report } = told;
  const main = words(told.main);
  let now: ConsentryState = Object.freeze({
    decided: !!duration,
    ask: !duration,
    purposes: words(told.purposes),
    services: words(told.services),
    duration: (duration || null) as ConsentryState["duration"],
  });
  const seen: Record<Kind, Set<string>> = { cookies: new Set(), storage: new Set(), databases: new Set() };
  const grants = {} as Record<Kind, Grants>;
  const gate: Gate = {
    enforces: mode === "enforce",
    grants,
    refuses(kind, name, verdict) {
      if (verdict === "unknown" && !seen[kind].has(name)) {
        seen[kind].add(name);
        if (kind === "cookies" && gate.enforces) console.warn(`Consentry blocked undeclared cookie "${name}"; declare it in consent.toml`);
      }
      // Undeclared keys pass: a page has too many of them that track nobody.
      return gate.enforces && (verdict === "drop" || (verdict === "unknown" && kind === "cookies"));
    },
  };

  /** Whether the answer is this visitor's: a page that all share names none, and one is fetched. */
  let known = told.question === undefined;

  /** What a service that is not granted (any more) has stored goes; the server sees to the cookies. */
  function grant(given: Answer["rules"]): void {
    const common = { services: new Set(now.services), session: now.duration === "session" };
    for (const kind of KINDS) grants[kind] = { ...common, rules: given ? table(given[kind]) : grants[kind].rules };
    if (!gate.enforces || !known) return;
    if (grants.storage.rules.size) cleanStorage(gate);
    void cleanDatabases(gate);
  }

  /** The page anew, by GET whatever it came by, with what was typed. */
  function again(): void {
    keepFields();
    if (told.again) location.replace(told.again);
    else location.reload();
  }

  const begun = told.reload === undefined ? undefined : watch();

  /** Goes by an answer, this page's own or another's; tells whether the page has to come anew. */
  function take({ decided, ask, purposes, services, duration, rules }: Answer, own: boolean): boolean {
    const gone = exceeds(now.services, services);
    const starts = main.some((service) => services.includes(service) && !now.services.includes(service));
    const reload = gone || (own && starts && begun?.() === false);
    now = Object.freeze({ decided, ask, purposes, services, duration });
    if (gone) takeLanding();
    else if (starts) keepLanding();
    known = true;
    grant(rules);
    if (own) channel?.postMessage({ ...now, rules });
    document.dispatchEvent(new CustomEvent("consentry:change", { detail: now }));
    // What has run cannot be stopped in a page, only with it. Whoever answered here sees to that by itself.
    if (gone && !own) again();
    return reload;
  }

  grant(JSON.parse(told.rules || "{}") as Answer["rules"]);

  const kept = takeLanding();
  const landing = main.some((service) => now.services.includes(service)) ? kept : null;
  const api = {
    allows: (what: string | { readonly service: string }) =>
      typeof what === "string" ? what === "necessary" || now.purposes.includes(what) : now.services.includes(what.service),
    on(event: "change", fn: (state: ConsentryState) => void) {
      const listen = ({ detail }: CustomEvent<ConsentryState>): void => fn(detail);
      document.addEventListener(`consentry:${event}`, listen);
      return () => document.removeEventListener(`consentry:${event}`, listen);
    },
    landing,
    get state() {
      return now;
    },
  };
  Object.defineProperty(api, UPDATE, { value: (answer: Answer, own = true) => take(answer, own) });
  Object.defineProperty(api, AGAIN, { value: again });
  Object.defineProperty(window, "consentry", { value: Object.freeze(api) });

  const holds = (kind: Kind): boolean => [...grants[kind].rules.values()].some(Boolean);
  const hosts = [location.hostname, ...words(told.hosts)];
  const fronts: ((realm: Realm) => void)[] = [(realm) => guardCookies(realm, gate)];
  if (gate.enforces) {
    if (holds("storage")) fronts.push((realm) => guardStorage(realm, gate));
    if (holds("databases")) fronts.push((realm) => guardDatabases(realm, gate));
    fronts.push((realm) => guardPeers(realm, hosts), (realm) => guardHints(realm, hosts));
  }
  function guard(realm: Realm): void {
    for (const stand of fronts) {
      try {
        stand(realm);
      } catch {
        // A browser without it; the others stand by themselves.
      }
    }
  }
  if (mode !== "off") {
    guard(window as Realm);
    guardChildren(window as Realm, guard);
    if (report) reportNames(report, gate, seen);
  }
  listenForHeights();
  document.addEventListener("DOMContentLoaded", restoreFields);

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
    fetch(told.state ?? "", { cache: "no-store" })
      .then((response) => response.json() as Promise<Answer>)
      .then((answer) => take(answer, false))
      .catch(() => undefined);
  });
  listen();
}

const tag = document.currentScript;
if (tag && !window.consentry) start(tag.dataset);
