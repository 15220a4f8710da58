import assert from "node:assert/strict";
import test from "node:test";
import { KEEP_SAMPLES, type Sample, sampleOf, withSample } from "./history";

test("figures that are not there are gaps", () => {
  assert.deepEqual(sampleOf({ cpu: { used: 0.5 }, net: { rx: 1, tx: "x" } }, 7), { time: 7, cpu: 0.5, memory: null, read: null, write: null, rx: 1, tx: null });
});

test("time only goes on, and what is long ago is forgotten", () => {
  let all: readonly Sample[] = [];
  for (let i = 0; i < KEEP_SAMPLES + 5; i++) all = withSample(all, sampleOf({}, i));
  assert.equal(all.length, KEEP_SAMPLES);
  assert.equal(all[0]?.time, 5);
  assert.equal(withSample(all, sampleOf({}, 9)), all);
});
