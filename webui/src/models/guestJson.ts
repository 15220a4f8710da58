// A guest as the JSON that can be set of it, and back.
import type { Guest } from "../api/generated";
import { text } from "../text/en";
import { type JsonError, parseJson, same } from "./json";

/** Name, labels, description and spec: the rest is the daemon's. */
export function editable(guest: Guest): { metadata: { name: string; labels: Record<string, string>; description?: string }; spec: Guest["spec"] } {
  const { name, labels, description } = guest.metadata;
  return { metadata: { name, labels, ...(description !== undefined && { description }) }, spec: guest.spec };
}

export function editableText(guest: Guest): string {
  return JSON.stringify(editable(guest), undefined, 2);
}

export interface Body {
  metadata: Record<string, unknown>;
  spec: Record<string, unknown>;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export type ReadBody = { body: Body; error?: undefined } | { error: JsonError; body?: undefined };

export function readBody(source: string): ReadBody {
  const parsed = parseJson(source);
  if (parsed.error) return { error: parsed.error };
  const { value } = parsed;
  if (!isObject(value) || !isObject(value["spec"]) || !isObject(value["metadata"] ?? {})) return { error: { line: 1, column: 1, message: text.guest.notObject } };
  const metadata = { ...(value["metadata"] as Record<string, unknown> | undefined) };
  return { body: { metadata, spec: value["spec"] } };
}

/** The same text form for both sides of a comparison. */
export function bodyText(body: Body): string {
  return JSON.stringify({ metadata: body.metadata, spec: body.spec }, undefined, 2);
}

/** While the text is edited. */
export interface JsonDraft {
  base: Guest;
  text: string;
  /** What somebody else made of it meanwhile, until it was looked at. */
  theirs?: Guest;
}

export function jsonDraft(guest: Guest): JsonDraft {
  return { base: guest, text: editableText(guest) };
}

/** The guest as it is now: nothing that was typed is touched. */
export function arriveJson(draft: JsonDraft, latest: Guest): JsonDraft {
  if (latest.metadata.uuid !== draft.base.metadata.uuid) return jsonDraft(latest);
  if (latest.metadata.revision <= (draft.theirs ?? draft.base).metadata.revision) return draft;
  const { body } = readBody(draft.text);
  if (same(editable(latest), editable(draft.base))) return { base: latest, text: draft.text };
  if (body && same(body, editable(latest))) return jsonDraft(latest);
  if (draft.text === editableText(draft.base)) return jsonDraft(latest);
  return { ...draft, theirs: latest };
}

export function keepMineJson(draft: JsonDraft): JsonDraft {
  return { base: draft.theirs ?? draft.base, text: draft.text };
}

/** What it would change, if anything. */
export function changedBody(draft: JsonDraft): Body | undefined {
  const { body } = readBody(draft.text);
  return body && !same(body, editable(draft.base)) ? body : undefined;
}
