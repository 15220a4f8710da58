import assert from "node:assert/strict";
import test from "node:test";
import type { Guest } from "../api/generated";
import { arriveJson, changedBody, editableText, jsonDraft, keepMineJson, readBody } from "./guestJson";

function guest(memory: number, revision: number): Guest {
  return {
    metadata: { name: "web", uuid: "u", revision, created: "", modified: "", labels: {} }, spec: { type: "vm", memory },
    status: { state: "stopped", desired: { state: "stopped", cause: "user" }, node: "n", addresses: [], disks: [], nics: [] },
  };
}

test("what can be set is shown, and unchanged it is no change", () => {
  assert.ok(!editableText(guest(1, 1)).includes("status"));
  assert.equal(changedBody(jsonDraft(guest(1, 1))), undefined);
});

test("what is wrong is told: its place, or that it is no resource", () => {
  assert.equal(readBody('{"spec": {},}').error?.column, 13);
  assert.equal(readBody("[]").error?.line, 1);
  assert.equal(readBody('{"spec": 1}').body, undefined);
  assert.deepEqual(readBody('{"spec": {}}').body, { metadata: {}, spec: {} });
});

test("somebody else's change waits until it was looked at; what was typed stays", () => {
  const mine = { ...jsonDraft(guest(1, 1)), text: editableText(guest(3, 1)) };
  const met = arriveJson(mine, guest(2, 2));
  assert.equal(met.text, mine.text);
  assert.equal(met.theirs?.metadata.revision, 2);
  assert.equal(keepMineJson(met).base.metadata.revision, 2);
  assert.deepEqual(changedBody(keepMineJson(met))?.spec, { type: "vm", memory: 3 });
});

test("a text that nobody touched follows, and so does one that says the same", () => {
  assert.equal(arriveJson(jsonDraft(guest(1, 1)), guest(2, 2)).text, editableText(guest(2, 2)));
  assert.equal(arriveJson({ ...jsonDraft(guest(1, 1)), text: editableText(guest(2, 1)) }, guest(2, 2)).theirs, undefined);
  assert.equal(arriveJson({ ...jsonDraft(guest(1, 1)), text: "{" }, guest(1, 2)).base.metadata.revision, 2);
});
