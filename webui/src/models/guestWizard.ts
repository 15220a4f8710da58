// Making a guest: what the wizard asks, what it suggests, and the request that comes of it.
import type { Change } from "../api/client";
import { creation } from "../api/client";
import { fields, type Guest, type Image } from "../api/generated";
import { sizeText } from "./format";
import { diskSpec, type DiskForm, type FieldId, type GuestForm, type GuestType, keptDisks, localErrors, newDisk, nicSpec, rows } from "./guestForm";
import { curlLine, exactSize, lodgeLine, optionOf } from "./shell";

export type Step = "image" | "settings" | "review";

export interface NewGuest {
  type: GuestType;
  start: boolean;
  form: GuestForm;
  /** Fields that somebody typed into: suggestions leave them alone. */
  touched: ReadonlySet<FieldId>;
}

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

export function fits(image: Image, type: GuestType): boolean {
  return image.status.state === "ready" && (image.spec.format === "tar") === (type === "container");
}

/** The small ones that come with Lodge. */
export function isStarter(image: Image): boolean {
  return image.metadata.name.startsWith("tiny-");
}

const order = new Intl.Collator("en", { numeric: true });

export function imagesFor(images: readonly Image[], type: GuestType): Image[] {
  return images.filter((i) => fits(i, type)).sort((a, b) => Number(isStarter(b)) - Number(isStarter(a)) || order.compare(a.metadata.name, b.metadata.name));
}

/** "debian-13" gives "debian-1", or what is free after it. */
export function suggestName(type: GuestType, image: Image | undefined, taken: ReadonlySet<string>): string {
  const kind = type === "vm" ? "vm" : "container";
  const stem = image && !isStarter(image) ? (/^[a-z]+/.exec(image.metadata.name)?.[0] ?? kind) : kind;
  for (let n = 1; ; n++) if (!taken.has(`${stem}-${n}`)) return `${stem}-${n}`;
}

function rootSize(type: GuestType, image: Image | undefined): number {
  const usual = type === "vm" ? 10 * GIB : 4 * GIB;
  if (!image) return usual;
  return Math.max(image.status.virtual_size, isStarter(image) ? GIB : usual);
}

function usualMemory(type: GuestType, image: Image | undefined): number {
  return type === "vm" && !(image && isStarter(image)) ? GIB : 512 * MIB;
}

export interface Around {
  images: readonly Image[];
  names: ReadonlySet<string>;
  networks: readonly string[];
}

function suggested(type: GuestType, image: Image | undefined, around: Around): Pick<GuestForm, "name" | "memory" | "nics"> {
  const wanted: string = fields.guest_nic_spec.network.default;
  const network = around.networks.includes(wanted) ? wanted : (around.networks[0] ?? wanted);
  return { name: suggestName(type, image, around.names), memory: sizeText(usualMemory(type, image)), nics: [{ key: "nic/eth0", name: "eth0", network, mac: "" }] };
}

function rootDisk(type: GuestType, image: Image | undefined, before: DiskForm | undefined, keepSize: boolean): DiskForm {
  return {
    key: "disk/root", name: before?.name ?? "root", from: image ? "image" : "empty", image: image?.metadata.name ?? "", volume: "", pool: before?.pool ?? fields.guest_disk_spec.pool.default,
    size: keepSize && before ? before.size : sizeText(rootSize(type, image)), readOnly: false,
  };
}

/** Another kind or image: what was typed stays, suggestions follow. */
export function choose(guest: NewGuest, type: GuestType, imageName: string, around: Around): NewGuest {
  const image = around.images.find((i) => i.metadata.name === imageName);
  const hints = suggested(type, image, around);
  const { touched } = guest;
  const [before, ...others] = guest.form.disks;
  const form: GuestForm = {
    ...guest.form,
    ...(!touched.has("name") && { name: hints.name }),
    ...(!touched.has("memory") && { memory: hints.memory }),
    ...(!touched.has("nics") && { nics: hints.nics }),
    ...(type === "vm" && { init: "" }),
    disks: [rootDisk(type, image, before, touched.has("disks") && before?.from !== "volume"), ...(type === "vm" ? others : [])],
  };
  return { ...guest, type, form };
}

/** What it begins with: the best image of the kind that has one. */
export function begin(around: Around, wanted: { name?: string | undefined; image?: string | undefined }): NewGuest {
  const named = around.images.find((i) => i.metadata.name === wanted.image && i.status.state === "ready");
  const type: GuestType = named ? (named.spec.format === "tar" ? "container" : "vm") : imagesFor(around.images, "vm").length || !imagesFor(around.images, "container").length ? "vm" : "container";
  const image = named ?? imagesFor(around.images, type)[0];
  const empty: NewGuest = {
    type, start: true, touched: new Set<FieldId>(wanted.name ? ["name"] : []),
    form: { name: wanted.name ?? "", description: "", labels: "", cores: "1", memory: "", run: fields.guest_spec.run.default, order: String(fields.guest_boot.order.default), init: "", protection: false, disks: [], nics: [] },
  };
  return choose(empty, type, image?.metadata.name ?? "", around);
}

export function typed(guest: NewGuest, change: Partial<GuestForm>): NewGuest {
  return { ...guest, form: { ...guest.form, ...change }, touched: new Set([...guest.touched, ...(Object.keys(change) as FieldId[])]) };
}

/** What its first disk is filled from; empty: nothing, undefined: it is a volume that was there before. */
export function imageOf({ form }: NewGuest): string | undefined {
  const [root] = form.disks;
  return root?.from === "volume" ? undefined : root?.from === "image" ? root.image : "";
}

/** A different kind; its best image is chosen. */
export function chooseType(guest: NewGuest, type: GuestType, around: Around): NewGuest {
  return type === guest.type ? guest : choose(guest, type, imagesFor(around.images, type)[0]?.metadata.name ?? "", around);
}

export function addDisk(guest: NewGuest): NewGuest {
  return typed(guest, { disks: [...guest.form.disks, newDisk(guest.form)] });
}

// ---- the request ----

const DEFAULTS: Partial<Record<FieldId, unknown>> = { run: fields.guest_spec.run.default, order: fields.guest_boot.order.default, protection: false };

export function specOf({ type, form }: NewGuest): Guest["spec"] {
  const value = <T>(id: FieldId): T | undefined => {
    const v = rows[id].value(form);
    return v === DEFAULTS[id] ? undefined : (v as T);
  };
  const run = value<GuestForm["run"]>("run"), orderOf = value<number>("order"), protection = value<boolean>("protection");
  const cores = rows.cores.value(form) as number | undefined, memory = rows.memory.value(form) as number | undefined;
  const init = type === "container" ? (rows.init.value(form) as string[]) : [];
  return {
    type,
    ...(cores !== undefined && { cpu: { cores } }),
    ...(memory !== undefined && { memory }),
    disks: keptDisks(form).map(diskSpec),
    nics: form.nics.map(nicSpec),
    ...(run && { run }),
    ...((orderOf !== undefined || init.length > 0) && { boot: { ...(orderOf !== undefined && { order: orderOf }), ...(init.length > 0 && { init }) } }),
    ...(protection && { protection }),
  };
}

function metadataOf({ form }: NewGuest): { labels?: Record<string, string>; description?: string } {
  const labels = (rows.labels.value(form) ?? {}) as Record<string, string>;
  return { ...(Object.keys(labels).length > 0 && { labels }), ...(form.description && { description: form.description }) };
}

function bodyOf(guest: NewGuest): { metadata?: object; spec: Guest["spec"] } {
  const metadata = metadataOf(guest);
  return { ...(Object.keys(metadata).length > 0 && { metadata }), spec: specOf(guest) };
}

/** Undefined while something cannot be sent. */
export function creationOf(guest: NewGuest): Change<"guests"> | undefined {
  if (localErrors(guest.form).size) return undefined;
  return creation("guests", guest.form.name.trim(), bodyOf(guest), guest.start ? { start: true } : undefined);
}

/** Which step a field is on, by the pointer of what is wrong with it. */
export function stepOf(pointer: string): Step {
  return pointer === "/spec/type" || pointer === "/spec/disks/0/image" ? "image" : "settings";
}

/** Whether the folded fields have to be seen: something there is wrong. */
export function isAdvanced(pointer: string): boolean {
  return !["/metadata/name", "/spec/cpu/cores", "/spec/memory", "/spec/disks/0/size", "/spec/disks/0/image", "/spec/nics/0/network", "/spec/type"].includes(pointer);
}

// ---- the same for a shell ----

export function curlOf(guest: NewGuest, origin: string): string {
  const query = guest.start ? "?start=true" : "";
  return curlLine("PUT", `${origin}/api/v1/guests/${encodeURIComponent(guest.form.name.trim())}${query}`, bodyOf(guest), { "If-None-Match": "*" });
}

export function cliOf(guest: NewGuest): string {
  const spec = specOf(guest), { labels, description } = metadataOf(guest);
  const options: (string | readonly [string, string])[] = [["--type", spec.type]];
  if (spec.cpu?.cores !== undefined) options.push(["--cpu.cores", String(spec.cpu.cores)]);
  if (spec.memory !== undefined) options.push(["--memory", exactSize(spec.memory)]);
  for (const disk of spec.disks ?? []) options.push(["--disk", optionOf(disk)]);
  for (const nic of spec.nics ?? []) options.push(["--nic", optionOf(nic)]);
  if (spec.run) options.push(["--run", spec.run]);
  if (spec.boot?.order !== undefined) options.push(["--boot.order", String(spec.boot.order)]);
  for (const word of spec.boot?.init ?? []) options.push(["--boot.init", word]);
  if (spec.protection) options.push(["--protection", "true"]);
  for (const [key, value] of Object.entries(labels ?? {})) options.push(["--label", `${key}=${value}`]);
  if (description) options.push(["--description", description]);
  if (guest.start) options.push("--start");
  return lodgeLine(["guest", "create", guest.form.name.trim()], [...options, "--wait"]);
}

