// A list of resources as it is held in the query cache, and how events change it. Pure: data in, data out.
import type { Kinds } from "../api/generated";
import { singular } from "../api/generated";
import type { Plural } from "../api/client";
import { validate } from "../api/validate";

export interface Collection<T> {
  revision: number;
  /** In order of their names. */
  items: T[];
  at: Map<string, number>;
}

interface Named {
  metadata: { uuid: string; name: string; revision: number };
  status?: unknown;
}

const order = new Intl.Collator("en", { numeric: true });

export function collectionOf<T extends Named>(items: T[], revision: number): Collection<T> {
  const sorted = items.slice().sort((a, b) => order.compare(a.metadata.name, b.metadata.name));
  return { revision, items: sorted, at: new Map(sorted.map((item, i) => [item.metadata.uuid, i])) };
}

export interface Change {
  kind: Plural;
  uuid: string;
  name: string;
  /** Absent: it is gone. */
  object: Kinds[Plural] | undefined;
  revision: number;
}

export interface Live {
  kind: Plural;
  uuid: string;
  status: Record<string, unknown>;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

/** The changes of one transaction; kinds that this console does not know are left out. */
export function changesOf(data: unknown): Change[] {
  if (!isRecord(data) || typeof data["revision"] !== "number" || !Array.isArray(data["changes"])) return [];
  const revision = data["revision"];
  const found: Change[] = [];
  for (const change of data["changes"] as unknown[]) {
    if (!isRecord(change) || typeof change["kind"] !== "string" || !(change["kind"] in singular)) continue;
    const kind = change["kind"] as Plural;
    if (typeof change["uuid"] !== "string" || typeof change["name"] !== "string") continue;
    const object = change["type"] === "delete" ? undefined : validate<Kinds[Plural]>(singular[kind], change["object"]);
    found.push({ kind, uuid: change["uuid"], name: change["name"], object, revision });
  }
  return found;
}

export function liveOf(data: unknown): Live | undefined {
  if (!isRecord(data) || typeof data["kind"] !== "string" || !(data["kind"] in singular)) return undefined;
  if (typeof data["uuid"] !== "string" || !isRecord(data["status"])) return undefined;
  return { kind: data["kind"] as Plural, uuid: data["uuid"], status: data["status"] };
}

/** Changes at or before the collection's revision are in it already. */
export function withChanges<T extends Named>(before: Collection<T>, changes: readonly Change[]): Collection<T> {
  const news = changes.filter((c) => c.revision > before.revision);
  const last = news.at(-1);
  if (!last) return before;
  let items = before.items.slice();
  const gone = new Set<string>();
  const added = new Map<string, T>();
  let resort = false;
  for (const change of news) {
    const at = before.at.get(change.uuid);
    const object = change.object as T | undefined;
    if (!object) {
      if (at !== undefined) gone.add(change.uuid);
      added.delete(change.uuid);
    } else if (at === undefined || gone.has(change.uuid)) {
      added.set(change.uuid, object);
    } else {
      resort ||= items[at]?.metadata.name !== object.metadata.name;
      items[at] = object;
    }
  }
  if (!gone.size && !added.size && !resort) return { ...before, items, revision: last.revision };
  if (gone.size) items = items.filter((item) => !gone.has(item.metadata.uuid));
  return collectionOf([...items, ...added.values()], last.revision);
}

/** What a status says live; of resources that are not there nothing is known. */
export function withLive<T extends Named>(before: Collection<T>, news: readonly Live[]): Collection<T> {
  let items: T[] | undefined;
  for (const live of news) {
    const at = before.at.get(live.uuid);
    const old = at === undefined ? undefined : (items ?? before.items)[at];
    if (at === undefined || !old) continue;
    items ??= before.items.slice();
    items[at] = { ...old, status: live.status };
  }
  return items ? { ...before, items } : before;
}
