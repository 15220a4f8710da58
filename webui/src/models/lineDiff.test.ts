import assert from "node:assert/strict";
import test from "node:test";
import { hunks, lineDiff } from "./lineDiff";

const marks = (before: string, after: string) => lineDiff(before, after).map((l) => ({ same: " ", removed: "-", added: "+" })[l.kind] + l.text);

test("a changed line is one removed and one added, the others are the same", () => {
  assert.deepEqual(marks("a\nb\nc", "a\nx\nc"), [" a", "-b", "+x", " c"]);
});

test("lines that were put in or taken out do not disturb those around them", () => {
  assert.deepEqual(marks("a\nb\nc\nd", "a\nc\nn\nd"), [" a", "-b", " c", "+n", " d"]);
  assert.deepEqual(marks("a", "a"), [" a"]);
  assert.deepEqual(marks("a\na", "a\na\na"), [" a", " a", "+a"]);
});

test("texts that are too large to compare are shown as replaced", () => {
  const lines = (n: number, mark: string) => Array.from({ length: n }, (_, i) => `${mark}${i}`).join("\n");
  assert.equal(lineDiff(lines(2000, "a"), lines(2000, "b")).length, 4000);
});

test("far from a difference lines are left out", () => {
  const before = Array.from({ length: 20 }, (_, i) => `l${i}`).join("\n");
  const shown = hunks(lineDiff(before, before.replace("l10", "x")), 1);
  assert.deepEqual(shown.map((l) => l?.text), [undefined, "l9", "l10", "x", "l11", undefined]);
  assert.deepEqual(hunks(lineDiff("a", "a")), [undefined]);
});
