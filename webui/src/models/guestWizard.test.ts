import assert from "node:assert/strict";
import test from "node:test";
import type { Image } from "../api/generated";
import { addDisk, type Around, begin, choose, chooseType, cliOf, creationOf, curlOf, imageOf, imagesFor, isAdvanced, specOf, stepOf, suggestName, typed } from "./guestWizard";

const GIB = 1024 ** 3;

function image(name: string, format: "qcow2" | "tar" = "qcow2", state: Image["status"]["state"] = "ready", size = 2 * GIB): Image {
  return { metadata: { name, uuid: name, revision: 1, created: "", modified: "", labels: {} }, spec: { format, source: { url: "http://x" } }, status: { state, size, virtual_size: size } };
}

const around: Around = {
  images: [image("debian-13"), image("debian-9"), image("tiny-vm", "qcow2", "ready", 1), image("half", "qcow2", "creating"), image("alpine-3", "tar", "ready", 100), image("tiny-container", "tar", "ready", 100)],
  names: new Set(["vm-1", "debian-1"]), networks: ["default", "lan"],
};

test("images that fit and are ready are offered, those that come with Lodge first", () => {
  assert.deepEqual(imagesFor(around.images, "vm").map((i) => i.metadata.name), ["tiny-vm", "debian-9", "debian-13"]);
  assert.deepEqual(imagesFor(around.images, "container").map((i) => i.metadata.name), ["tiny-container", "alpine-3"]);
});

test("a suggested name says the image and is free", () => {
  assert.equal(suggestName("vm", around.images[0], around.names), "debian-2");
  assert.equal(suggestName("vm", around.images[2], around.names), "vm-2");
  assert.equal(suggestName("container", undefined, around.names), "container-1");
});

test("untouched it makes a running guest of the first image", () => {
  const change = creationOf(begin(around, {}));
  assert.equal(change?.path, "/guests/vm-2");
  assert.deepEqual(change?.query, { start: true });
  assert.deepEqual(change?.headers, { "If-None-Match": "*" });
  assert.deepEqual(change?.body, { spec: { type: "vm", cpu: { cores: 1 }, memory: GIB / 2, disks: [{ name: "root", size: GIB, image: "tiny-vm" }], nics: [{ name: "eth0" }] } });
});

test("without images it is a virtual machine with an empty disk; with only a container's, that", () => {
  assert.deepEqual(specOf(begin({ ...around, images: [] }, {})).disks, [{ name: "root", size: 10 * GIB }]);
  assert.equal(begin({ ...around, images: [image("a", "tar")] }, {}).type, "container");
});

test("the address may say name and image; one that is not there is left out", () => {
  const guest = begin(around, { name: "mine", image: "alpine-3" });
  assert.deepEqual([guest.type, imageOf(guest), guest.form.name], ["container", "alpine-3", "mine"]);
  assert.equal(imageOf(begin(around, { image: "half" })), "tiny-vm");
});

test("another image brings its suggestions, and leaves what was typed", () => {
  const guest = choose(typed(begin(around, {}), { memory: "3 GiB" }), "vm", "debian-13", around);
  assert.deepEqual([guest.form.name, guest.form.memory, guest.form.disks[0]?.size], ["debian-2", "3 GiB", "10 GiB"]);
  const named = chooseType(typed(guest, { name: "mine", disks: guest.form.disks.map((d) => ({ ...d, size: "7 GiB" })) }), "container", around);
  assert.deepEqual([named.form.name, imageOf(named), named.form.disks[0]?.size, named.form.disks[0]?.image], ["mine", "tiny-container", "7 GiB", "tiny-container"]);
});

test("the chosen image is that of the first disk, whoever set it", () => {
  const guest = begin({ ...around, images: [] }, {});
  assert.equal(imageOf(guest), "");
  assert.equal(imageOf(typed(guest, { disks: guest.form.disks.map((d) => ({ ...d, from: "volume" as const, volume: "v" })) })), undefined);
});

test("a container has its root only", () => {
  assert.equal(chooseType(addDisk(begin(around, {})), "container", around).form.disks.length, 1);
});

test("advanced fields are sent when they differ from the defaults", () => {
  const guest = typed(chooseType(begin(around, {}), "container", around), { run: "always", order: "3", init: "/bin/sh\n-c", protection: true, labels: "a=b", description: "d" });
  assert.deepEqual(creationOf(guest)?.body, {
    metadata: { labels: { a: "b" }, description: "d" },
    spec: { type: "container", cpu: { cores: 1 }, memory: GIB / 2, disks: [{ name: "root", size: GIB, image: "tiny-container" }], nics: [{ name: "eth0" }], run: "always", boot: { order: 3, init: ["/bin/sh", "-c"] }, protection: true },
  });
});

test("nothing is sent while a field cannot be", () => {
  assert.equal(creationOf(typed(begin(around, {}), { memory: "lots" })), undefined);
});

test("what is wrong belongs to a step, and may be in the folded part", () => {
  assert.equal(stepOf("/spec/disks/0/image"), "image");
  assert.equal(stepOf("/spec/memory"), "settings");
  assert.ok(isAdvanced("/spec/nics/1/mac") && isAdvanced("/spec/disks/0/pool") && !isAdvanced("/spec/memory"));
});

test("the same as lines for a shell", () => {
  const guest = typed({ ...begin(around, { name: "web" }), start: false }, { description: "it's", labels: "a=b" });
  assert.equal(cliOf(guest), "lodge guest create web \\\n  --type vm \\\n  --cpu.cores 1 \\\n  --memory 512MiB \\\n  --disk name=root,size=1GiB,image=tiny-vm \\\n  --nic name=eth0 \\\n  --label a=b \\\n  --description 'it'\\''s' \\\n  --wait");
  assert.match(curlOf(guest, "https://h"), /https:\/\/h\/api\/v1\/guests\/web/);
  assert.match(cliOf({ ...guest, start: true }), /--start/);
});
