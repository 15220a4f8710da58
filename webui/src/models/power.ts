// Which power actions make sense in which state. The daemon decides; this only keeps senseless buttons away.
import type { Guest, GuestStatus } from "../api/generated";

export type Verb = "start" | "shutdown" | "stop" | "reboot" | "reset" | "pause" | "resume";

const byState: Record<GuestStatus["state"], readonly Verb[]> = {
  stopped: ["start"],
  crashed: ["start"],
  running: ["shutdown", "reboot", "pause", "reset", "stop"],
  paused: ["resume", "stop"],
  blocked: ["resume", "stop"],
  unknown: ["stop"],
  creating: [],
  deleting: [],
};

export function possible(state: GuestStatus["state"], type: Guest["spec"]["type"]): Verb[] {
  return byState[state].filter((verb) => verb !== "reset" || type === "vm");
}

/** Those of the guests on which the verb can be used now. */
export function able(guests: readonly Guest[], verb: Verb): Guest[] {
  return guests.filter((g) => !g.status.task && possible(g.status.state, g.spec.type).includes(verb));
}
