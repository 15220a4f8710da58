// A console as a channel of bytes: a ticket, then a WebSocket. noVNC takes it in a socket's place; the terminal reads it too.
import { item, PREFIX, request } from "../../api/client";
import type { ConsoleInput } from "../../api/generated";
import { type Notice, noticeOf } from "../../models/console";

export interface Ticket {
  url: string;
  mode: "writer" | "viewer";
}

export async function ticketFor(guest: string, input: ConsoleInput, signal?: AbortSignal): Promise<Ticket> {
  const answer = (await (await request("POST", `${item("guests", guest)}/consoles`, { body: input, signal })).json()) as Partial<Ticket>;
  if (typeof answer.url !== "string" || !answer.url.startsWith(PREFIX)) throw new Error("the console's address is none of ours");
  return { url: answer.url, mode: answer.mode === "viewer" ? "viewer" : "writer" };
}

/** The members that noVNC wants of a socket; notices are kept from it. */
export class Channel {
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: ArrayBuffer }) => void) | null = null;
  onclose: ((event: { code: number; reason: string; wasClean: boolean }) => void) | null = null;
  onerror: (() => void) | null = null;
  binaryType = "arraybuffer";
  readonly protocol = "binary";
  /** The last one that said why it ends. */
  ended: Notice | undefined;
  private readonly socket: WebSocket;

  constructor(url: string, private readonly notice: (n: Notice) => void) {
    this.socket = new WebSocket(`wss://${location.host}${url}`, ["binary"]);
    this.socket.binaryType = "arraybuffer";
    this.socket.onopen = () => this.onopen?.();
    this.socket.onerror = () => this.onerror?.();
    this.socket.onclose = (e) => this.onclose?.({ code: e.code, reason: e.reason, wasClean: e.wasClean });
    this.socket.onmessage = ({ data }: MessageEvent<ArrayBuffer | string>) => {
      if (typeof data !== "string") return this.onmessage?.({ data });
      const notice = noticeOf(data);
      if (notice.end !== undefined) this.ended = notice;
      this.notice(notice);
      return undefined;
    };
  }

  get readyState(): number {
    return this.socket.readyState;
  }

  get bufferedAmount(): number {
    return this.socket.bufferedAmount;
  }

  send(data: ArrayBuffer | ArrayBufferView | string): void {
    if (this.socket.readyState !== WebSocket.OPEN) return;
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data instanceof ArrayBuffer ? new Uint8Array(data) : new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let at = 0; at < bytes.length; at += 32 * 1024) this.socket.send(bytes.slice(at, at + 32 * 1024));
  }

  tell(notice: { resize: [number, number] } | { take: true }): void {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(notice));
  }

  close(): void {
    this.socket.close();
  }
}
