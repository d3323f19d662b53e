import assert from "node:assert/strict";
import { test } from "node:test";
import { about, wayBack } from "../src/shared_page";

test("a form leads back to the address that the visitor sees, and to its own place there", () => {
  assert.equal(wayBack("/film", "/film?x=1"), "/film?x=1");
  assert.equal(wayBack("/film#cs-frame-1", "/film?x=1"), "/film?x=1#cs-frame-1");
});

test("an address too long to carry is left out", () => {
  assert.equal(wayBack("/film#cs-frame-1", `/film?${"x".repeat(2000)}`), "/film#cs-frame-1");
});

test("the state is asked for each service once, and for the link", () => {
  assert.equal(about("/consent/state", ["youtube", "a&b", "youtube"]), "/consent/state?about=&about=youtube&about=a%26b");
});
