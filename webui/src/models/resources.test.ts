import assert from "node:assert/strict";
import test from "node:test";
import type { Network, User } from "../api/generated";
import { bindingChange, bindingValues, imageChange, networkChange, networkEdit, networkValues, poolChange, tokenChange, userChange, userEdit, userValues, volumeChange } from "./resources";

const metadata = { name: "n", uuid: "u", revision: 7, created: "", modified: "", labels: {} };

test("what is left empty is left to the daemon's defaults", () => {
  assert.deepEqual(poolChange({ name: "fast", path: "", trash_hours: "", description: "" }).body, { spec: { kind: "dir" } });
  assert.deepEqual(networkChange({ name: "lan", kind: "nat", bridge: "", cidr: "", mtu: "" }).body, { spec: { kind: "nat" } });
});

test("making something never replaces what is there", () => {
  assert.deepEqual(volumeChange({ name: "data", pool: "local", content: "disk", size: "10", image: "" }).headers, { "If-None-Match": "*" });
  assert.deepEqual(volumeChange({ name: "data", pool: "local", content: "disk", size: "10", image: "" }).body, { spec: { pool: "local", content: "disk", size: 10 * 2 ** 30 } });
});

test("an edit is refused when somebody was faster, and takes away what was emptied", () => {
  const network: Network = { metadata, spec: { kind: "nat", cidr: "10.1.0.0/24", domain: "x", mtu: 1400 }, status: { bridge: "lodge1" } };
  const change = networkEdit(network, { ...networkValues(network), domain: "", mtu: "" });
  assert.deepEqual(change.headers, { "If-Match": '"7"' });
  assert.deepEqual(change.body, { metadata: { description: null }, spec: { cidr: "10.1.0.0/24", dhcp: null, domain: null, mtu: null } });
});

test("a password is sent only when one was typed, and as it was typed", () => {
  const user: User = { metadata, spec: { full_name: "N", groups: ["a"] }, status: { has_password: true } };
  assert.deepEqual(userEdit(user, userValues(user)).body, { spec: { full_name: "N", groups: ["a"], disabled: false } });
  assert.deepEqual((userChange({ name: "n", password: " with blanks " }).body as { spec: { password: string } }).spec.password, " with blanks ");
});

test("subjects are put together and taken apart, names with colons too", () => {
  const change = bindingChange({ name: "b", who: "group", subject: "a:b", role: "viewer", path: "", selector: "team=web" });
  assert.deepEqual(change.body, { spec: { subject: "group:a:b", role: "viewer", selector: { team: "web" } } });
  assert.equal(bindingValues({ metadata, spec: { subject: "group:a:b", role: "viewer" } })["subject"], "a:b");
});

test("an image has one source, a token's end is a time in UTC", () => {
  assert.deepEqual(imageChange({ name: "i", format: "qcow2", from: "url", url: "https://x/y", file: "/never", sha256: "" }).body, { spec: { format: "qcow2", source: { url: "https://x/y" } } });
  const spec = (tokenChange({ name: "t", user: "", role: "", expires: "2030-01-31T12:00" }).body as { spec: { expires: string } }).spec;
  assert.match(spec.expires, /^2030-01-3\dT\d\d:\d\d:00\.000Z$/);
});
