// What was done with a guest: a list once, then the events.
import { Button } from "@pf/Button";
import { EmptyState, EmptyStateBody } from "@pf/EmptyState";
import { PageSection } from "@pf/Page";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { Skeleton } from "@pf/Skeleton";
import { HistoryIcon } from "@pf-icons/history-icon";
import { ExpandableRowContent, Table, Tbody, Td, Th, Thead, Tr } from "@pf-table/Table";
import { useQuery } from "@tanstack/react-query";
import { type ReactNode, useState } from "react";
import { action, list } from "../api/client";
import type { Guest, Task } from "../api/generated";
import { duration } from "../models/format";
import { actionName, tasksOf } from "../models/guestTasks";
import { sendOrTell } from "../state/send";
import { useMay } from "../state/session";
import { isAtWork, useTasks } from "../state/tasks";
import { text } from "../text/en";
import { Forbidden, ProblemState } from "./Problem";
import { TaskState } from "./State";
import { TaskLog } from "./TaskLog";
import { Ago, For } from "./Time";

function took({ status }: Task): string {
  if (!status.started || !status.ended) return "–";
  const seconds = (new Date(status.ended).getTime() - new Date(status.started).getTime()) / 1000;
  return seconds < 1 ? "< 1 s" : duration(seconds);
}

function Details({ task }: { task: Task }): ReactNode {
  const atWork = isAtWork(task);
  return (
    <ExpandableRowContent>
      {atWork && <Progress aria-label={actionName(task.spec.action)} value={task.status.progress} size="sm" measureLocation={ProgressMeasureLocation.outside} />}
      {atWork && task.status.message && <p>{task.status.message}</p>}
      {task.status.error && <p><strong>{task.status.error.detail}</strong> {task.status.error.hint}</p>}
      <TaskLog task={task} />
      {atWork && <Button variant="link" isInline onClick={() => void sendOrTell(action("tasks", task.metadata.name, "cancel"), text.tasks.cancel)}>{text.tasks.cancel}</Button>}
    </ExpandableRowContent>
  );
}

export function GuestTasks({ guest }: { guest: Guest }): ReactNode {
  const { uuid } = guest.metadata;
  const mayRead = useMay("tasks.read");
  const heard = useTasks();
  const [open, setOpen] = useState<ReadonlySet<string>>(new Set());
  const listed = useQuery<Task[]>({
    queryKey: ["guest-tasks", uuid],
    enabled: mayRead,
    queryFn: async ({ signal }) => (await list("tasks", { query: { filter: `spec.object.uuid=${uuid}` }, signal })).items,
  });
  if (!mayRead) return <Forbidden permission="tasks.read" />;
  if (listed.error && !listed.data) return <ProblemState error={listed.error} retry={() => void listed.refetch()} />;
  const tasks = tasksOf(uuid, listed.data ?? [], heard);
  const toggle = (id: string) => {
    const next = new Set(open);
    if (!next.delete(id)) next.add(id);
    setOpen(next);
  };
  if (listed.data && !tasks.length)
    return <EmptyState titleText={text.guest.noTasks} headingLevel="h2" icon={HistoryIcon}><EmptyStateBody>{text.guest.noTasksBody}</EmptyStateBody></EmptyState>;
  return (
    <PageSection hasBodyWrapper={false}>
      {!listed.data && <Skeleton screenreaderText={text.common.loading} />}
      <Table aria-label={text.guest.taskTable} variant="compact" isExpandable>
        <Thead><Tr><Th screenReaderText={text.guest.details} /><Th>{text.guest.action}</Th><Th>{text.common.state}</Th><Th>{text.guest.by}</Th><Th>{text.guest.when}</Th><Th>{text.guest.took}</Th></Tr></Thead>
        {tasks.map((task, i) => {
          const { name, uuid: id, created } = task.metadata;
          const expanded = open.has(id);
          return (
            <Tbody key={id} isExpanded={expanded}>
              <Tr {...(expanded && { isContentExpanded: true })}>
                <Td expand={{ rowIndex: i, isExpanded: expanded, onToggle: () => toggle(id), expandId: `task-${name}-` }} />
                <Td dataLabel={text.guest.action}>{actionName(task.spec.action)}</Td>
                <Td dataLabel={text.common.state}><TaskState state={task.status.state} />{isAtWork(task) && ` ${task.status.progress} %`}</Td>
                <Td dataLabel={text.guest.by} modifier="breakWord">{task.spec.user ?? text.tasks.nobody}</Td>
                <Td dataLabel={text.guest.when}><Ago time={task.status.ended ?? created} /></Td>
                <Td dataLabel={text.guest.took}>{isAtWork(task) ? <For since={task.status.started} /> : took(task)}</Td>
              </Tr>
              {expanded && <Tr isExpanded><Td colSpan={6}><Details task={task} /></Td></Tr>}
            </Tbody>
          );
        })}
      </Table>
    </PageSection>
  );
}
