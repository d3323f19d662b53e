import assert from "node:assert/strict";
import { test } from "node:test";
import { decides, homeOf, wrapper } from "../src/addresses";

const PAGE = "https://site.example/news/1";
const HOME = "https://site.example/consent/";

test("the server's routes are beside the state, or around the bundle", () => {
  assert.equal(homeOf("/consent/state", undefined, PAGE), HOME);
  assert.equal(homeOf("/app/privacy/state", `${HOME}static/banner.js`, PAGE), "https://site.example/app/privacy/");
  assert.equal(homeOf(undefined, `${HOME}static/banner.js?v=1`, PAGE), HOME);
  assert.equal(homeOf(undefined, undefined, PAGE), "");
});

test("only the wrapper of that service opens", () => {
  const opens = (address: string, service = "youtube", home = HOME): boolean => wrapper(address, service, home, PAGE) !== null;
  for (const own of ["/consent/embed/youtube/a.b-C_1", "https://site.example/consent/embed/youtube/.x?once=1"]) assert.ok(opens(own), own);
  for (const other of [
    "javascript:parent.x=1",
    "data:text/html,x",
    "blob:https://site.example/consent/embed/youtube/x",
    "//evil.example/consent/embed/youtube/x",
    "http://site.example/consent/embed/youtube/x",
    "https://site.example:8443/consent/embed/youtube/x",
    "https://u:p@site.example/consent/embed/youtube/x",
    "/uploads/x.html",
    "/consent/embed/posts/x",
    "/consent/embed/youtube/../../../uploads/x",
    "/consent/embed/youtube/..%2f..%2f..%2fuploads%2fx",
    "/consent/embed/youtube/a/b",
    "/consent/embed/youtube/",
    "https://[",
    "",
  ]) {
    assert.ok(!opens(other), other);
  }
  assert.ok(!opens("/embed/youtube/x", "youtube", ""));
  assert.ok(!opens("/consent/embed/..%2fx", ".."));
});

test("only a form to the decision is the script's", () => {
  assert.ok(decides("/consent/decision", HOME, PAGE));
  for (const other of ["https://evil.example/consent/decision", "/consent/report", "/consent/decision?x=1", "/decision", "javascript:1", "", null]) {
    assert.ok(!decides(other, HOME, PAGE), String(other));
  }
  assert.ok(!decides("/decision", "", PAGE));
});
