import assert from "node:assert/strict";
import { test } from "node:test";
import { askedHeight } from "../src/heights";

test("a frame's height is what it asks for, within bounds", () => {
  const asked = (height: unknown): number | null => askedHeight({ consentry: "resize", height });
  assert.equal(asked(320.4), 320);
  assert.equal(asked(1), 40);
  assert.equal(asked(-5), 40);
  assert.equal(asked(1e9), 5000);
});

test("what asks for no height is left alone", () => {
  for (const data of [null, undefined, "resize", 7, {}, { height: 300 }, { consentry: "open", height: 300 }]) assert.equal(askedHeight(data), null);
  for (const height of ["300", NaN, Infinity, null, undefined]) assert.equal(askedHeight({ consentry: "resize", height }), null);
});
