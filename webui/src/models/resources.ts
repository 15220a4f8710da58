// The forms of images, pools, volumes, networks, users, roles, bindings, tokens and settings, and the requests that they make. Pure.
import { type Change, creation, edit } from "../api/client";
import { type Binding, fields, type Image, type Network, type Pool, type Setting, type Token, type User, type Volume } from "../api/generated";
import { text } from "../text/en";
import { compact, type FieldDef, lines, number, on, parseLabels, labelsText, size, str, type Values } from "./form";
import { bytes } from "./format";

const t = text;

function meta(values: Values): { metadata?: { labels?: Record<string, string>; description?: string } } {
  const labels = parseLabels(str(values, "labels"));
  const description = str(values, "description");
  const metadata = { ...(labels && Object.keys(labels).length && { labels }), ...(description && { description }) };
  return Object.keys(metadata).length ? { metadata } : {};
}

/** For a merge patch: emptied members are taken away. */
function metaPatch(values: Values): { metadata: Record<string, unknown> } {
  return { metadata: { description: str(values, "description") || null } };
}

const nameField: FieldDef = { key: "name", label: t.common.name, type: "text", pointer: "/metadata/name", required: true, fixed: true, help: t.form.nameHelp };
const descriptionField: FieldDef = { key: "description", label: t.common.description, type: "text", pointer: "/metadata/description" };

// ---- images ----

export const imageFields: readonly FieldDef[] = [
  nameField,
  { key: "format", label: t.images.format, type: "choice", pointer: "/spec/format", required: true, options: (["qcow2", "raw", "tar"] as const).map((v) => ({ value: v, label: t.images.formats[v] })) },
  { key: "from", label: t.images.source, type: "choice", pointer: "/spec/source", required: true, options: [{ value: "upload", label: t.images.upload }, { value: "url", label: t.images.fromUrl }, { value: "file", label: t.images.fromFile }] },
  { key: "url", label: t.images.url, type: "text", pointer: "/spec/source/url", required: true, placeholder: "https://…", help: fields.image_source.url.help, when: (v) => str(v, "from") === "url" },
  { key: "file", label: t.images.file, type: "text", pointer: "/spec/source/file", required: true, placeholder: "/srv/images/…", help: fields.image_source.file.help, when: (v) => str(v, "from") === "file" },
  { key: "sha256", label: t.images.sha256, type: "text", pointer: "/spec/sha256", help: fields.image_spec.sha256.help },
];

export function imageChange(values: Values): Change<"images"> {
  const from = str(values, "from");
  const source = from === "url" ? { url: str(values, "url") } : { file: str(values, "file") };
  return creation("images", str(values, "name"), { spec: compact({ format: str(values, "format"), source, sha256: str(values, "sha256") }) });
}

export function imageSearch(i: Image): string {
  return [i.metadata.name, i.spec.format, i.status.state, labelsText(i.metadata.labels)].join(" ").toLowerCase();
}

// ---- pools and volumes ----

export const poolFields: readonly FieldDef[] = [
  nameField,
  { key: "path", label: t.storage.path, type: "text", pointer: "/spec/path", fixed: true, placeholder: "/srv/guests", help: fields.pool_spec.path.help },
  { key: "trash_hours", label: t.storage.trashHours, type: "number", pointer: "/spec/trash_hours", placeholder: "24", help: fields.pool_spec.trash_hours.help },
  descriptionField,
];

export function poolChange(values: Values): Change<"pools"> {
  return creation("pools", str(values, "name"), { ...meta(values), spec: compact({ kind: "dir", path: str(values, "path"), trash_hours: number(values, "trash_hours") }) });
}

export function poolEdit(pool: Pool, values: Values): Change<"pools"> {
  return edit("pools", pool.metadata.name, { ...metaPatch(values), spec: { trash_hours: number(values, "trash_hours") ?? null } }, pool.metadata.revision);
}

export function poolValues(pool: Pool): Values {
  return { name: pool.metadata.name, path: pool.spec.path ?? "", trash_hours: String(pool.spec.trash_hours ?? ""), description: pool.metadata.description ?? "" };
}

export function volumeFields(pools: readonly Pool[], images: readonly Image[]): readonly FieldDef[] {
  return [
    nameField,
    { key: "pool", label: t.storage.poolOf, type: "choice", pointer: "/spec/pool", required: true, options: pools.map((p) => ({ value: p.metadata.name, label: `${p.metadata.name} · ${bytes(p.status.free ?? 0)}` })) },
    { key: "content", label: t.storage.content, type: "choice", pointer: "/spec/content", required: true, options: (["disk", "rootfs"] as const).map((v) => ({ value: v, label: t.storage.contents[v] })) },
    { key: "size", label: t.common.size, type: "size", unit: "GiB", pointer: "/spec/size", required: true, placeholder: "10 GiB", help: fields.volume_spec.size.help },
    { key: "image", label: t.storage.image, type: "choice", pointer: "/spec/image", placeholder: t.common.none, help: fields.volume_spec.image.help,
      options: images.filter((i) => i.status.state === "ready").map((i) => ({ value: i.metadata.name, label: i.metadata.name })) },
  ];
}

export function volumeChange(values: Values): Change<"volumes"> {
  return creation("volumes", str(values, "name"), { spec: compact({ pool: str(values, "pool"), content: str(values, "content"), size: size(values, "size", "GiB"), image: str(values, "image") }) });
}

export const resizeFields: readonly FieldDef[] = [
  { key: "size", label: t.common.size, type: "size", unit: "GiB", pointer: "/spec/size", required: true, help: fields.volume_spec.size.help },
];

export function volumeResize(volume: Volume, values: Values): Change<"volumes"> {
  return edit("volumes", volume.metadata.name, { spec: { size: size(values, "size", "GiB") } }, volume.metadata.revision);
}

// ---- networks ----

export const networkFields: readonly FieldDef[] = [
  nameField,
  { key: "kind", label: t.common.kind, type: "choice", pointer: "/spec/kind", required: true, fixed: true, options: (["nat", "isolated", "bridge"] as const).map((v) => ({ value: v, label: t.networks.kinds[v] })) },
  { key: "bridge", label: t.networks.bridge, type: "text", pointer: "/spec/bridge", fixed: true, help: fields.network_spec.bridge.help, placeholder: "br0" },
  { key: "cidr", label: t.networks.cidr, type: "text", pointer: "/spec/cidr", help: fields.network_spec.cidr.help, placeholder: "10.77.1.0/24", when: (v) => str(v, "kind") !== "bridge" },
  { key: "from", label: t.networks.dhcpFrom, type: "text", pointer: "/spec/dhcp/from", help: fields.network_spec.dhcp.help, when: (v) => str(v, "kind") !== "bridge" },
  { key: "to", label: t.networks.dhcpTo, type: "text", pointer: "/spec/dhcp/to", when: (v) => str(v, "kind") !== "bridge" },
  { key: "domain", label: t.networks.domain, type: "text", pointer: "/spec/domain", help: fields.network_spec.domain.help, placeholder: "lab.internal", when: (v) => str(v, "kind") !== "bridge" },
  { key: "mtu", label: t.networks.mtu, type: "number", pointer: "/spec/mtu", help: fields.network_spec.mtu.help, placeholder: "1500" },
  descriptionField,
];

function networkSpec(values: Values): Record<string, unknown> {
  const own = str(values, "kind") !== "bridge";
  const dhcp = own && str(values, "from") && str(values, "to") ? { from: str(values, "from"), to: str(values, "to") } : undefined;
  return { kind: str(values, "kind"), bridge: str(values, "bridge"), cidr: own ? str(values, "cidr") : "", dhcp, domain: own ? str(values, "domain") : "", mtu: number(values, "mtu") };
}

export function networkChange(values: Values): Change<"networks"> {
  return creation("networks", str(values, "name"), { ...meta(values), spec: compact(networkSpec(values)) });
}

export function networkEdit(network: Network, values: Values): Change<"networks"> {
  const spec = Object.fromEntries(Object.entries(networkSpec(values)).filter(([k]) => k !== "kind" && k !== "bridge").map(([k, v]) => [k, v === "" || v === undefined ? null : v]));
  return edit("networks", network.metadata.name, { ...metaPatch(values), spec }, network.metadata.revision);
}

export function networkValues(n: Network): Values {
  return { name: n.metadata.name, kind: n.spec.kind, bridge: n.spec.bridge ?? "", cidr: n.spec.cidr ?? "", from: n.spec.dhcp?.from ?? "", to: n.spec.dhcp?.to ?? "", domain: n.spec.domain ?? "", mtu: String(n.spec.mtu ?? ""), description: n.metadata.description ?? "" };
}

// ---- access ----

export const userFields: readonly FieldDef[] = [
  nameField,
  { key: "full_name", label: t.access.fullName, type: "text", pointer: "/spec/full_name" },
  { key: "password", label: t.access.password, type: "password", pointer: "/spec/password", autoComplete: "new-password", help: fields.user_spec.password.help },
  { key: "groups", label: t.access.groups, type: "lines", pointer: "/spec/groups", help: t.access.linesHelp },
  { key: "disabled", label: t.access.disabled, type: "switch", pointer: "/spec/disabled", help: fields.user_spec.disabled.help },
];

function userSpec(values: Values): Record<string, unknown> {
  return { full_name: str(values, "full_name"), groups: lines(values, "groups"), disabled: on(values, "disabled") };
}

export function userChange(values: Values): Change<"users"> {
  const password = values["password"];
  return creation("users", str(values, "name"), { spec: compact({ ...userSpec(values), password: typeof password === "string" ? password : "" }) });
}

export function userEdit(user: User, values: Values): Change<"users"> {
  const password = values["password"];
  return edit("users", user.metadata.name, { spec: { ...userSpec(values), full_name: str(values, "full_name") || null, ...(password && { password }) } }, user.metadata.revision);
}

export function userValues(u: User): Values {
  return { name: u.metadata.name, full_name: u.spec.full_name ?? "", groups: (u.spec.groups ?? []).join("\n"), disabled: u.spec.disabled ?? false, password: "" };
}

export const roleFields: readonly FieldDef[] = [nameField, descriptionField];

export function roleChange(values: Values, permissions: readonly string[]): Change<"roles"> {
  return creation("roles", str(values, "name"), { ...meta(values), spec: { permissions } });
}

export function bindingFields(roles: readonly string[]): readonly FieldDef[] {
  return [
    nameField,
    { key: "who", label: t.access.subject, type: "choice", pointer: "/spec/subject", required: true, options: (["user", "group", "token"] as const).map((v) => ({ value: v, label: t.access.subjectKinds[v] })) },
    { key: "subject", label: t.common.name, type: "text", pointer: "/spec/subject", required: true, help: fields.binding_spec.subject.help },
    { key: "role", label: t.access.roleOf, type: "choice", pointer: "/spec/role", required: true, options: roles.map((r) => ({ value: r, label: r })) },
    { key: "path", label: t.access.path, type: "text", pointer: "/spec/path", placeholder: "/", help: fields.binding_spec.path.help },
    { key: "selector", label: t.access.selector, type: "labels", pointer: "/spec/selector", help: fields.binding_spec.selector.help, placeholder: "team=web" },
  ];
}

function bindingSpec(values: Values): Record<string, unknown> {
  const selector = parseLabels(str(values, "selector")) ?? {};
  return { subject: `${str(values, "who")}:${str(values, "subject")}`, role: str(values, "role"), path: str(values, "path"), selector: Object.keys(selector).length ? selector : undefined };
}

export function bindingChange(values: Values): Change<"bindings"> {
  return creation("bindings", str(values, "name"), { spec: compact(bindingSpec(values)) });
}

export function bindingEdit(b: Binding, values: Values): Change<"bindings"> {
  const spec = bindingSpec(values);
  return edit("bindings", b.metadata.name, { spec: { ...spec, path: spec["path"] || null, selector: spec["selector"] ?? null } }, b.metadata.revision);
}

export function bindingValues(b: Binding): Values {
  const at = b.spec.subject.indexOf(":");
  return { name: b.metadata.name, who: b.spec.subject.slice(0, at), subject: b.spec.subject.slice(at + 1), role: b.spec.role, path: b.spec.path ?? "", selector: labelsText(b.spec.selector) };
}

export function tokenFields(roles: readonly string[]): readonly FieldDef[] {
  return [
    nameField,
    { key: "user", label: t.access.user, type: "text", pointer: "/spec/user", help: fields.token_spec.user.help },
    { key: "role", label: t.access.onlyRole, type: "choice", pointer: "/spec/role", placeholder: t.common.all, options: roles.map((r) => ({ value: r, label: r })) },
    { key: "expires", label: t.access.expires, type: "time", pointer: "/spec/expires", help: fields.token_spec.expires.help },
  ];
}

export function tokenChange(values: Values): Change<"tokens"> {
  const expires = str(values, "expires");
  return creation("tokens", str(values, "name"), { spec: compact({ user: str(values, "user"), role: str(values, "role"), expires: expires && new Date(expires).toISOString() }) });
}

export function tokenSearch(k: Token): string {
  return [k.metadata.name, k.spec.user ?? "", k.spec.role ?? ""].join(" ").toLowerCase();
}

// ---- settings ----

export const settingFields: readonly FieldDef[] = [
  { key: "memory_reserve", label: t.settings.reserve, type: "size", pointer: "/spec/memory_reserve", help: fields.setting_spec.memory_reserve.help, placeholder: "512 MiB" },
  { key: "memory_overcommit", label: t.settings.overcommit, type: "number", pointer: "/spec/memory_overcommit", help: fields.setting_spec.memory_overcommit.help, placeholder: "100" },
];

export function settingEdit(s: Setting, values: Values): Change<"settings"> {
  return edit("settings", s.metadata.name, { spec: { memory_reserve: size(values, "memory_reserve") ?? null, memory_overcommit: number(values, "memory_overcommit") ?? null } }, s.metadata.revision);
}

export function settingValues(s: Setting): Values {
  return { memory_reserve: s.spec.memory_reserve === undefined ? "" : bytes(s.spec.memory_reserve), memory_overcommit: String(s.spec.memory_overcommit ?? "") };
}
