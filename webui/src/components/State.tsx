// A state always has the same colour, icon and word.
import { Spinner } from "@pf/Spinner";
import { BanIcon } from "@pf-icons/ban-icon";
import { CheckCircleIcon } from "@pf-icons/check-circle-icon";
import { ClockIcon } from "@pf-icons/clock-icon";
import { ExclamationCircleIcon } from "@pf-icons/exclamation-circle-icon";
import { ExclamationTriangleIcon } from "@pf-icons/exclamation-triangle-icon";
import { OffIcon } from "@pf-icons/off-icon";
import { PauseCircleIcon } from "@pf-icons/pause-circle-icon";
import { PlayIcon } from "@pf-icons/play-icon";
import { TrashIcon } from "@pf-icons/trash-icon";
import { UnknownIcon } from "@pf-icons/unknown-icon";
import type { ReactNode } from "react";
import type { GuestStatus, TaskStatus } from "../api/generated";
import { text } from "../text/en";
import { Tag, type TagColor } from "./Tag";

type Look = { color: TagColor; icon: ReactNode };
const spinner = <Spinner size="sm" aria-hidden="true" />;

const guestLooks: Record<GuestStatus["state"], Look> = {
  running: { color: "green", icon: <PlayIcon /> },
  stopped: { color: "grey", icon: <OffIcon /> },
  paused: { color: "blue", icon: <PauseCircleIcon /> },
  blocked: { color: "orange", icon: <ExclamationTriangleIcon /> },
  crashed: { color: "red", icon: <ExclamationCircleIcon /> },
  unknown: { color: "grey", icon: <UnknownIcon /> },
  creating: { color: "teal", icon: spinner },
  deleting: { color: "teal", icon: spinner },
};

const taskLooks: Record<TaskStatus["state"], Look> = {
  queued: { color: "grey", icon: <ClockIcon /> },
  running: { color: "blue", icon: spinner },
  undoing: { color: "orange", icon: spinner },
  succeeded: { color: "green", icon: <CheckCircleIcon /> },
  failed: { color: "red", icon: <ExclamationCircleIcon /> },
  cancelled: { color: "grey", icon: <BanIcon /> },
};

const plainLooks: Record<string, Look> = {
  ready: { color: "green", icon: <CheckCircleIcon /> },
  online: { color: "green", icon: <CheckCircleIcon /> },
  creating: { color: "teal", icon: spinner },
  deleting: { color: "teal", icon: spinner },
  trashed: { color: "grey", icon: <TrashIcon /> },
  failed: { color: "red", icon: <ExclamationCircleIcon /> },
};

export function GuestState({ status }: { status: Pick<GuestStatus, "state" | "task" | "detail"> }): ReactNode {
  const look = guestLooks[status.state];
  return <Tag color={look.color} icon={status.task ? spinner : look.icon}>{text.guests.states[status.state]}</Tag>;
}

export function TaskState({ state }: { state: TaskStatus["state"] }): ReactNode {
  const look = taskLooks[state];
  return <Tag color={look.color} icon={look.icon}>{text.tasks.states[state]}</Tag>;
}

/** Of pools, volumes, images, nodes. */
export function PlainState({ state }: { state: string }): ReactNode {
  const look = plainLooks[state] ?? { color: "grey" as const, icon: <UnknownIcon /> };
  return <Tag color={look.color} icon={look.icon}>{state}</Tag>;
}
