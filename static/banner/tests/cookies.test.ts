import assert from "node:assert/strict";
import { test } from "node:test";
import { judge, table, write, type Grants } from "../src/cookies";

const NOW = Date.UTC(2030, 0, 1);
const PAST = "Thu, 01-Jan-1970 00:00:01 GMT";
const FUTURE = "Fri, 01 Jan 2040 00:00:00 GMT";

function grants(services: string[] = [], session = false): Grants {
  const rules = table({ session: "", "_pk_id*": "matomo", "_pk_*": "other", "*_test": "never", constructor_: "" });
  return { rules, services: new Set(services), session };
}

const text = (raw: string, given = grants()): string | null => write(raw, given, NOW).text;

test("a necessary cookie passes unchanged, even under a session decision", () => {
  const raw = `session=abc; Path=/; Max-Age=3600; Expires=${FUTURE}`;
  assert.equal(text(raw), raw);
  assert.equal(text(raw, grants([], true)), raw);
});

test("an undeclared cookie is dropped and named", () => {
  assert.deepEqual(write("_ga=GA1; path=/", grants(["matomo"]), NOW), { name: "_ga", verdict: "unknown", text: null });
});

test("a declared cookie passes only while its service is granted", () => {
  assert.equal(text("_pk_id.1.aa=x"), null);
  assert.equal(text("_pk_id.1.aa=x", grants(["matomo"])), "_pk_id.1.aa=x");
});

test("the longest prefix owns a name, and an exact name beats it", () => {
  assert.equal(judge("_pk_id.1", grants(["matomo"])), "pass");
  assert.equal(judge("_pk_ses.1", grants(["matomo"])), "drop");
  assert.equal(judge("_pk_ses.1", grants(["other"])), "pass");
});

test("a bare * owns every name left over", () => {
  assert.equal(judge("anything", { rules: table({ "*": "" }), services: new Set(), session: false }), "pass");
});

test("names of Object.prototype are not declared", () => {
  assert.equal(judge("constructor", grants()), "unknown");
  assert.equal(judge("__proto__", grants()), "unknown");
});

test("a session decision takes every lifetime away and nothing else", () => {
  const given = grants(["matomo"], true);
  assert.equal(text(`_pk_id=1; Path=/; EXPIRES = ${FUTURE}; Secure; max-age=99; Max-Age=100`, given), "_pk_id=1; Path=/; Secure");
});

test("a deletion always passes, and is made one for every browser", () => {
  assert.equal(text("_ga=; Max-Age=0"), "_ga=; Max-Age=0;max-age=0");
  assert.equal(text("_ga=; max-age=-1"), "_ga=; max-age=-1;max-age=0");
  assert.equal(text(`_ga=; expires=${PAST}; path=/`), `_ga=; expires=${PAST}; path=/;max-age=0`);
});

test("only what a browser takes for a deletion is one", () => {
  assert.equal(text(`_ga=1; expires=${PAST}; max-age=99`), null, "Max-Age comes before Expires");
  assert.equal(text("_ga=1; max-age=0; max-age=99"), null, "the last one wins");
  assert.equal(text("_ga=1; max-age=0x"), null, "not a number");
  assert.equal(text("_ga=1; expires=soon"), null, "not a date");
  assert.equal(text("_ga=1; path=/max-age=0"), null, "not an attribute of its own");
  assert.equal(text("_ga=1\n; max-age=0"), null, "behind a control character");
  assert.equal(text("_ga=1; expires=0"), "_ga=1; expires=0;max-age=0", "a date to us, none to browsers: deleted all the same");
});

test("a cookie without a name is undeclared", () => {
  for (const raw of ["session", "=session=1", "", ";session=1"]) assert.equal(text(raw), null, raw);
});

test("spaces round a name do not matter", () => {
  assert.equal(text(" session = 1"), " session = 1");
  assert.equal(write(" _ga = 1", grants(), NOW).name, "_ga");
});

test("a name with a prefix is judged by that very name", () => {
  const declared: Grants = { rules: table({ "__Host-spy": "spy", login: "" }), services: new Set(), session: false };
  assert.equal(judge("__Host-spy", declared), "drop");
  assert.equal(judge("__Host-login", declared), "unknown");
  assert.equal(judge("__Secure-login", declared), "unknown");
  assert.equal(judge("spy", declared), "unknown");
});

test("a partitioned cookie stays partitioned, whatever becomes of its lifetime", () => {
  assert.equal(text("__Host-spy=1; Secure; Path=/; Partitioned"), null);
  assert.equal(text("_pk_id.1=x; Secure; Partitioned; Max-Age=99", grants(["matomo"], true)), "_pk_id.1=x; Secure; Partitioned");
  assert.equal(text("_pk_id.1=; Secure; Partitioned; Max-Age=0"), "_pk_id.1=; Secure; Partitioned; Max-Age=0;max-age=0");
});
