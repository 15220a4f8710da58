// What people edit of a guest: its fields as texts, and back to what the API takes. The wizard makes guests with the same fields.
import { fields, type Guest, type GuestDiskSpec, type GuestNicSpec, type GuestSpec } from "../api/generated";
import { text } from "../text/en";
import { bytes, parseBytes, sizeText } from "./format";
import { same } from "./json";

export type GuestType = GuestSpec["type"];
export type Run = NonNullable<GuestSpec["run"]>;

export interface NicForm {
  key: string;
  name: string;
  network: string;
  mac: string;
  /** As the guest has it; absent: it is new. */
  was?: GuestNicSpec;
}

export interface DiskForm {
  key: string;
  name: string;
  from: "kept" | "image" | "empty" | "volume";
  image: string;
  volume: string;
  pool: string;
  size: string;
  readOnly: boolean;
  was?: GuestDiskSpec;
  /** Kept ones: their size now, and the volume that they are. */
  has?: number;
  holds?: string | undefined;
  /** It goes when the form is saved. */
  removed?: boolean;
}

export interface GuestForm {
  name: string;
  description: string;
  /** A line for each: key=value. */
  labels: string;
  cores: string;
  memory: string;
  run: Run;
  order: string;
  /** A line for each argument. */
  init: string;
  protection: boolean;
  disks: readonly DiskForm[];
  nics: readonly NicForm[];
}

export type FieldId = keyof GuestForm;

const DEFAULT_POOL: string = fields.guest_disk_spec.pool.default;
export const DEFAULT_NETWORK: string = fields.guest_nic_spec.network.default;

// ---- from a guest ----

export function labelsText(labels: Readonly<Record<string, string>>): string {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`).join("\n");
}

function nicOf(nic: GuestNicSpec): NicForm {
  return { key: `nic/${nic.name}`, name: nic.name, network: nic.network ?? DEFAULT_NETWORK, mac: nic.mac ?? "", was: nic };
}

function diskOf(disk: GuestDiskSpec, guest: Guest): DiskForm {
  const status = guest.status.disks.find((d) => d.name === disk.name);
  const has = status?.size ?? disk.size ?? 0;
  return {
    key: `disk/${disk.name}`, name: disk.name, from: "kept", image: disk.image ?? "", volume: disk.volume ?? "", pool: disk.pool ?? DEFAULT_POOL,
    size: sizeText(Math.max(has, disk.size ?? 0)), readOnly: disk.read_only ?? false, was: disk, has, holds: status?.volume ?? undefined,
  };
}

export function formOf(guest: Guest): GuestForm {
  const { metadata, spec } = guest;
  return {
    name: metadata.name, description: metadata.description ?? "", labels: labelsText(metadata.labels), cores: String(spec.cpu?.cores ?? fields.guest_cpu.cores.default),
    memory: sizeText(spec.memory ?? fields.guest_spec.memory.default), run: spec.run ?? fields.guest_spec.run.default, order: String(spec.boot?.order ?? fields.guest_boot.order.default),
    init: (spec.boot?.init ?? []).join("\n"), protection: spec.protection ?? false, disks: (spec.disks ?? []).map((d) => diskOf(d, guest)), nics: (spec.nics ?? []).map(nicOf),
  };
}

// ---- what was typed, as the API takes it; undefined: it is none ----

function wholeNumber(input: string): number | undefined {
  return /^\s*\d{1,9}\s*$/.test(input) ? Number(input) : undefined;
}

function linesOf(input: string): string[] {
  return input.split("\n").map((l) => l.trim()).filter(Boolean);
}

export function parseLabels(input: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  for (const line of linesOf(input)) {
    const at = line.indexOf("=");
    const key = (at < 0 ? line : line.slice(0, at)).trim();
    if (!key || key in labels) return undefined;
    labels[key] = at < 0 ? "" : line.slice(at + 1).trim();
  }
  return labels;
}

export function diskSize(disk: DiskForm): number | undefined {
  return parseBytes(disk.size, "GiB");
}

export function diskSpec(disk: DiskForm): GuestDiskSpec {
  const size = diskSize(disk);
  if (disk.was) {
    const grown = size !== undefined && size !== Math.max(disk.has ?? 0, disk.was.size ?? 0);
    return { ...disk.was, ...(grown && { size }), ...(disk.readOnly !== (disk.was.read_only ?? false) && { read_only: disk.readOnly }) };
  }
  return {
    name: disk.name.trim(),
    ...(disk.from === "volume" ? { volume: disk.volume } : disk.pool && disk.pool !== DEFAULT_POOL && { pool: disk.pool }),
    ...(disk.from !== "volume" && size !== undefined && { size }),
    ...(disk.from === "image" && { image: disk.image }),
    ...(disk.readOnly && { read_only: true }),
  };
}

export function nicSpec(nic: NicForm): GuestNicSpec {
  const { network: _, mac: __, ...others } = nic.was ?? { name: "" };
  const mac = nic.mac.trim().toLowerCase();
  return { ...others, name: nic.name.trim(), ...((nic.network !== DEFAULT_NETWORK || nic.was?.network !== undefined) && { network: nic.network }), ...(mac && { mac }) };
}

export function keptDisks(form: GuestForm): DiskForm[] {
  return form.disks.filter((d) => !d.removed);
}

interface FieldRow {
  pointer: string;
  label: string;
  /** Undefined: it cannot be sent. */
  value: (form: GuestForm) => unknown;
  /** For people, where two are compared. */
  show: (form: GuestForm) => string;
}

function showDisk(disk: GuestDiskSpec): string {
  return [disk.name, disk.volume ?? disk.image ?? "", disk.size === undefined ? "" : bytes(disk.size), disk.read_only ? text.guest.readOnly : ""].filter(Boolean).join(" · ");
}

function showNic(nic: GuestNicSpec): string {
  return [nic.name, nic.network ?? DEFAULT_NETWORK, nic.mac ?? ""].filter(Boolean).join(" · ");
}

export const rows: Readonly<Record<FieldId, FieldRow>> = {
  name: { pointer: "/metadata/name", label: text.common.name, value: (f) => f.name.trim() || undefined, show: (f) => f.name },
  description: { pointer: "/metadata/description", label: text.common.description, value: (f) => f.description, show: (f) => f.description },
  labels: { pointer: "/metadata/labels", label: text.common.labels, value: (f) => parseLabels(f.labels), show: (f) => f.labels },
  cores: { pointer: "/spec/cpu/cores", label: text.guest.cores, value: (f) => wholeNumber(f.cores), show: (f) => f.cores },
  memory: { pointer: "/spec/memory", label: text.guest.memory, value: (f) => parseBytes(f.memory), show: (f) => f.memory },
  run: { pointer: "/spec/run", label: text.guest.run, value: (f) => f.run, show: (f) => text.guest.runs[f.run] },
  order: { pointer: "/spec/boot/order", label: text.guest.order, value: (f) => wholeNumber(f.order), show: (f) => f.order },
  init: { pointer: "/spec/boot/init", label: text.guest.init, value: (f) => linesOf(f.init), show: (f) => f.init },
  protection: { pointer: "/spec/protection", label: text.guest.protection, value: (f) => f.protection, show: (f) => (f.protection ? text.common.yes : text.common.no) },
  disks: { pointer: "/spec/disks", label: text.guest.disks, value: (f) => (disksErrors(f).size ? undefined : keptDisks(f).map(diskSpec)), show: (f) => keptDisks(f).map((d) => showDisk(diskSpec(d))).join("\n") },
  nics: { pointer: "/spec/nics", label: text.guest.nics, value: (f) => f.nics.map(nicSpec), show: (f) => f.nics.map((n) => showNic(nicSpec(n))).join("\n") },
};

export const fieldIds = Object.keys(rows) as FieldId[];

/** "/spec/nics/1/mac" as a person says it: "Network card eth1: mac". `entry`: what is, or was, at the pointer. */
export function fieldTitle(pointer: string, spec: Pick<GuestSpec, "disks" | "nics"> | undefined, entry?: unknown): string {
  const [, list, at, rest] = /^\/spec\/(disks|nics)\/(\d+)(?:\/(.*))?$/.exec(pointer) ?? [];
  if (list === "disks" || list === "nics") {
    const named = !rest && typeof entry === "object" && entry !== null && "name" in entry ? String(entry.name) : spec?.[list]?.[Number(at)]?.name;
    const title = (list === "disks" ? text.guest.diskName : text.guest.nic)(named ?? String(Number(at) + 1));
    return rest ? `${title}: ${rest.replaceAll("_", " ")}` : title;
  }
  const id = fieldIds.find((f) => rows[f].pointer === pointer);
  return id ? rows[id].label : pointer.replace(/^\/(spec|metadata)\//, "").replaceAll("/", " ");
}

// ---- what is wrong before the API is asked: only what cannot be sent at all ----

function disksErrors(form: GuestForm): Map<string, string> {
  const errors = new Map<string, string>();
  for (const [i, disk] of keptDisks(form).entries()) {
    const size = diskSize(disk);
    const mayBeEmpty = disk.from === "image" || disk.from === "volume";
    if (size === undefined && !(mayBeEmpty && !disk.size.trim())) errors.set(`/spec/disks/${i}/size`, text.guest.badSize);
    if (disk.from === "kept" && size !== undefined && size < (disk.has ?? 0)) errors.set(`/spec/disks/${i}/size`, text.guest.onlyGrows(bytes(disk.has ?? 0)));
    if (disk.from === "image" && !disk.image) errors.set(`/spec/disks/${i}/image`, text.guest.chooseImage);
    if (disk.from === "volume" && !disk.volume) errors.set(`/spec/disks/${i}/volume`, text.guest.chooseVolume);
  }
  return errors;
}

/** By pointer. */
export function localErrors(form: GuestForm): Map<string, string> {
  const errors = disksErrors(form);
  const sentences: Partial<Record<FieldId, string>> = { name: text.guest.nameNeeded, labels: text.guest.badLabels, cores: text.guest.badNumber, memory: text.guest.badSize, order: text.guest.badNumber };
  for (const id of fieldIds) {
    const sentence = sentences[id];
    if (sentence && rows[id].value(form) === undefined) errors.set(rows[id].pointer, sentence);
  }
  return errors;
}

// ---- one more disk or card ----

function freeName(taken: readonly string[], stem: string, from: number): string {
  for (let n = from; ; n++) if (!taken.includes(`${stem}${n}`)) return `${stem}${n}`;
}

let made = 0;

export function newDisk(form: GuestForm, from: "image" | "empty" | "volume" = "empty"): DiskForm {
  return { key: `new-disk/${++made}`, name: freeName(form.disks.map((d) => d.name), "data", 1), from, image: "", volume: "", pool: DEFAULT_POOL, size: from === "empty" ? "10 GiB" : "", readOnly: false };
}

export function newNic(form: GuestForm, network = DEFAULT_NETWORK): NicForm {
  return { key: `new-nic/${++made}`, name: freeName(form.nics.map((n) => n.name), "eth", 0), network, mac: "" };
}

/** What happens to the data of a disk that is removed. */
export function fateOf(disk: DiskForm): string {
  const volume = disk.holds ?? disk.volume;
  return disk.volume ? text.guest.volumeStays(volume) : text.guest.volumeTrashed(volume || disk.name);
}

// ---- editing, while others may edit too ----

/** What was typed, on the guest as it was when the fields were last compared with it. */
export interface GuestDraft {
  base: Guest;
  form: GuestForm;
  /** Changed here and by somebody else, each in another way: somebody has to choose. */
  conflicts: readonly FieldId[];
  /** Changed by somebody else and not here: the form has followed. */
  followed: readonly FieldId[];
}

export function draftOf(guest: Guest): GuestDraft {
  return { base: guest, form: formOf(guest), conflicts: [], followed: [] };
}

export function changedFields(draft: GuestDraft): FieldId[] {
  const was = formOf(draft.base);
  return fieldIds.filter((id) => !same(rows[id].value(was), rows[id].value(draft.form)));
}

function copied(form: GuestForm, id: FieldId, from: GuestForm): GuestForm {
  return { ...form, [id]: from[id] };
}

/** The guest as it is now. What was typed stays; fields that were left alone follow. */
export function arrive(draft: GuestDraft, latest: Guest): GuestDraft {
  if (latest.metadata.uuid !== draft.base.metadata.uuid) return draftOf(latest);
  if (latest.metadata.revision <= draft.base.metadata.revision) return draft;
  const was = formOf(draft.base), theirs = formOf(latest);
  const untouched = !changedFields(draft).length;
  const conflicts = new Set(draft.conflicts), followed = new Set(draft.followed);
  let form = draft.form;
  for (const id of fieldIds) {
    const before = rows[id].value(was), mine = rows[id].value(draft.form), now = rows[id].value(theirs);
    if (same(mine, now)) {
      conflicts.delete(id);
      form = copied(form, id, theirs);
    } else if (same(before, now)) continue;
    else if (same(mine, before) && !conflicts.has(id)) {
      form = copied(form, id, theirs);
      if (!untouched) followed.add(id);
    } else conflicts.add(id);
  }
  return { base: latest, form, conflicts: [...conflicts], followed: [...followed] };
}

export function takeTheirs(draft: GuestDraft, id: FieldId): GuestDraft {
  return { ...draft, form: copied(draft.form, id, formOf(draft.base)), conflicts: draft.conflicts.filter((c) => c !== id) };
}

export function keepMine(draft: GuestDraft, id: FieldId): GuestDraft {
  return { ...draft, conflicts: draft.conflicts.filter((c) => c !== id) };
}

// ---- the change ----

function labelsPatch(before: Readonly<Record<string, string>>, after: Readonly<Record<string, string>>): Record<string, string | null> {
  const gone = Object.keys(before).filter((key) => !(key in after)).map((key) => [key, null] as const);
  const set = Object.entries(after).filter(([key, value]) => before[key] !== value);
  return Object.fromEntries([...gone, ...set]);
}

/** Writes a value where the pointer says: "/spec/cpu/cores". */
function put(patch: Record<string, unknown>, pointer: string, value: unknown): void {
  const path = pointer.slice(1).split("/");
  const last = path.pop() ?? "";
  let at = patch;
  for (const part of path) at = (at[part] ??= {}) as Record<string, unknown>;
  at[last] = value;
}

/** A merge patch of what differs; undefined when nothing does, or something cannot be sent. */
export function patchOf(draft: GuestDraft): Record<string, unknown> | undefined {
  const changed = changedFields(draft);
  if (!changed.length || localErrors(draft.form).size || draft.conflicts.length) return undefined;
  const patch: Record<string, unknown> = {};
  for (const id of changed) {
    const value = rows[id].value(draft.form);
    if (id === "labels") put(patch, rows[id].pointer, labelsPatch(draft.base.metadata.labels, value as Record<string, string>));
    else put(patch, rows[id].pointer, value === "" || (id === "init" && Array.isArray(value) && !value.length) ? null : value);
  }
  return patch;
}

/** Plans say nothing of names, labels and descriptions: these lines do. */
export function metadataEffects(base: Guest, metadata: { name?: unknown; description?: unknown; labels?: unknown }): { pointer: string; effect: "now"; before?: unknown; after?: unknown }[] {
  const before = { name: base.metadata.name, description: base.metadata.description ?? "", labels: base.metadata.labels };
  const after = { name: metadata.name ?? before.name, description: metadata.description ?? "", labels: metadata.labels ?? {} };
  const shown = (value: unknown) => (typeof value === "object" && value !== null ? labelsText(value as Record<string, string>) : value) || undefined;
  return (["name", "description", "labels"] as const)
    .filter((key) => !same(before[key], after[key]))
    .map((key) => ({ pointer: `/metadata/${key}`, effect: "now", before: shown(before[key]), after: shown(after[key]) }));
}
