import assert from "node:assert/strict";
import test from "node:test";
import { ago, bytes, duration, parseBytes, percent, sizeText } from "./format";

test("sizes have three digits at most and never 1024 of a unit", () => {
  const cases: [number, string][] = [[0, "0 B"], [1023, "1023 B"], [1024, "1 KiB"], [1536, "1.5 KiB"], [1048575, "1 MiB"], [134217728, "128 MiB"], [1610612736, "1.5 GiB"], [10737418240, "10 GiB"], [109951162777600, "100 TiB"]];
  for (const [value, wanted] of cases) assert.equal(bytes(value), wanted);
});

test("sizes that people type are understood, others are not", () => {
  assert.equal(parseBytes("2 GiB"), 2147483648);
  assert.equal(parseBytes("1.5g"), 1610612736);
  assert.equal(parseBytes("512"), 536870912);
  assert.equal(parseBytes("10", "GiB"), 10737418240);
  assert.equal(parseBytes("100 B"), 100);
  for (const wrong of ["", "x", "-1", "1 XB", "1e9", "1 2"]) assert.equal(parseBytes(wrong), undefined);
});

test("times are said relative to now", () => {
  const now = new Date("2030-01-31T12:00:00Z");
  assert.equal(ago(new Date("2030-01-31T11:59:58Z"), now), "just now");
  assert.equal(ago(new Date("2030-01-31T11:57:00Z"), now), "3 minutes ago");
  assert.equal(ago(new Date("2030-01-30T12:00:00Z"), now), "yesterday");
  assert.equal(ago(new Date("2030-01-31T13:30:00Z"), now), "in 1 hour");
});

test("durations name their two largest units", () => {
  assert.equal(duration(93784), "1 d 2 h");
  assert.equal(duration(59), "59 s");
  assert.equal(duration(3600), "1 h");
  assert.equal(duration(0), "0 s");
});

test("small shares keep a digit", () => {
  assert.equal(percent(0.012), "1.2 %");
  assert.equal(percent(0.5), "50 %");
  assert.equal(percent(0), "0 %");
});

test("a size in a field reads back as it was", () => {
  for (const value of [1, 1000, 1536, 1000000000, 1610612736, 1025 * 1024 ** 2, 10 * 1024 ** 3]) assert.equal(parseBytes(sizeText(value)), value);
  assert.equal(sizeText(1025 * 1024 ** 2), "1025 MiB");
});
