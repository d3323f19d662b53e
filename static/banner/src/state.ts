/**
 * What the page knows of the visitor's answer, as the server words it. No DOM here.
 *
 * Nothing trusts these values: the server and its headers enforce the answer, the browser side only follows it.
 */

import type { Consentry, ConsentryState } from "../consentry";

/** Declared names (exact, or `prefix*`) and the service that owns each; "" is the site's own need. */
export type Rules = Readonly<Record<string, string>>;

/** The JSON of `POST /decision` and `GET /state`. */
export interface Answer extends ConsentryState {
  readonly rules?: { readonly cookies?: Rules; readonly storage?: Rules };
  /** Where the frame is that was asked for, once or always. */
  readonly embed?: string;
}

/** The guard as the banner sees it: `update` is reached by a symbol, so that it is nobody's interface. */
export const UPDATE = Symbol.for("consentry.update");
export type Guard = Consentry & { readonly [UPDATE]: (answer: Answer) => boolean };

/** The name of the tabs' common channel. */
export const CHANNEL = "consentry";

/** Whether `some` names what `others` does not. */
export function exceeds(some: readonly string[], others: readonly string[]): boolean {
  return some.some((name) => !others.includes(name));
}
