// A time, relative, with the exact one on hover and for screen readers. One clock moves all of them.
import { type ReactNode, useSyncExternalStore } from "react";
import { ago, duration, exactTime } from "../models/format";

let moved = new Date();
const listeners = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  timer ??= setInterval(() => {
    moved = new Date();
    for (const tell of listeners) tell();
  }, 10_000);
  return () => {
    listeners.delete(listener);
    if (listeners.size || timer === undefined) return;
    clearInterval(timer);
    timer = undefined;
  };
}

function useNow(): Date {
  const known = useSyncExternalStore(subscribe, () => moved);
  return Date.now() - known.getTime() > 10_000 ? new Date() : known;
}

export function Ago({ time }: { time: string | undefined }): ReactNode {
  const current = useNow();
  if (!time) return "–";
  const date = new Date(time);
  const now = date > current ? new Date() : current; // it happened after the clock last moved
  return <time dateTime={time} title={exactTime(date)}>{ago(date, now)}</time>;
}

export function For({ since }: { since: string | undefined }): ReactNode {
  const current = useNow();
  if (!since) return "–";
  const date = new Date(since);
  return <time dateTime={since} title={exactTime(date)}>{duration(Math.max(0, (current.getTime() - date.getTime()) / 1000))}</time>;
}
