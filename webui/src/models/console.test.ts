import assert from "node:assert/strict";
import test from "node:test";
import type { Guest } from "../api/generated";
import { endText, isPassing, isReachable, kindsOf, noticeOf } from "./console";

const guest = (state: Guest["status"]["state"]): Guest => ({ status: { state } }) as Guest;

test("a container has no screen, a VM no shell", () => {
  assert.ok(!kindsOf("container").includes("vnc"));
  assert.ok(!kindsOf("vm").includes("shell"));
});

test("a stopped guest has its log only", () => {
  assert.equal(isReachable("log", guest("stopped")), true);
  assert.equal(isReachable("serial", guest("stopped")), false);
  assert.equal(isReachable("serial", guest("running")), true);
});

test("notices are read, and what is none of them means nothing", () => {
  assert.deepEqual(noticeOf('{"mode":"viewer","by":"user:alice"}'), { mode: "viewer", by: "user:alice" });
  assert.deepEqual(noticeOf('{"mode":"owner","lost":"many"}'), {});
  assert.deepEqual(noticeOf("not json"), {});
});

test("a restart and a broken line are tried again, an ended session and a stopped guest are not", () => {
  assert.deepEqual([4003, 1006].map(isPassing), [true, true]);
  assert.deepEqual([4000, 4001, 4002].map(isPassing), [false, false, false]);
  assert.match(endText(4000, { code: 3 }), /3/);
});
