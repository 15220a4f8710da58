// Tasks of one object: those that a list gave, and what was heard of them since.
import type { Task } from "../api/generated";
import { text } from "../text/en";

/** The newest first. */
export function tasksOf(uuid: string, listed: readonly Task[], heard: readonly Task[]): Task[] {
  const all = new Map(listed.map((t) => [t.metadata.uuid, t]));
  for (const task of heard) {
    const known = all.get(task.metadata.uuid);
    if (task.spec.object.uuid === uuid && (!known || task.metadata.revision >= known.metadata.revision)) all.set(task.metadata.uuid, task);
  }
  return [...all.values()].sort((a, b) => (a.metadata.created < b.metadata.created ? 1 : a.metadata.created > b.metadata.created ? -1 : a.metadata.name < b.metadata.name ? 1 : -1));
}

/** What a task does, in words: "Create guest" for guest.create. An action without words stays as it is. */
export function actionName(action: string): string {
  const [kind = "", verb = ""] = action.split(".");
  const { words } = text.tasks;
  const known = Object.hasOwn(words, kind) && Object.hasOwn(words, verb);
  return known ? `${words[verb]} ${words[kind]}` : action;
}
