// Tasks that this page knows: those at work when it began, and all that were heard of since. The drawer shows them.
import { useSyncExternalStore } from "react";
import { list } from "../api/client";
import type { Task } from "../api/generated";
import { actionName } from "../models/guestTasks";
import { text } from "../text/en";
import { follow } from "./live";
import { addToast } from "./toasts";

export const ENDS = new Set(["succeeded", "failed", "cancelled"]);
const KEEP = 60;

let tasks: readonly Task[] = [];
const mine = new Set<string>();
const listeners = new Set<() => void>();

function set(now: readonly Task[]): void {
  tasks = now;
  for (const listener of listeners) listener();
}

export function isAtWork(task: Task): boolean {
  return !ENDS.has(task.status.state);
}

function put(known: Map<string, Task>, task: Task): void {
  const before = known.get(task.metadata.uuid);
  if (before && before.metadata.revision > task.metadata.revision) return;
  known.set(task.metadata.uuid, task);
  if (mine.has(task.metadata.uuid) && !isAtWork(task) && (!before || isAtWork(before))) tellEnd(task);
}

/** The newest first; of those that have ended only the last ones are kept. */
function ordered(known: Map<string, Task>): Task[] {
  const all = [...known.values()].sort((a, b) => (a.metadata.name < b.metadata.name ? 1 : -1));
  let ended = 0;
  return all.filter((task) => isAtWork(task) || ended++ < KEEP);
}

function tellEnd(task: Task): void {
  mine.delete(task.metadata.uuid);
  if (task.status.state === "succeeded") return;
  addToast({
    variant: task.status.state === "failed" ? "danger" : "warning",
    title: text.tasks.ended(actionName(task.spec.action), task.spec.object.name, text.tasks.states[task.status.state]),
    detail: task.status.error?.detail,
    hint: task.status.error?.hint,
    link: { to: `/activity/${task.metadata.name}`, label: text.tasks.show },
  });
}

/** This page began it: a failure is told even when nobody looks. */
export function watchTask(task: Task): void {
  mine.add(task.metadata.uuid);
  learnTasks([task]);
}

export function learnTasks(news: readonly Task[]): void {
  const known = new Map(tasks.map((t) => [t.metadata.uuid, t]));
  for (const task of news) put(known, task);
  set(ordered(known));
}

export function useTasks(): readonly Task[] {
  return useSyncExternalStore((listener) => { listeners.add(listener); return () => listeners.delete(listener); }, () => tasks);
}

follow((changes, lives) => {
  const known = new Map(tasks.map((t) => [t.metadata.uuid, t]));
  let any = false;
  for (const change of changes) {
    if (change.kind !== "tasks") continue;
    any = true;
    if (change.object) put(known, change.object as Task);
    else known.delete(change.uuid);
  }
  for (const live of lives) {
    const task = live.kind === "tasks" ? known.get(live.uuid) : undefined;
    if (!task) continue;
    any = true;
    known.set(live.uuid, { ...task, status: live.status as unknown as Task["status"] });
  }
  if (any) set(ordered(known));
});

/** Those that are at work just now. */
export async function loadActiveTasks(): Promise<void> {
  const answer = await list("tasks", { query: { filter: "status.state!=succeeded,status.state!=failed,status.state!=cancelled" } });
  learnTasks(answer.items);
}
