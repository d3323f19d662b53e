/**
 * What the page knows of the visitor's answer, as the server words it. No DOM here.
 *
 * Nothing trusts these values: the server and its headers enforce the answer, the browser side only follows it.
 */

import type { Consentry, ConsentryState } from "../consentry";

/** Declared names (exact, or `prefix*`) and the service that owns each; "" is the site's own need. */
export type Rules = Readonly<Record<string, string>>;

/** Where a script can keep a name. */
export type Kind = "cookies" | "storage" | "databases";
export const KINDS: readonly Kind[] = ["cookies", "storage", "databases"];

/** The JSON of `POST /decision` and `GET /state`. */
export interface Answer extends ConsentryState {
  readonly rules?: { readonly [kind in Kind]?: Rules };
  /** Where the frame is that was asked for, once or always. */
  readonly embed?: string;
}

/** The guard as the banner sees it: both are reached by symbols, so that they are nobody's interface. */
export const UPDATE = Symbol.for("consentry.update");
export const AGAIN = Symbol.for("consentry.again");
export type Guard = Consentry & {
  /** Goes by an answer, one of this page unless `own` is false; tells whether the page has to come anew. */
  readonly [UPDATE]: (answer: Answer, own?: boolean) => boolean;
  /** Makes it come anew, with what was typed. */
  readonly [AGAIN]: () => void;
};

/** The name of the tabs' common channel. */
export const CHANNEL = "consentry";

/** Whether `some` names what `others` does not. */
export function exceeds(some: readonly string[], others: readonly string[]): boolean {
  return some.some((name) => !others.includes(name));
}

/** The words of an attribute. */
export function words(text = ""): readonly string[] {
  return text.split(" ").filter(Boolean);
}
