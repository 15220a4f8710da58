// Keeps the query cache as the daemon is: one stream for all tabs feeds it, and nothing polls.
import { QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { Plural } from "../api/client";
import type { Kinds } from "../api/generated";
import { type Change, changesOf, type Collection, type Live, liveOf, withChanges, withLive } from "./collection";
import { type Heard, Hub } from "./hub";
import { currentAccess, loadSession, subscribeAccess } from "./session";

declare const EVENT_WORKER: string;

/** off: nobody is signed in, or the user may not read events: then pages show what was when they asked. */
export type LiveState = "off" | "connecting" | "up" | "down";

const FLUSH_MS = 60;
const KEEP_CHANGES = 2000;

export const queryClient = new QueryClient({
  defaultOptions: { queries: { staleTime: Infinity, gcTime: 10 * 60_000, retry: false, refetchOnWindowFocus: false, refetchOnReconnect: false } },
});

let state: LiveState = "off";
let everUp = false;
const listeners = new Set<() => void>();
let waiting: (() => void)[] = [];

function setState(next: LiveState): void {
  if (next === state) return;
  state = next;
  if (next !== "connecting") for (const go of waiting.splice(0)) go();
  for (const listener of listeners) listener();
}

export function useLiveState(): LiveState {
  return useSyncExternalStore((listener) => { listeners.add(listener); return () => listeners.delete(listener); }, () => state);
}

/** Lists are asked for once the stream is there, so that nothing happens between the two. */
export async function streamSettled(): Promise<void> {
  if (state !== "connecting") return;
  await new Promise<void>((go) => {
    waiting.push(go);
    setTimeout(go, 1500);
  });
}

// ---- what was heard ----

let changes: Change[] = [];
let lives: Live[] = [];
/** Changes of the last moments, for lists that were asked for before and are answered after them. */
let kept: Change[] = [];
let timer: ReturnType<typeof setTimeout> | undefined;
type Listener = (changes: readonly Change[], lives: readonly Live[]) => void;
const followers = new Set<Listener>();

/** Called after each batch; returns how to stop. */
export function follow(listener: Listener): () => void {
  followers.add(listener);
  return () => followers.delete(listener);
}

export function keptChanges(kind: Plural): Change[] {
  return kept.filter((c) => c.kind === kind);
}

function later(): void {
  timer ??= setTimeout(flush, FLUSH_MS);
}

function patchLists(all: readonly Change[], news: readonly Live[]): void {
  for (const kind of new Set<Plural>([...all.map((c) => c.kind), ...news.map((l) => l.kind)])) {
    queryClient.setQueryData<Collection<Kinds[Plural]>>(["list", kind], (before) =>
      before && withLive(withChanges(before, all.filter((c) => c.kind === kind)), news.filter((l) => l.kind === kind)));
  }
}

type Shown = Kinds[Plural] & { status?: { effective?: unknown; steps?: unknown } };

/** What only single resources show stays until it is asked for again. */
function keepDetail(old: Shown, status: object): object {
  return {
    ...status,
    ...(old.status?.effective !== undefined && { effective: old.status.effective }),
    ...(old.status?.steps !== undefined && { steps: old.status.steps }),
  };
}

function patchItems(all: readonly Change[], news: readonly Live[]): void {
  for (const query of queryClient.getQueryCache().findAll({ queryKey: ["item"] })) {
    const old = query.state.data as Shown | null | undefined;
    if (!old) {
      if (all.some((c) => c.kind === query.queryKey[1] && c.object?.metadata.name === query.queryKey[2])) void query.invalidate();
      continue;
    }
    const change = all.findLast((c) => c.kind === query.queryKey[1] && c.uuid === old.metadata.uuid);
    const live = news.findLast((l) => l.kind === query.queryKey[1] && l.uuid === old.metadata.uuid);
    if (change && !change.object) {
      queryClient.setQueryData(query.queryKey, null);
      continue;
    }
    let now = old;
    if (change?.object && change.revision > old.metadata.revision) {
      const object = change.object as Shown;
      now = object.status ? { ...object, status: keepDetail(old, object.status) } as Shown : object;
    }
    if (live && now.status) now = { ...now, status: keepDetail(old, live.status) } as Shown;
    if (now === old) continue;
    queryClient.setQueryData(query.queryKey, now);
    const specChanged = change?.object && JSON.stringify((change.object as { spec: unknown }).spec) !== JSON.stringify((old as { spec: unknown }).spec);
    if (specChanged && old.status?.effective !== undefined) void queryClient.invalidateQueries({ queryKey: query.queryKey });
  }
}

function flush(): void {
  timer = undefined;
  const all = changes, news = lives;
  changes = [];
  lives = [];
  kept = [...kept, ...all].slice(-KEEP_CHANGES);
  patchLists(all, news);
  patchItems(all, news);
  for (const follower of followers) follower(all, news);
}

/** An answer to one's own change is shown at once, whichever comes first, it or its event. */
export function learned(kind: Plural, object: Kinds[Plural]): void {
  changes.push({ kind, uuid: object.metadata.uuid, name: object.metadata.name, object, revision: object.metadata.revision });
  flush();
}

function hear(heard: Heard): void {
  switch (heard.type) {
    case "up":
      setState("up");
      if (heard.fresh && everUp) void queryClient.invalidateQueries();
      everUp = true;
      break;
    case "down":
      setState("down");
      break;
    case "refused":
      setState("off");
      // Either nobody is signed in any more, or the session was renewed (a new password): then it goes on.
      if (heard.status === 401) void loadSession().then(() => { if (currentAccess().state === "in") begin("restart"); }, () => undefined);
      break;
    case "change":
      changes.push(...changesOf(heard.data));
      later();
      break;
    case "live": {
      const live = liveOf(heard.data);
      if (live) {
        lives.push(live);
        later();
      }
      break;
    }
  }
}

// ---- where it comes from ----

type Say = (message: "start" | "restart" | "nudge" | "bye") => void;

function sharedSource(): Say {
  const worker = new SharedWorker(EVENT_WORKER, { type: "module", name: "lodge-events" });
  worker.port.onmessage = ({ data }: MessageEvent<Heard>) => hear(data);
  worker.port.start();
  return (message) => worker.port.postMessage(message);
}

function ownSource(): Say {
  const hub = new Hub(hear, {
    fetch: (...args) => fetch(...args),
    setTimeout: (run, ms) => window.setTimeout(run, ms),
    clearTimeout: (id) => window.clearTimeout(id),
  });
  return (message) => {
    if (message === "bye") hub.stop();
    else if (message === "nudge") hub.nudge();
    else if (message === "restart" || !hub.running) hub.start();
  };
}

let say: Say = () => undefined;

function begin(how: "start" | "restart"): void {
  setState("connecting");
  say(how);
}

/** Listens as long as somebody is signed in. */
export function startLive(): void {
  say = typeof SharedWorker === "function" ? sharedSource() : ownSource();
  let user: string | undefined;
  const adapt = () => {
    const access = currentAccess();
    const now = access.state === "in" ? access.session.who : undefined;
    if (now === user) return;
    if (now !== undefined) {
      begin(user === undefined && !everUp ? "start" : "restart");
    } else {
      say("bye");
      setState("off");
      if (access.state === "out") queryClient.clear();
    }
    user = now;
  };
  subscribeAccess(adapt);
  adapt();
  document.addEventListener("visibilitychange", () => { if (!document.hidden) say("nudge"); });
  window.addEventListener("online", () => say("nudge"));
  window.addEventListener("pagehide", () => say("bye"));
  window.addEventListener("pageshow", (event) => { if (event.persisted && user !== undefined) say("start"); });
}
