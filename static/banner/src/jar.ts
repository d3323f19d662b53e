/**
 * Steps in front of what writes cookies: `document.cookie` and the Cookie Store. The rules are in cookies.ts.
 */

import { judge, write, type Gate } from "./cookies";
import { around, type Realm } from "./override";

/** The parts of the Cookie Store API that are touched; older libraries of types lack it. */
interface StoredCookie {
  name: string;
  expires?: number | null;
  maxAge?: number | null;
}

export function guardCookies(realm: Realm, gate: Gate): void {
  around(realm.Document.prototype, "cookie", (native) =>
    function (raw) {
      const { name, verdict, text } = write(String(raw), gate.grants.cookies, Date.now());
      if (!gate.refuses("cookies", name, verdict)) native.call(this, gate.enforces ? text : raw);
    }, "set");

  around((realm as { CookieStore?: { prototype: object } }).CookieStore?.prototype, "set", (native) =>
    async function (first: unknown, value?: unknown) {
      const whole = typeof first === "object" && first !== null;
      const given: StoredCookie = whole ? { ...(first as StoredCookie) } : { name: String(first) };
      const ends = given.maxAge ?? (given.expires == null ? 1 : given.expires - Date.now());
      const verdict = ends > 0 ? judge(String(given.name), gate.grants.cookies) : "pass";
      if (gate.refuses("cookies", given.name, verdict)) return;
      if (gate.enforces && verdict === "session") {
        delete given.expires;
        delete given.maxAge;
      }
      await (whole ? native.call(this, given) : native.call(this, first, value));
    });
}
