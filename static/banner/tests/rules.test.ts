import assert from "node:assert/strict";
import { test } from "node:test";
import { speculates } from "../src/rules";

const leaves = (url: string): boolean => /^(?:https?:)?\/\/(?!site\.example)/.test(url);
const held = (rules: unknown, by = leaves): boolean => speculates(JSON.stringify(rules), by);
const where = (condition: unknown): unknown => ({ prefetch: [{ where: condition }] });

test("lists pass if nothing in them leads elsewhere", () => {
  assert.ok(!held({ prefetch: [{ urls: ["/a", "https://site.example/b"] }], prerender: [{ urls: [] }] }));
  assert.ok(held({ prefetch: [{ urls: ["/a"] }], prerender: [{ urls: ["//evil.example/"] }] }));
  assert.ok(held({ prefetch: [{ urls: ["https://evil.example/"] }] }));
});

test("conditions pass if they let paths of the site through only", () => {
  for (const own of [
    { href_matches: "/*" },
    { href_matches: ["/", "/news/*?page=*"] },
    { and: [{ href_matches: "/*" }, { not: { href_matches: "/*\\?*" } }, { selector_matches: "a" }] },
    { or: [{ href_matches: "/a" }, { href_matches: "/b" }] },
  ]) {
    assert.ok(!held(where(own)), JSON.stringify(own));
  }
  for (const other of [
    {},
    { selector_matches: "a" },
    { not: { href_matches: "/x" } },
    { and: [] },
    { and: [{ selector_matches: "a" }] },
    { or: [{ href_matches: "/a" }, { selector_matches: "a" }] },
    { href_matches: "//evil.example/*" },
    { href_matches: "https://evil.example/*" },
    { href_matches: ["/a", "*"] },
    { href_matches: "/{:x}?//evil.example" },
    { href_matches: "/\\evil.example" },
    { href_matches: { hostname: "evil.example" } },
    { href_matches: { pathname: "/*" } },
  ]) {
    assert.ok(held(where(other)), JSON.stringify(other));
  }
});

test("a path is no help where the page's base leads elsewhere", () => {
  assert.ok(held(where({ href_matches: "/*" }), () => true));
});

test("rules that take every link, and what cannot be read, are held back", () => {
  assert.ok(held({ prefetch: [{ source: "document" }] }));
  for (const text of ["", "x", "null", '{"prefetch":[null]}']) assert.ok(speculates(text, leaves), text);
  assert.ok(!held({ tag: "mine" }));
});
