import assert from "node:assert/strict";
import { test } from "node:test";
import { align, type Box } from "../src/choices";

const box = (checked = false): Box => ({ checked, indeterminate: false });
const shown = (...boxes: Box[]): string => boxes.map((each) => (each.indeterminate ? "~" : each.checked ? "x" : ".")).join("");

test("ticking a purpose ticks its services, unticking it unticks them", () => {
  const [purpose, a, b] = [box(true), box(), box()];
  align(purpose, [a, b], purpose);
  assert.equal(shown(purpose, a, b), "xxx");
  purpose.checked = false;
  align(purpose, [a, b], purpose);
  assert.equal(shown(purpose, a, b), "...");
});

test("unticking one service unticks the purpose and leaves the others", () => {
  const [purpose, a, b] = [box(true), box(true), box(true)];
  a.checked = false;
  align(purpose, [a, b], a);
  assert.equal(shown(purpose, a, b), "~.x");
  assert.equal(purpose.checked, false);
});

test("ticking every service ticks the purpose", () => {
  const [purpose, a, b] = [box(), box(true), box()];
  b.checked = true;
  align(purpose, [a, b], b);
  assert.equal(shown(purpose, a, b), "xxx");
});

test("at the start a ticked purpose shows its services ticked, and single services leave it half", () => {
  const whole = [box(true), box(), box()] as const;
  align(whole[0], whole.slice(1));
  assert.equal(shown(...whole), "xxx");
  const single = [box(), box(true), box()] as const;
  align(single[0], single.slice(1));
  assert.equal(shown(...single), "~x.");
});

test("nothing is ticked by itself", () => {
  const [purpose, a] = [box(), box()];
  align(purpose, [a]);
  assert.equal(shown(purpose, a), "..");
});

test("a purpose without services keeps its own tick", () => {
  const purpose = box(true);
  align(purpose, [], purpose);
  assert.equal(shown(purpose), "x");
});
