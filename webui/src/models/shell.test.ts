import assert from "node:assert/strict";
import test from "node:test";
import { curlLine, exactSize, lodgeLine, optionOf, quoted } from "./shell";

test("words that a shell would take apart are quoted", () => {
  assert.equal(quoted("web-1.example:80/x"), "web-1.example:80/x");
  assert.equal(quoted("it's $HOME"), `'it'\\''s $HOME'`);
  assert.equal(quoted(""), "''");
});

test("sizes are short where that is exact", () => {
  assert.equal(exactSize(10 * 1024 ** 3), "10GiB");
  assert.equal(exactSize(1536 * 1024 ** 2), "1.5GiB");
  assert.equal(exactSize(1_000_000_000), "1000000000");
});

test("an entry of a list becomes one option", () => {
  assert.equal(optionOf({ name: "root", size: 1024 ** 3, read_only: true }), "name=root,size=1GiB,read-only=true");
});

test("a line begins with its words and has its options below", () => {
  assert.equal(lodgeLine(["guest", "create", "a b"], [["--type", "vm"], "--start"]), "lodge guest create 'a b' \\\n  --type vm \\\n  --start");
});

test("curl gets its body quoted, and the token from the environment", () => {
  const line = curlLine("PUT", "https://h/api/v1/guests/a?start=true", { metadata: { description: "it's" } });
  assert.ok(line.startsWith("curl -X PUT 'https://h/api/v1/guests/a?start=true' \\\n  -H \"Authorization: Bearer $LODGE_TOKEN\""));
  assert.ok(line.endsWith(`--data '{"metadata":{"description":"it'\\''s"}}'`));
});
