// Running work and what ended lately, with progress and log live.
import { Button } from "@pf/Button";
import { EmptyState, EmptyStateBody } from "@pf/EmptyState";
import { ExpandableSection } from "@pf/ExpandableSection";
import { NotificationDrawer, NotificationDrawerBody, NotificationDrawerHeader, NotificationDrawerList, NotificationDrawerListItem, NotificationDrawerListItemBody, NotificationDrawerListItemHeader } from "@pf/NotificationDrawer";
import { Progress, ProgressMeasureLocation } from "@pf/Progress";
import { type ReactNode, useState } from "react";
import { Link } from "react-router";
import { action } from "../api/client";
import type { Task } from "../api/generated";
import { actionName } from "../models/guestTasks";
import { sendOrTell } from "../state/send";
import { isAtWork, useTasks } from "../state/tasks";
import { text } from "../text/en";
import { TaskLog } from "./TaskLog";
import { TaskState } from "./State";
import { Ago } from "./Time";

const variants: Partial<Record<Task["status"]["state"], "success" | "danger" | "warning" | "info">> = {
  succeeded: "success", failed: "danger", cancelled: "warning", undoing: "warning",
};

/** A link to what a task worked on, where there is a page of it. */
export function TaskObject({ task }: { task: Task }): ReactNode {
  const { kind, name } = task.spec.object;
  const pages: Record<string, string> = { guest: `/guests/${encodeURIComponent(name)}`, image: "/images", volume: "/storage/volumes", pool: "/storage", network: "/networks", node: "/nodes" };
  const to = pages[kind];
  return to ? <Link to={to}>{name}</Link> : name;
}

function Entry({ task }: { task: Task }): ReactNode {
  const [open, setOpen] = useState(false);
  const atWork = isAtWork(task);
  return (
    <NotificationDrawerListItem variant={variants[task.status.state] ?? "info"} isRead={!atWork}>
      <NotificationDrawerListItemHeader variant={variants[task.status.state] ?? "info"} title={actionName(task.spec.action)} headingLevel="h3">
        <TaskState state={task.status.state} />
      </NotificationDrawerListItemHeader>
      <NotificationDrawerListItemBody timestamp={<Ago time={task.status.ended ?? task.metadata.created} />}>
        <p><TaskObject task={task} /> · {text.tasks.by} {task.spec.user ?? text.tasks.nobody}</p>
        {atWork && <Progress aria-label={actionName(task.spec.action)} value={task.status.progress} size="sm" measureLocation={ProgressMeasureLocation.outside} />}
        {atWork && task.status.message && <p>{task.status.message}</p>}
        {task.status.error && <p><strong>{task.status.error.detail}</strong></p>}
        {task.status.error?.hint && <p>{task.status.error.hint}</p>}
        <ExpandableSection toggleText={text.tasks.log} isExpanded={open} onToggle={(_, on) => setOpen(on)}>
          {open && <TaskLog task={task} />}
        </ExpandableSection>
        {atWork && <Button variant="link" isInline onClick={() => void sendOrTell(action("tasks", task.metadata.name, "cancel"), text.tasks.cancel)}>{text.tasks.cancel}</Button>}
      </NotificationDrawerListItemBody>
    </NotificationDrawerListItem>
  );
}

export function TaskDrawer({ onClose }: { onClose: () => void }): ReactNode {
  const tasks = useTasks();
  return (
    <NotificationDrawer>
      <NotificationDrawerHeader title={text.tasks.title} onClose={onClose}>
        <Link to="/activity" onClick={onClose}>{text.tasks.all}</Link>
      </NotificationDrawerHeader>
      <NotificationDrawerBody>
        {tasks.length ? (
          <NotificationDrawerList aria-label={text.tasks.title}>{tasks.map((t) => <Entry key={t.metadata.uuid} task={t} />)}</NotificationDrawerList>
        ) : (
          <EmptyState titleText={text.tasks.empty} headingLevel="h3"><EmptyStateBody>{text.tasks.emptyBody}</EmptyStateBody></EmptyState>
        )}
      </NotificationDrawerBody>
    </NotificationDrawer>
  );
}
