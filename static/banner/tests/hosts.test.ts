import assert from "node:assert/strict";
import { test } from "node:test";
import { isAllowed, staysAllowed, withoutStrangers } from "../src/hosts";

const ALLOWED = ["site.example", "*.video.example", "turn.example"];
const stays = (href: string): boolean => staysAllowed(href, "https://site.example/news/", ALLOWED);

test("a host is allowed by its name, whatever its case or final dot", () => {
  for (const host of ["site.example", "SITE.example", "site.example.", "cdn.video.example"]) assert.ok(isAllowed(host, ALLOWED));
});

test("a host that only looks like an allowed one is not", () => {
  for (const host of ["video.example", "notsite.example", "site.example.evil.example", "evilvideo.example", ""]) {
    assert.ok(!isAllowed(host, ALLOWED), host);
  }
});

test("a URL is read as browsers read it", () => {
  for (const href of ["", "/a.css", "../x", "data:,x", "https://site.example:8443/x", "//cdn.video.example/x", "https://["]) assert.ok(stays(href), href);
  for (const href of ["//evil.example", " https://evil.example", "https:\\\\evil.example", "/\\evil.example", "ht\ntps://evil.example", "https://ｅvil.example"]) {
    assert.ok(!stays(href), href);
  }
});

test("a peer connection keeps the servers of allowed hosts only", () => {
  const given = {
    iceTransportPolicy: "relay" as const,
    iceServers: [
      { urls: ["stun:evil.example:3478", "turn:turn.example:443?transport=tcp"], username: "u", credential: "c" },
      { urls: "STUNS:evil.example" },
      { url: "stun:evil.example" } as unknown as RTCIceServer,
    ],
  };
  assert.deepEqual(withoutStrangers(given, ALLOWED), {
    iceTransportPolicy: "relay",
    iceServers: [{ urls: ["turn:turn.example:443?transport=tcp"], username: "u", credential: "c" }],
  });
});

test("a peer connection without servers stays as it is", () => {
  assert.equal(withoutStrangers(undefined, ALLOWED), undefined);
  assert.deepEqual(withoutStrangers({ iceServers: [] }, ALLOWED), { iceServers: [] });
});

test("an address in place of a name is a stranger", () => {
  assert.deepEqual(withoutStrangers({ iceServers: [{ urls: "stun:[2001:db8::1]:3478" }, { urls: "stun:192.0.2.1" }] }, ALLOWED), { iceServers: [] });
});
