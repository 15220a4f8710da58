import assert from "node:assert/strict";
import test from "node:test";
import { compact, complete, type FieldDef, labelsText, parseLabels, wrong } from "./form";

const field = (type: FieldDef["type"], more: Partial<FieldDef> = {}): FieldDef => ({ key: "x", label: "X", type, pointer: "/spec/x", ...more });

test("labels are read from words and written back", () => {
  assert.deepEqual(parseLabels("team=web env=prod\nplain"), { team: "web", env: "prod", plain: "" });
  assert.equal(labelsText({ team: "web", plain: "" }), "team=web plain");
  assert.equal(parseLabels("Bad Key=1"), undefined);
  assert.deepEqual(parseLabels("url=http://a/?b=c"), { url: "http://a/?b=c" });
});

test("what cannot be a value is said, an empty one only counts where it is needed", () => {
  assert.ok(wrong(field("size"), { x: "many" }));
  assert.equal(wrong(field("size"), { x: "10 GiB" }), undefined);
  assert.ok(wrong(field("number"), { x: "1.5" }));
  assert.equal(complete([field("text", { required: true })], { x: "  " }), false);
  assert.equal(complete([field("text")], {}), true);
});

test("a field that is not shown is not needed", () => {
  const fields = [field("text", { required: true, when: (v) => v["kind"] === "a" })];
  assert.equal(complete(fields, { kind: "b" }), true);
  assert.equal(complete(fields, { kind: "a" }), false);
});

test("empty members are left to the daemon's defaults", () => {
  assert.deepEqual(compact({ a: "", b: undefined, c: 0, d: false }), { c: 0, d: false });
});
