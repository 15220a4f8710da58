import assert from "node:assert/strict";
import test from "node:test";
import { plainLog } from "./log";

test("colours, titles and moves of the cursor are left out", () => {
  assert.equal(plainLog("\u001b[1;32mok\u001b[0m \u001b]0;title\u0007done\u001bc\u001b[2J\u001b[?25l\u0007"), "ok done");
});

test("lines end as a terminal would show them", () => {
  assert.equal(plainLog("one\r\ntwo\r\n10 %\r100 %\r\n\n\n\n\nend\n"), "one\ntwo\n100 %\n\nend");
});
