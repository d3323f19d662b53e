/**
 * Sends one answer to the server: the form's fields as JSON. Reads no page state and changes none.
 */

import type { Answer } from "./state";

const LISTS = ["purposes", "services"];
const SKIPPED = ["answer", "key", "next", "ask_again"];

/** The JSON body of an answer. Ticks count only where the ticks are the answer. */
export function body(fields: Iterable<readonly [string, unknown]>, answer: string): Record<string, unknown> {
  const made: Record<string, unknown> = { answer, ask_again: false };
  if (answer === "custom") for (const name of LISTS) made[name] = [];
  for (const [name, value] of fields) {
    if (name === "ask_again") made[name] = true;
    else if (LISTS.includes(name)) (made[name] as unknown[] | undefined)?.push(value);
    else if (!SKIPPED.includes(name)) made[name] = value;
  }
  return made;
}

/** A fresh idempotency key: 32 hex digits. */
export function freshKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** What came of it: an answer, a sentence to show, or "native": let the browser submit the real form. */
export type Outcome = Answer | string | "native";

export async function send(url: string, content: object, unsaved: string, offline: string): Promise<Outcome> {
  let response: Response;
  try {
    response = await fetch(url, {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/json" },
      body: JSON.stringify(content),
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout?.(15000) ?? null,
    });
  } catch {
    return navigator.onLine ? "native" : offline;
  }
  if (response.status === 503) return unsaved;
  try {
    if (response.ok) return (await response.json()) as Answer;
  } catch {
    // Not our server's words: a proxy's, perhaps.
  }
  return "native";
}
