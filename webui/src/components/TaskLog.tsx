// What a task did, line by line. Asked again when the task moves: its progress and its end come as events.
import { CodeBlock, CodeBlockCode } from "@pf/CodeBlock";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { item, textOf } from "../api/client";
import type { Task } from "../api/generated";
import { text } from "../text/en";
import { ProblemAlert } from "./Problem";
import { toProblem } from "../api/problem";

export function TaskLog({ task }: { task: Task }): ReactNode {
  const moved = `${task.status.state} ${task.status.progress} ${task.status.message ?? ""}`;
  const log = useQuery<string>({
    queryKey: ["task-log", task.metadata.name, moved],
    queryFn: ({ signal }) => textOf(`${item("tasks", task.metadata.name)}/log`, signal),
    placeholderData: (before) => before,
    gcTime: 10_000,
  });
  if (log.error) return <ProblemAlert problem={toProblem(log.error)} />;
  return <CodeBlock><CodeBlockCode className="lodge-log">{log.data === undefined ? text.common.loading : log.data || text.common.none}</CodeBlockCode></CodeBlock>;
}
