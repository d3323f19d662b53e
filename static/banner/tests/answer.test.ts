import { webcrypto } from "node:crypto";
import assert from "node:assert/strict";
import { test } from "node:test";
import { body, freshKey, send } from "../src/answer";
import { exceeds } from "../src/state";

// Node 18 has no global one.
(globalThis as { crypto?: unknown }).crypto ??= webcrypto;

const fields: [string, string][] = [
  ["notice", "signed"], ["key", "k"], ["next", "/news"], ["surface", "banner"],
  ["purposes", "statistics"], ["purposes", "social"], ["services", "youtube"],
];

async function answered(reply: () => Response | Promise<Response>, online = true): Promise<unknown> {
  globalThis.fetch = async () => reply();
  Object.defineProperty(globalThis, "navigator", { value: { onLine: online }, configurable: true });
  return send("/consent/decision", {}, "unsaved", "offline");
}

test("ticks are sent only where they are the answer", () => {
  assert.deepEqual(body(fields, "custom"), {
    answer: "custom", ask_again: false, notice: "signed", surface: "banner",
    purposes: ["statistics", "social"], services: ["youtube"],
  });
  assert.deepEqual(body(fields, "reject_all"), { answer: "reject_all", ask_again: false, notice: "signed", surface: "banner" });
});

test("nothing ticked is an empty list, not a missing one", () => {
  assert.deepEqual(body([], "custom"), { answer: "custom", ask_again: false, purposes: [], services: [] });
});

test("the box becomes true, the override keeps its word", () => {
  const made = body([["ask_again", "yes"], ["override_gpc", "yes"]], "accept_all");
  assert.deepEqual(made, { answer: "accept_all", ask_again: true, override_gpc: "yes" });
});

test("a fresh key is 32 hex digits and never the same", () => {
  assert.match(freshKey(), /^[0-9a-f]{32}$/);
  assert.notEqual(freshKey(), freshKey());
});

test("an answer that was taken is handed back", async () => {
  assert.deepEqual(await answered(() => Response.json({ decided: true })), { decided: true });
});

test("a stale notice, another error and a page instead of JSON go the native way", async () => {
  assert.equal(await answered(() => Response.json({}, { status: 409 })), "native");
  assert.equal(await answered(() => Response.json({}, { status: 400 })), "native");
  assert.equal(await answered(() => new Response("<p>", { status: 200 })), "native");
  assert.equal(await answered(() => Promise.reject(new TypeError("redirect"))), "native");
});

test("what was not recorded is said in the visitor's language, not in the developer's", async () => {
  assert.equal(await answered(() => Response.json({ detail: "later" }, { status: 503 })), "unsaved");
  assert.equal(await answered(() => new Response("<p>", { status: 503 })), "unsaved");
  assert.equal(await answered(() => Promise.reject(new TypeError("no network")), false), "offline");
});

test("a list exceeds another only by what the other lacks", () => {
  assert.equal(exceeds(["youtube"], ["youtube", "matomo"]), false);
  assert.equal(exceeds(["youtube", "matomo"], ["matomo"]), true);
  assert.equal(exceeds([], ["youtube"]), false);
});
