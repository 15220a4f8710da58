// Uploads of images. They go on while somebody looks at other pages, and after a break of the network, of the daemon or of the
// session: the daemon says how much it has.
import { useSyncExternalStore } from "react";
import { creation, request, send } from "../api/client";
import type { ImageSpec } from "../api/generated";
import { Problem, toProblem } from "../api/problem";
import { validate } from "../api/validate";
import { text } from "../text/en";
import { currentAccess, subscribeAccess } from "./session";
import { watchTask } from "./tasks";
import { addToast } from "./toasts";

/** The gate takes 8 MiB at most; smaller ones show progress sooner. */
const PART = 4 * 1024 * 1024;
const WAIT_MS = [500, 1000, 2000, 5000];

export interface Upload {
  key: number;
  name: string;
  fileName: string;
  size: number;
  sent: number;
  /** Bytes in a second, over the last parts. */
  rate: number;
  /** waiting: the connection broke. stopped: something is wrong that waiting does not cure. */
  state: "sending" | "waiting" | "stopped" | "done";
  problem?: Problem | undefined;
}

interface UploadAnswer {
  id: string;
  offset: number;
}

let uploads: readonly Upload[] = [];
const listeners = new Set<() => void>();
const aborts = new Map<number, AbortController>();
let next = 1;

function set(now: readonly Upload[]): void {
  uploads = now;
  for (const listener of listeners) listener();
}

function patch(key: number, facts: Partial<Upload>): void {
  set(uploads.map((u) => (u.key === key ? { ...u, ...facts } : u)));
}

export function useUploads(): readonly Upload[] {
  return useSyncExternalStore((listener) => { listeners.add(listener); return () => listeners.delete(listener); }, () => uploads);
}

export function dismissUpload(key: number): void {
  aborts.get(key)?.abort();
  aborts.delete(key);
  set(uploads.filter((u) => u.key !== key));
}

/** Worth another attempt: the network, a restart, a session that ended. Everything else is said and stops. */
export function passes(problem: Problem): boolean {
  return problem.status === 0 ? problem.code === "unreachable" : [401, 409, 429, 502, 503, 504].includes(problem.status);
}

function signedIn(signal: AbortSignal): Promise<void> {
  if (currentAccess().state === "in") return Promise.resolve();
  return new Promise((resolve, reject) => {
    const stop = subscribeAccess(() => {
      if (currentAccess().state !== "in") return;
      stop();
      resolve();
    });
    signal.addEventListener("abort", () => { stop(); reject(new DOMException("", "AbortError")); });
  });
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); reject(new DOMException("", "AbortError")); });
  });
}

async function answerOf(answer: Response): Promise<UploadAnswer> {
  return validate<UploadAnswer>("upload", await answer.json());
}

/** Runs one request again and again until it is answered for good. */
async function patiently<T>(key: number, signal: AbortSignal, run: () => Promise<T>): Promise<T> {
  for (let failures = 0; ; failures++) {
    try {
      return await run();
    } catch (error) {
      const problem = toProblem(error);
      if (signal.aborted || !passes(problem)) throw error;
      patch(key, { state: "waiting" });
      await pause(WAIT_MS[Math.min(failures, WAIT_MS.length - 1)] ?? 5000, signal);
      await signedIn(signal);
    }
  }
}

async function sendAll(key: number, file: Blob, name: string, signal: AbortSignal): Promise<string> {
  const begun = await patiently(key, signal, async () => answerOf(await request("POST", `/images/${encodeURIComponent(name)}/uploads`, { body: { size: file.size }, signal })));
  const path = `/uploads/${begun.id}`;
  let offset = 0;
  while (offset < file.size) {
    const began = performance.now();
    const from = offset;
    offset = await patiently(key, signal, async () => {
      const now = (await answerOf(await request("GET", path, { signal }))).offset;
      if (now !== from) return now; // a part whose answer was lost
      const headers = { "Content-Type": "application/offset+octet-stream", "Upload-Offset": String(from) };
      return (await answerOf(await request("PATCH", path, { bytes: file.slice(from, from + PART), headers, signal }))).offset;
    });
    const rate = ((offset - from) / Math.max(1, performance.now() - began)) * 1000;
    const before = uploads.find((u) => u.key === key)?.rate ?? 0;
    patch(key, { sent: offset, rate: before ? before * 0.8 + rate * 0.2 : rate, state: "sending" });
  }
  return begun.id;
}

async function run(key: number, file: Blob, name: string, format: ImageSpec["format"], sha256: string | undefined, signal: AbortSignal): Promise<void> {
  const id = await sendAll(key, file, name, signal);
  const spec = { format, source: { upload: id }, ...(sha256 && { sha256 }) };
  const outcome = await patiently(key, signal, () => send(creation("images", name, { spec })));
  if (outcome.task) watchTask(outcome.task);
  patch(key, { state: "done" });
  addToast({ variant: "info", title: name, detail: text.images.uploaded });
  setTimeout(() => dismissUpload(key), 4000);
}

function leaving(event: BeforeUnloadEvent): void {
  if (uploads.some((u) => u.state === "sending" || u.state === "waiting")) event.preventDefault();
}

export function startUpload(file: File, name: string, format: ImageSpec["format"], sha256?: string): void {
  const key = next++;
  const abort = new AbortController();
  aborts.set(key, abort);
  window.addEventListener("beforeunload", leaving);
  set([...uploads, { key, name, fileName: file.name, size: file.size, sent: 0, rate: 0, state: "sending" }]);
  run(key, file, name, format, sha256, abort.signal).catch((error: unknown) => {
    if (!abort.signal.aborted) patch(key, { state: "stopped", problem: toProblem(error) });
  });
}

/** "Debian 12 generic.qcow2" → "debian-12-generic". */
export function nameFromFile(fileName: string): string {
  return fileName.toLowerCase().replace(/(\.(qcow2|img|raw|iso|tar|gz|xz|zst|tgz))+$/, "").replace(/[^a-z0-9.-]+/g, "-").replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "").slice(0, 63);
}

export function formatFromFile(fileName: string): ImageSpec["format"] {
  if (/\.qcow2$/i.test(fileName)) return "qcow2";
  return /\.(tar|tgz|tar\.(gz|xz|zst|bz2))$/i.test(fileName) ? "tar" : "raw";
}

