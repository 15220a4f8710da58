import assert from "node:assert/strict";
import test from "node:test";
import type { Guest } from "../api/generated";
import { arrive, changedFields, diskSpec, draftOf, fateOf, fieldTitle, formOf, type GuestDraft, type GuestForm, keepMine, localErrors, metadataEffects, newDisk, newNic, parseLabels, patchOf, takeTheirs } from "./guestForm";

const GIB = 1024 ** 3;

function guest(spec: Partial<Guest["spec"]> = {}, metadata: Partial<Guest["metadata"]> = {}): Guest {
  return {
    metadata: { name: "web", uuid: "u", revision: 5, created: "", modified: "", labels: { team: "shop" }, ...metadata },
    spec: { type: "vm", disks: [{ name: "root", image: "debian" }], nics: [{ name: "eth0" }], ...spec },
    status: { state: "stopped", desired: { state: "stopped", cause: "user" }, node: "n", addresses: [], disks: [{ name: "root", volume: "web-root", size: 2 * GIB }], nics: [] },
  };
}

function typed(draft: GuestDraft, form: Partial<GuestForm>): GuestDraft {
  return { ...draft, form: { ...draft.form, ...form } };
}

test("a form that nobody touched changes nothing, whatever the guest left to its defaults", () => {
  for (const g of [guest(), guest({ memory: 1_000_000_000, cpu: { cores: 2 }, boot: { order: 5, init: ["a", "b"] }, run: "always", protection: true, nics: [{ name: "e", network: "default", mac: "02:00:00:00:00:01" }] })]) {
    assert.deepEqual(changedFields(draftOf(g)), []);
    assert.equal(patchOf(draftOf(g)), undefined);
  }
});

test("only what was changed is sent, at its place", () => {
  const draft = typed(draftOf(guest()), { memory: "2", cores: "4", order: "7", description: "new", name: "web2" });
  assert.deepEqual(patchOf(typed(draft, { memory: "2 GiB" })), { metadata: { name: "web2", description: "new" }, spec: { cpu: { cores: 4 }, memory: 2 * GIB, boot: { order: 7 } } });
});

test("the same size in other words is no change", () => {
  assert.equal(patchOf(typed(draftOf(guest({ memory: GIB })), { memory: "1024 MiB" })), undefined);
});

test("what is emptied is removed, and so is a label that is gone", () => {
  const g = guest({ boot: { init: ["x"] } }, { description: "d", labels: { a: "1", b: "2" } });
  assert.deepEqual(patchOf(typed(draftOf(g), { description: "", init: " ", labels: "b=3\nc" })), { metadata: { description: null, labels: { a: null, b: "3", c: "" } }, spec: { boot: { init: null } } });
});

test("labels are read line by line; a line without a key or a key twice is none", () => {
  assert.deepEqual(parseLabels(" a=b=c \n\nx"), { a: "b=c", x: "" });
  assert.equal(parseLabels("=b"), undefined);
  assert.equal(parseLabels("a=1\na=2"), undefined);
});

test("what cannot be sent is told at its field, and nothing is sent", () => {
  const draft = draftOf(guest());
  const wrong = typed(draft, { cores: "x", memory: "much", name: " ", labels: "=", order: "", disks: [...draft.form.disks, { ...newDisk(draft.form, "image") }, { ...newDisk(draft.form), size: "?" }] });
  assert.deepEqual([...localErrors(wrong.form).keys()].sort(), ["/metadata/labels", "/metadata/name", "/spec/boot/order", "/spec/cpu/cores", "/spec/disks/1/image", "/spec/disks/2/size", "/spec/memory"]);
  assert.equal(patchOf(wrong), undefined);
});

test("a disk grows and does not shrink", () => {
  const [disk] = formOf(guest()).disks;
  assert.ok(disk);
  assert.deepEqual(diskSpec(disk), { name: "root", image: "debian" });
  assert.deepEqual(diskSpec({ ...disk, size: "3" }), { name: "root", image: "debian", size: 3 * GIB });
  assert.ok(localErrors({ ...formOf(guest()), disks: [{ ...disk, size: "1" }] }).has("/spec/disks/0/size"));
});

test("a removed disk leaves the list, and what happens to its data depends on whose it is", () => {
  const draft = draftOf(guest({ disks: [{ name: "root", image: "debian" }, { name: "old", volume: "archive" }] }));
  const [root, old] = draft.form.disks;
  assert.ok(root && old);
  assert.deepEqual(patchOf(typed(draft, { disks: [{ ...root, removed: true }, old] })), { spec: { disks: [{ name: "old", volume: "archive" }] } });
  assert.match(fateOf(root), /web-root.*trash/);
  assert.match(fateOf(old), /archive.*stays/);
});

test("new disks and cards get names that are free, and say only what differs from the defaults", () => {
  const { form } = draftOf(guest());
  const disk = newDisk(form);
  assert.equal(newDisk({ ...form, disks: [...form.disks, disk] }).name, "data2");
  assert.equal(newNic(form).name, "eth1");
  assert.deepEqual(diskSpec({ ...disk, size: "8" }), { name: "data1", size: 8 * GIB });
  assert.deepEqual(diskSpec({ ...disk, from: "volume", volume: "v", size: "", readOnly: true }), { name: "data1", volume: "v", read_only: true });
  assert.deepEqual(patchOf(typed(draftOf(guest()), { nics: [...form.nics, newNic(form), newNic(form, "lan")] })), { spec: { nics: [{ name: "eth0" }, { name: "eth1" }, { name: "eth1", network: "lan" }] } });
});

test("fields that were left alone follow what others change, and it is told", () => {
  const draft = arrive(typed(draftOf(guest()), { cores: "2" }), guest({ memory: GIB }, { revision: 6 }));
  assert.equal(draft.form.memory, "1 GiB");
  assert.equal(draft.form.cores, "2");
  assert.deepEqual([draft.conflicts, draft.followed], [[], ["memory"]]);
  assert.deepEqual(patchOf(draft), { spec: { cpu: { cores: 2 } } });
  assert.equal(draft.base.metadata.revision, 6);
});

test("in a form that nobody touched nothing needs to be told", () => {
  assert.deepEqual(arrive(draftOf(guest()), guest({ memory: GIB }, { revision: 6 })).followed, []);
});

test("what was typed is never overwritten: somebody chooses, and then it goes on", () => {
  const draft = arrive(typed(draftOf(guest()), { memory: "2 GiB", cores: "2" }), guest({ memory: GIB }, { revision: 6 }));
  assert.equal(draft.form.memory, "2 GiB");
  assert.deepEqual(draft.conflicts, ["memory"]);
  assert.equal(patchOf(draft), undefined);
  assert.deepEqual(patchOf(keepMine(draft, "memory")), { spec: { cpu: { cores: 2 }, memory: 2 * GIB } });
  const theirs = takeTheirs(draft, "memory");
  assert.equal(theirs.form.memory, "1 GiB");
  assert.deepEqual(patchOf(theirs), { spec: { cpu: { cores: 2 } } });
});

test("a conflict ends when both say the same, and an older guest changes nothing", () => {
  const draft = arrive(typed(draftOf(guest()), { memory: "2 GiB" }), guest({ memory: GIB }, { revision: 6 }));
  assert.deepEqual(arrive(draft, guest({ memory: 2 * GIB }, { revision: 7 })).conflicts, []);
  assert.equal(arrive(draft, guest({}, { revision: 5 })), draft);
});

test("what was saved here is no longer a change when it comes back", () => {
  const before = draftOf(guest());
  const draft = typed(before, { disks: [...before.form.disks, { ...newDisk(before.form), size: "1" }] });
  const back = arrive(draft, guest({ disks: [{ name: "root", image: "debian" }, { size: GIB, name: "data1" }] }, { revision: 6 }));
  assert.deepEqual(changedFields(back), []);
  assert.equal(back.form.disks[1]?.from, "kept");
});

test("names, labels and descriptions are lines of the plan too", () => {
  assert.deepEqual(metadataEffects(guest(), { name: "b", labels: {} }), [{ pointer: "/metadata/name", effect: "now", before: "web", after: "b" }, { pointer: "/metadata/labels", effect: "now", before: "team=shop", after: undefined }]);
});

test("fields of a plan are named as the form names them", () => {
  const { spec } = guest();
  assert.equal(fieldTitle("/spec/memory", spec), "Memory");
  assert.equal(fieldTitle("/spec/nics/0/network", spec), "Network card eth0: network");
  assert.equal(fieldTitle("/spec/disks/1", spec, { name: "data" }), "Disk data");
  assert.equal(fieldTitle("/spec/disks/7", spec), "Disk 8");
  assert.equal(fieldTitle("/spec/new/thing", spec), "new thing");
});
