// The one event stream: reads /api/v1/events, resumes after a break without a gap, and tells what it hears. Runs in a
// SharedWorker for all tabs, or in the page where a browser has none. Nothing here knows about pages.
import { EventParser, type ServerEvent } from "./sse";

/** What a page hears. Changes and live figures are passed on as they came: the page checks them. */
export type Heard =
  /** The stream is there. fresh: it does not continue an earlier one, so what was listed before may have missed something. */
  | { type: "up"; fresh: boolean }
  | { type: "down" }
  /** Nobody is signed in any more, or may not read events. */
  | { type: "refused"; status: number }
  | { type: "change"; data: unknown }
  | { type: "live"; data: unknown };

export interface HubParts {
  fetch: typeof fetch;
  setTimeout: (run: () => void, ms: number) => number;
  clearTimeout: (timer: number) => void;
}

const RETRY_MS = [250, 500, 1000, 2000, 3000];
/** The daemon writes at least every 15 s. */
const SILENCE_MS = 40_000;

export class Hub {
  private lastId: string | undefined;
  private abort: AbortController | undefined;
  private retry: number | undefined;
  private silence: number | undefined;
  private failures = 0;
  private state: "idle" | "connecting" | "up" | "down" | "refused" = "idle";

  constructor(private readonly tell: (heard: Heard) => void, private readonly parts: HubParts) {}

  /** Begins, or begins anew with whoever is signed in now. */
  start(): void {
    this.stop();
    this.lastId = undefined;
    this.failures = 0;
    void this.connect();
  }

  stop(): void {
    this.abort?.abort();
    this.abort = undefined;
    if (this.retry !== undefined) this.parts.clearTimeout(this.retry);
    if (this.silence !== undefined) this.parts.clearTimeout(this.silence);
    this.retry = this.silence = undefined;
    this.state = "idle";
  }

  get running(): boolean {
    return this.state !== "idle" && this.state !== "refused";
  }

  get isUp(): boolean {
    return this.state === "up";
  }

  /** The network is back, or somebody looks again: no reason to wait for the next attempt. */
  nudge(): void {
    if (this.retry === undefined) return;
    this.parts.clearTimeout(this.retry);
    this.retry = undefined;
    void this.connect();
  }

  private async connect(): Promise<void> {
    const abort = new AbortController();
    this.abort = abort;
    if (this.state === "idle") this.state = "connecting";
    try {
      const answer = await this.parts.fetch("/api/v1/events", {
        headers: { Accept: "text/event-stream", ...(this.lastId !== undefined && { "Last-Event-ID": this.lastId }) },
        cache: "no-store",
        credentials: "same-origin",
        signal: abort.signal,
      });
      if (this.abort !== abort) return;
      if (answer.status === 410) {
        this.lastId = undefined;
        return this.again(abort, 0);
      }
      if (answer.status === 401 || answer.status === 403) {
        this.stop();
        this.state = "refused";
        return this.tell({ type: "refused", status: answer.status });
      }
      if (!answer.ok || !answer.body) throw new Error(`events: ${answer.status}`);
      await this.read(answer.body, abort);
    } catch {
      // told below: whatever broke it, the cure is another attempt
    }
    if (this.abort !== abort) return;
    if (this.state === "up" || this.state === "connecting") this.tell({ type: "down" });
    this.state = "down";
    this.again(abort, RETRY_MS[Math.min(this.failures++, RETRY_MS.length - 1)] ?? 3000);
  }

  private again(abort: AbortController, ms: number): void {
    if (this.silence !== undefined) this.parts.clearTimeout(this.silence);
    this.silence = undefined;
    this.retry = this.parts.setTimeout(() => {
      this.retry = undefined;
      if (this.abort === abort) void this.connect();
    }, ms);
  }

  private async read(body: ReadableStream<Uint8Array>, abort: AbortController): Promise<void> {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    const parser = new EventParser();
    this.watch(abort);
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.abort !== abort) return;
      this.watch(abort);
      for (const event of parser.push(decoder.decode(value, { stream: true }))) this.heard(event);
    }
  }

  private watch(abort: AbortController): void {
    if (this.silence !== undefined) this.parts.clearTimeout(this.silence);
    this.silence = this.parts.setTimeout(() => abort.abort(), SILENCE_MS);
  }

  private heard(event: ServerEvent): void {
    const fresh = this.lastId === undefined;
    if (event.id !== undefined) this.lastId = event.id;
    if (event.event === "hello") {
      this.failures = 0;
      this.state = "up";
      this.tell({ type: "up", fresh });
      return;
    }
    if (event.event !== "change" && event.event !== "live") return;
    try {
      this.tell({ type: event.event, data: JSON.parse(event.data) as unknown });
    } catch {
      this.lastId = undefined; // what cannot be read was missed: list again
      this.abort?.abort();
    }
  }
}
