// Requests to the API of the host that served this page. Typed by generated.ts, checked by validate.ts; refusals are thrown as
// Problems. The session's cookie travels by itself; its CSRF value is kept here.
import type { Kinds, Plan, PowerInput, Task } from "./generated";
import { singular } from "./generated";
import { Problem, problemOf } from "./problem";
import { type ShapeName, validate, validateList } from "./validate";

export type Plural = keyof Kinds;
export const PREFIX = "/api/v1";

let csrf: string | undefined;
let onUnauthenticated: () => void = () => undefined;

export function setCsrf(value: string | undefined): void {
  csrf = value;
}

/** Called when the session turns out to have ended. */
export function whenUnauthenticated(callback: () => void): void {
  onUnauthenticated = callback;
}

export interface Options {
  query?: Record<string, string | number | boolean | undefined> | undefined;
  headers?: Record<string, string>;
  body?: unknown;
  /** Bytes as they are. */
  bytes?: Blob;
  signal?: AbortSignal | undefined;
}

export function url(path: string, query: Options["query"] = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  const text = search.toString();
  return PREFIX + path + (text ? `?${text}` : "");
}

export function item(kind: Plural, name: string): string {
  return `/${kind}/${encodeURIComponent(name)}`;
}

export async function request(method: string, path: string, options: Options = {}): Promise<Response> {
  const session = csrf;
  const headers: Record<string, string> = { Accept: "application/json", ...options.headers };
  if (method !== "GET" && csrf) headers["X-Lodge-CSRF"] = csrf;
  if (options.body !== undefined) headers["Content-Type"] ??= method === "PATCH" ? "application/merge-patch+json" : "application/json";
  const answer = await fetch(url(path, options.query), {
    method,
    headers,
    cache: "no-store",
    credentials: "same-origin",
    ...(options.body !== undefined && { body: JSON.stringify(options.body) }),
    ...(options.bytes && { body: options.bytes }),
    ...(options.signal && { signal: options.signal }),
  });
  if (answer.ok) return answer;
  const problem = await problemOf(answer);
  if (problem.status === 401 && path !== "/session" && session === csrf) onUnauthenticated(); // not when somebody signed in meanwhile
  throw problem;
}

export async function get<T>(shape: ShapeName, path: string, options?: Options): Promise<T> {
  return validate<T>(shape, await (await request("GET", path, options)).json());
}

export async function list<K extends Plural>(kind: K, options?: Options): Promise<{ items: Kinds[K][]; revision: number; next?: string }> {
  return validateList<Kinds[K]>(singular[kind], await (await request("GET", `/${kind}`, options)).json());
}

export function show<K extends Plural>(kind: K, name: string, options?: Options): Promise<Kinds[K]> {
  return get<Kinds[K]>(singular[kind], item(kind, name), options);
}

export async function textOf(path: string, signal?: AbortSignal): Promise<string> {
  return (await request("GET", path, { headers: { Accept: "text/plain" }, signal })).text();
}

/** What a change answered: the resource as it is now, or the task that carries it out, or nothing (it is gone). */
export type Outcome<K extends Plural> = { resource: Kinds[K]; task?: undefined } | { task: Task; resource?: undefined } | { resource?: undefined; task?: undefined };

async function outcome<K extends Plural>(kind: K, answer: Response): Promise<Outcome<K>> {
  if (answer.status === 204) return {};
  const body = (await answer.json()) as { spec?: { action?: unknown; object?: unknown } };
  if (answer.status === 202 || (kind !== "tasks" && body.spec?.action !== undefined && body.spec.object !== undefined))
    return { task: validate<Task>("task", body) };
  return { resource: validate<Kinds[K]>(singular[kind], body) };
}

/** A change that can be planned first: `plan` asks what it would do, `send` does it. */
export interface Change<K extends Plural> {
  kind: K;
  method: "PUT" | "PATCH" | "DELETE" | "POST";
  path: string;
  query?: Options["query"];
  headers?: Record<string, string>;
  body?: unknown;
}

export async function plan<K extends Plural>(change: Change<K>, signal?: AbortSignal): Promise<Plan> {
  const answer = await request(change.method, change.path, { ...change, query: { ...change.query, dry_run: true }, signal });
  return validate<Plan>("plan", await answer.json());
}

export async function send<K extends Plural>(change: Change<K>): Promise<Outcome<K>> {
  return outcome(change.kind, await request(change.method, change.path, change));
}

/** Makes a resource; refused when the name is taken. */
export function creation<K extends Plural>(kind: K, name: string, body: unknown, query?: Options["query"]): Change<K> {
  return { kind, method: "PUT", path: item(kind, name), body, headers: { "If-None-Match": "*" }, ...(query && { query }) };
}

/** Changes some fields; with a revision it is refused when somebody else was faster. */
export function edit<K extends Plural>(kind: K, name: string, patch: unknown, revision?: number): Change<K> {
  return { kind, method: "PATCH", path: item(kind, name), body: patch, ...(revision !== undefined && { headers: { "If-Match": `"${revision}"` } }) };
}

/** Replaces what the user set, on the revision that it was read at. */
export function replacement<K extends Plural>(kind: K, name: string, body: unknown, revision: number): Change<K> {
  return { kind, method: "PUT", path: item(kind, name), body, headers: { "If-Match": `"${revision}"` } };
}

export function removal<K extends Plural>(kind: K, name: string, query?: Options["query"]): Change<K> {
  return { kind, method: "DELETE", path: item(kind, name), ...(query && { query }) };
}

export function action<K extends Plural>(kind: K, name: string, verb: string, input?: PowerInput): Change<K> {
  return { kind, method: "POST", path: `${item(kind, name)}/actions/${verb}`, ...(input && { body: input }) };
}

/** The task, once it has ended. */
export async function finished(task: Task, signal?: AbortSignal): Promise<Task> {
  let now = task;
  while (!["succeeded", "failed", "cancelled"].includes(now.status.state))
    now = await show("tasks", now.metadata.name, { query: { wait: "30s" }, signal });
  return now;
}

/** As finished(), and throws why it failed. */
export async function succeeded(task: Task, signal?: AbortSignal): Promise<Task> {
  const end = await finished(task, signal);
  if (end.status.state === "succeeded") return end;
  const error = end.status.error;
  throw new Problem({ status: 0, code: error?.code ?? end.status.state, title: end.spec.action, detail: error?.detail ?? end.status.state, hint: error?.hint });
}
