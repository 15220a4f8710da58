// A form as data: its fields, what is wrong with what was typed, and the spec that it makes. The daemon checks again; this keeps
// senseless requests away and puts the daemon's words beside the field that they are about.
import { parseBytes } from "./format";
import { text } from "../text/en";

export type Value = string | boolean;
export type Values = Record<string, Value>;

export interface FieldDef {
  key: string;
  label: string;
  type: "text" | "password" | "lines" | "number" | "size" | "choice" | "switch" | "labels" | "time";
  /** Where the API's refusals point to. */
  pointer: string;
  required?: boolean;
  help?: string | undefined;
  options?: readonly { value: string; label: string }[];
  placeholder?: string;
  /** Of a bare number in a size. */
  unit?: string;
  /** Shown only then. */
  when?: (values: Values) => boolean;
  /** Set when it is made, and not changed later. */
  fixed?: boolean;
  autoComplete?: string;
}

export function str(values: Values, key: string): string {
  const value = values[key];
  return typeof value === "string" ? value.trim() : "";
}

export function on(values: Values, key: string): boolean {
  return values[key] === true;
}

/** "team=web env=prod" or one a line; undefined when that is none. */
export function parseLabels(input: string): Record<string, string> | undefined {
  const labels: Record<string, string> = {};
  for (const word of input.split(/[\s,]+/).filter(Boolean)) {
    const at = word.indexOf("=");
    const key = at < 0 ? word : word.slice(0, at);
    if (!/^[a-z0-9]([a-z0-9._/-]{0,61}[a-z0-9])?$/.test(key)) return undefined;
    labels[key] = at < 0 ? "" : word.slice(at + 1);
  }
  return labels;
}

export function labelsText(labels: Record<string, string> | undefined): string {
  return Object.entries(labels ?? {}).map(([k, v]) => (v ? `${k}=${v}` : k)).join(" ");
}

export function lines(values: Values, key: string): string[] {
  return str(values, key).split(/[\n,]+/).map((l) => l.trim()).filter(Boolean);
}

/** What is wrong with a field; undefined: nothing that can be told here. */
export function wrong(field: FieldDef, values: Values): string | undefined {
  const value = str(values, field.key);
  if (value === "") return undefined;
  switch (field.type) {
    case "size": return parseBytes(value, field.unit) === undefined ? text.form.size : undefined;
    case "number": return /^-?\d+$/.test(value) ? undefined : text.form.number;
    case "labels": return parseLabels(value) === undefined ? text.form.labels : undefined;
    case "time": return Number.isNaN(Date.parse(value)) ? text.form.time : undefined;
    default: return undefined;
  }
}

export function shownFields(fields: readonly FieldDef[], values: Values): FieldDef[] {
  return fields.filter((f) => !f.when || f.when(values));
}

/** Whether it can be sent. */
export function complete(fields: readonly FieldDef[], values: Values): boolean {
  return shownFields(fields, values).every((f) => wrong(f, values) === undefined && (!f.required || f.type === "switch" || str(values, f.key) !== ""));
}

/** Without members that were left empty: the daemon's defaults hold for them. */
export function compact<T extends Record<string, unknown>>(spec: T): Partial<T> {
  return Object.fromEntries(Object.entries(spec).filter(([, v]) => v !== undefined && v !== "")) as Partial<T>;
}

export function number(values: Values, key: string): number | undefined {
  const value = str(values, key);
  return value === "" ? undefined : Number(value);
}

export function size(values: Values, key: string, unit?: string): number | undefined {
  const value = str(values, key);
  return value === "" ? undefined : parseBytes(value, unit);
}
