import assert from "node:assert/strict";
import test from "node:test";
import { type Change, changesOf, collectionOf, withChanges, withLive } from "./collection";

const role = (name: string, revision = 1, uuid = `uuid-${name}`) => ({
  metadata: { name, uuid, revision, created: "2030-01-01T00:00:00Z", modified: "2030-01-01T00:00:00Z", labels: {} },
  spec: { permissions: ["guests.read"] },
});
const change = (name: string, revision: number, gone = false): Change => ({ kind: "roles", uuid: `uuid-${name}`, name, revision, object: gone ? undefined : role(name, revision) });
const names = (c: { items: { metadata: { name: string } }[] }) => c.items.map((i) => i.metadata.name);

test("items are ordered by name, numbers within names by value", () => {
  assert.deepEqual(names(collectionOf([role("web10"), role("web2"), role("db")], 5)), ["db", "web2", "web10"]);
});

test("a change that the list holds already is not applied again", () => {
  const list = collectionOf([role("a", 5)], 5);
  assert.equal(withChanges(list, [change("a", 4, true)]), list);
});

test("new ones come in at their place, gone ones go, and the index follows", () => {
  const after = withChanges(collectionOf([role("a"), role("c")], 5), [change("b", 6), change("a", 7, true)]);
  assert.deepEqual(names(after), ["b", "c"]);
  assert.equal(after.revision, 7);
  for (const [uuid, at] of after.at) assert.equal(after.items[at]?.metadata.uuid, uuid);
});

test("one that is deleted and made again within a batch is there", () => {
  assert.deepEqual(names(withChanges(collectionOf([role("a")], 5), [change("a", 6, true), change("a", 7)])), ["a"]);
});

test("one that is made and deleted within a batch is not there", () => {
  assert.deepEqual(names(withChanges(collectionOf([role("a")], 5), [change("b", 6), change("b", 7, true)])), ["a"]);
});

test("a rename moves it", () => {
  const renamed: Change = { ...change("z", 6), uuid: "uuid-a", object: role("z", 6, "uuid-a") };
  assert.deepEqual(names(withChanges(collectionOf([role("a"), role("m")], 5), [renamed])), ["m", "z"]);
});

test("live figures replace the status and nothing else, and leave the list as it was before", () => {
  const before = collectionOf([{ ...role("a"), status: { x: 1 } }], 5);
  const after = withLive(before, [{ kind: "roles", uuid: "uuid-a", status: { x: 2 } }, { kind: "roles", uuid: "nobody", status: {} }]);
  assert.deepEqual(after.items[0]?.status, { x: 2 });
  assert.deepEqual(before.items[0]?.status, { x: 1 });
});

test("kinds that this console does not know are left out, a known one must have its form", () => {
  assert.deepEqual(changesOf({ revision: 3, changes: [{ kind: "spaceships", type: "put", uuid: "u", name: "n", object: {} }] }), []);
  assert.throws(() => changesOf({ revision: 3, changes: [{ kind: "roles", type: "put", uuid: "u", name: "n", object: { metadata: {} } }] }), /metadata/);
});
