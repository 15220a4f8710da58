// What needs somebody's attention, from what the console knows anyway. Each says what to do.
import { useMemo } from "react";
import type { Guest, Node, Pool, Task } from "../api/generated";
import { bytes, percent } from "../models/format";
import { text } from "../text/en";
import { useCollection } from "./queries";

export interface Alarm {
  id: string;
  severity: "danger" | "warning" | "info";
  title: string;
  hint: string;
}

const POOL_FULL = 0.9;

/** Pure: what these resources give reason to say. */
export function alarmsOf(nodes: readonly Node[], pools: readonly Pool[], guests: readonly Guest[]): Alarm[] {
  const alarms: Alarm[] = [];
  for (const node of nodes)
    for (const [i, warning] of (node.status.warnings ?? []).entries())
      alarms.push({ id: `node/${node.metadata.name}/${i}`, severity: "warning", title: text.alarms.node(node.metadata.name), hint: warning });
  for (const pool of pools) {
    const { size, used, free, state } = pool.status;
    if (state === "unknown") alarms.push({ id: `pool/${pool.metadata.name}/unknown`, severity: "warning", title: text.alarms.poolUnknown(pool.metadata.name), hint: text.alarms.poolUnknownHint });
    else if (size && used !== undefined && used / size >= POOL_FULL)
      alarms.push({ id: `pool/${pool.metadata.name}`, severity: used / size > 0.97 ? "danger" : "warning", title: text.alarms.poolFull(pool.metadata.name, percent(used / size)), hint: text.alarms.poolFullHint(bytes(free ?? 0)) });
  }
  for (const guest of guests) {
    if (guest.status.state === "crashed") alarms.push({ id: `guest/${guest.metadata.name}`, severity: "danger", title: text.alarms.crashed(guest.metadata.name), hint: guest.status.detail ?? text.alarms.crashedHint });
    if (guest.status.state === "blocked") alarms.push({ id: `guest/${guest.metadata.name}`, severity: "danger", title: text.alarms.blocked(guest.metadata.name), hint: text.alarms.blockedHint });
  }
  return alarms;
}

export function useAlarms(): Alarm[] {
  const nodes = useCollection("nodes").data?.items;
  const pools = useCollection("pools").data?.items;
  const guests = useCollection("guests").data?.items;
  return useMemo(() => alarmsOf(nodes ?? [], pools ?? [], guests ?? []), [nodes, pools, guests]);
}

/** Failures of the last day, the newest first. */
export function recentFailures(tasks: readonly Task[], now: Date): Task[] {
  return tasks.filter((t) => t.status.state === "failed" && t.status.ended && now.getTime() - new Date(t.status.ended).getTime() < 86_400_000);
}
