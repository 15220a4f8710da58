import assert from "node:assert/strict";
import test from "node:test";
import { Recycler } from "./recycle";

const shown = (r: Recycler, keys: string[], atRest: boolean) => r.place(keys, atRest).map((p) => `${p.slot}${keys[p.at]}`).join(" ");

test("an item keeps its row for as long as it is in sight", () => {
  const r = new Recycler();
  assert.equal(shown(r, ["a", "b", "c"], true), "0a 1b 2c");
  assert.equal(shown(r, ["new", "a", "b"], true), "2new 0a 1b");
});

test("while the list moves, rows that leave take the items that come, and none changes its place in the document", () => {
  const r = new Recycler();
  r.place(["a", "b", "c", "d"], true);
  assert.equal(shown(r, ["b", "c", "d", "e"], false), "0e 1b 2c 3d");
  assert.equal(shown(r, ["d", "e", "f", "g"], false), "0e 1g 2f 3d");
});

test("at rest the document has the items' order again", () => {
  const r = new Recycler();
  r.place(["a", "b", "c"], true);
  r.place(["b", "c", "d"], false);
  assert.equal(shown(r, ["b", "c", "d"], true), "1b 2c 0d");
});

test("no more rows than items are shown, and rows that were free come back first", () => {
  const r = new Recycler();
  r.place(["a", "b", "c", "d"], true);
  assert.equal(shown(r, ["a"], false), "0a");
  assert.deepEqual(new Set(r.place(["a", "x", "y", "z"], false).map((p) => p.slot)), new Set([0, 1, 2, 3]));
});
