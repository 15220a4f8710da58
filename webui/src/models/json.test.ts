import assert from "node:assert/strict";
import test from "node:test";
import { parseJson, same } from "./json";

const where = (source: string) => {
  const { error } = parseJson(source);
  return error && `${error.line}:${error.column}`;
};

test("what is right gives its value", () => {
  assert.deepEqual(parseJson(' {"a": [1, -2.5e3, true, null, "x\\u00e9\\n"], "b": {}, "c": []} ').value, { a: [1, -2500, true, null, "xé\n"], b: {}, c: [] });
});

test("what is wrong is told by line and column", () => {
  assert.equal(where('{\n  "a": 1\n  "b": 2\n}'), "3:3");
  assert.equal(where('{"a": 1,}'), "1:9");
  assert.equal(where('{"a": }'), "1:7");
  assert.equal(where('{"a": 1} x'), "1:10");
  assert.equal(where('{\n"a": "line\nbreak"}'), "2:6");
  assert.equal(where(""), "1:1");
  assert.equal(where("{a: 1}"), "1:2");
  assert.equal(where("01"), "1:2");
  assert.equal(where("["), "1:2");
});

test("a repeated key is wrong: the API refuses it too", () => {
  assert.equal(where('{"a": 1,\n "a": 2}'), "2:2");
});

test("a text that nests without end is refused, not followed", () => {
  assert.ok(parseJson("[".repeat(100_000)).error);
});

test("the order of members does not count, that of lists does", () => {
  assert.ok(same({ a: 1, b: [1, 2] }, { b: [1, 2], a: 1 }));
  assert.ok(!same({ b: [1, 2] }, { b: [2, 1] }));
  assert.ok(same({ a: undefined }, {}));
});
