import assert from "node:assert/strict";
import test from "node:test";
import { type Command, findCommands } from "./palette";

const command = (id: string, words: string, group: Command["group"] = "guests"): Command => ({ id, group, label: words, words, to: `/${id}` });

test("without input it offers the pages", () => {
  assert.deepEqual(findCommands([command("a", "web1"), command("p", "guests", "pages")], "").map((c) => c.id), ["p"]);
});

test("all words must fit, and those that begin so come first", () => {
  const all = [command("1", "start web1", "guests"), command("2", "web1"), command("3", "oldweb1"), command("4", "db")];
  assert.deepEqual(findCommands(all, "web").map((c) => c.id), ["2", "1", "3"]);
  assert.deepEqual(findCommands(all, "START web1").map((c) => c.id), ["1"]);
  assert.deepEqual(findCommands(all, "web2"), []);
});

test("what is found stays together by groups", () => {
  const all = [command("1", "web1"), command("2", "start web1", "actions"), command("3", "web10")];
  assert.deepEqual(findCommands(all, "web1").map((c) => c.group), ["guests", "guests", "actions"]);
});

test("thousands of entries give a short list", () => {
  assert.equal(findCommands(Array.from({ length: 5000 }, (_, i) => command(String(i), `web${i}`)), "web").length, 30);
});
