/**
 * Which cookies and storage keys a script may write. Pure: no DOM, no clock.
 *
 * A deletion always passes, an undeclared name never does. Under a session decision a granted cookie loses its
 * lifetime. It is not a wall (a script can reach a frame's own `document.cookie`): the server drops what it declared
 * for itself, and Content-Security-Policy keeps scripts out that are not allowed.
 *
 * Sources: RFC 6265 §5.2 (the last attribute wins, Max-Age before Expires) and §5.3.
 */

import type { Kind, Rules } from "./state";

export interface Grants {
  readonly rules: ReadonlyMap<string, string>;
  readonly services: ReadonlySet<string>;
  readonly session: boolean;
}

export type Verdict = "pass" | "session" | "drop" | "unknown";

/** What the functions that stand in front of the browser's ask. */
export interface Gate {
  /** Whether anything is held back, or only told of. */
  readonly enforces: boolean;
  readonly grants: Readonly<Record<Kind, Grants>>;
  /** Whether a name of that verdict may not be stored; takes note of those that nobody declares. */
  refuses(kind: Kind, name: string, verdict: Verdict): boolean;
}

export function table(rules: Rules = {}): ReadonlyMap<string, string> {
  return new Map(Object.entries(rules));
}

/** What may happen to a name: exact rules win over prefixes, longer prefixes over shorter ones. */
export function judge(name: string, { rules, services, session }: Grants): Verdict {
  let owner = rules.get(name);
  for (let end = name.length; owner === undefined && end >= 0; end--) {
    owner = rules.get(`${name.slice(0, end)}*`);
  }
  if (owner === undefined) return "unknown";
  if (owner === "") return "pass";
  if (!services.has(owner)) return "drop";
  return session ? "session" : "pass";
}

export interface Write {
  readonly name: string;
  readonly verdict: Verdict;
  /** The text to hand to the browser, or null where nothing may be written. */
  readonly text: string | null;
}

const LIFETIME = /^[ \t]*(max-age|expires)[ \t]*(?:=[ \t]*([^]*?)[ \t]*)?$/i;

/** Judges one assignment to `document.cookie` made at `now` (ms). */
export function write(raw: string, grants: Grants, now: number): Write {
  // Browsers stop reading, or refuse the whole, at these: read what they would.
  const text = raw.split(/[\0\r\n]/, 1)[0]!;
  const [pair = "", ...attributes] = text.split(";");
  // Only these two are white space to a cookie; String.trim() takes more.
  const name = pair.includes("=") ? pair.slice(0, pair.indexOf("=")).replace(/^[ \t]+|[ \t]+$/g, "") : "";
  let age: number | undefined;
  let expires: number | undefined;
  for (const attribute of attributes) {
    const [, kind, value = ""] = LIFETIME.exec(attribute) ?? [];
    if (kind?.[0]?.toLowerCase() === "m") {
      if (/^-?\d+$/.test(value)) age = Number(value);
    } else if (kind) {
      expires = Date.parse(value);
    }
  }
  // Max-Age=0 comes last and so wins: what was read here as a deletion is one, however the browser reads dates.
  if (age === undefined ? expires! <= now : age <= 0) return { name, verdict: "pass", text: `${text};max-age=0` };
  const verdict = judge(name, grants);
  if (verdict === "pass") return { name, verdict, text };
  if (verdict !== "session") return { name, verdict, text: null };
  return { name, verdict, text: [pair, ...attributes.filter((attribute) => !LIFETIME.test(attribute))].join(";") };
}
