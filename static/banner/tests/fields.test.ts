import assert from "node:assert/strict";
import { test } from "node:test";
import { isKept } from "../src/fields";

const field = (given: object) => ({ type: "text", name: "topic", id: "", autocomplete: "" as AutoFill, ...given });

test("what a visitor types is kept", () => {
  for (const type of ["text", "textarea", "email", "select-one", "checkbox", "radio"]) assert.ok(isKept(field({ type })), type);
  assert.ok(isKept(field({ name: "", id: "topic" })));
  assert.ok(isKept(field({ autocomplete: "email" })));
});

test("secrets, files and what is no input are not", () => {
  for (const type of ["password", "hidden", "file", "submit", "button", "image", "reset"]) assert.ok(!isKept(field({ type })), type);
  for (const autocomplete of ["off", "cc-number", "section-a billing cc-csc", "one-time-code", "current-password", "new-password"]) {
    assert.ok(!isKept(field({ autocomplete })), autocomplete);
  }
  assert.ok(!isKept(field({ name: "Password_shown" })));
});

test("a form that is not to be remembered is not, and nothing without a name", () => {
  assert.ok(!isKept(field({}), "off"));
  assert.ok(!isKept(field({ name: "" })));
});
