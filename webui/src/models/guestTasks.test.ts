import assert from "node:assert/strict";
import test from "node:test";
import type { Task } from "../api/generated";
import { actionName, tasksOf } from "./guestTasks";

function task(name: string, revision: number, object = "u", state: Task["status"]["state"] = "succeeded"): Task {
  return { metadata: { name, uuid: name, revision, created: name, modified: "", labels: {} }, spec: { action: "guest.start", object: { kind: "guest", name: "web", uuid: object } }, status: { state, progress: 100 } };
}

test("what was heard of this object is put in, the newest first", () => {
  const shown = tasksOf("u", [task("1", 1), task("2", 2, "u", "running")], [task("2", 3), task("3", 4), task("4", 5, "other"), task("1", 0, "u", "failed")]);
  assert.deepEqual(shown.map((t) => [t.metadata.name, t.status.state]), [["3", "succeeded"], ["2", "succeeded"], ["1", "succeeded"]]);
});

test("actions are told in words, unknown ones as they are", () => {
  assert.deepEqual(["guest.create", "guest.kill", "image.import", "node.stop-guests", "guest.constructor", "odd"].map(actionName), ["Create guest", "Kill guest", "Import image", "node.stop-guests", "guest.constructor", "odd"]);
});
