// What a guest can be looked at with, and what the server's words about it mean to a person. Pure.
import type { ConsoleInput, Guest } from "../api/generated";
import { text } from "../text/en";

export type ConsoleKind = ConsoleInput["kind"];

/** The first one is what its page opens with. */
export function kindsOf(type: Guest["spec"]["type"]): readonly ConsoleKind[] {
  return type === "vm" ? ["vnc", "serial", "log"] : ["shell", "serial", "log"];
}

/** Only the log is there for a guest that does not run. */
export function isReachable(kind: ConsoleKind, guest: Guest): boolean {
  return kind === "log" || ["running", "paused", "blocked"].includes(guest.status.state);
}

/** What comes as text beside the bytes. */
export interface Notice {
  mode?: "writer" | "viewer";
  by?: string;
  lost?: number;
  end?: string;
  detail?: string;
  code?: number;
}

export function noticeOf(data: string): Notice {
  try {
    const value = JSON.parse(data) as Record<string, unknown>;
    const notice: Notice = {};
    if (value["mode"] === "writer" || value["mode"] === "viewer") notice.mode = value["mode"];
    if (typeof value["by"] === "string") notice.by = value["by"];
    if (typeof value["lost"] === "number") notice.lost = value["lost"];
    if (typeof value["end"] === "string") notice.end = value["end"];
    if (typeof value["detail"] === "string") notice.detail = value["detail"];
    if (typeof value["code"] === "number") notice.code = value["code"];
    return notice;
  } catch {
    return {};
  }
}

/** Ends after which it is tried again by itself: the guest runs on, only the way to it broke. */
export function isPassing(code: number): boolean {
  return code === 4003 || code === 4004 || code === 4005 || code === 1006 || code === 1001;
}

const ends: Record<number, string> = {
  4000: text.console.exited,
  4001: text.console.sessionEnded,
  4002: text.console.guestStopped,
  4003: text.console.restarting,
  4004: text.console.noAnswer,
  4005: text.console.failed,
};

export function endText(code: number, notice: Notice | undefined): string {
  const known = ends[code] ?? text.console.broken;
  if (code === 4000 && notice?.code) return text.console.exitedWith(notice.code);
  return notice?.detail && code === 4005 ? `${known} ${notice.detail}` : known;
}

/** Milliseconds until the next attempt. */
export function retryDelay(failures: number): number {
  return [300, 1000, 2000, 4000][Math.min(failures, 3)] ?? 4000;
}
