// What the palette offers, and what of it fits what somebody typed.
import type { Guest } from "../api/generated";
import { text } from "../text/en";

export interface Command {
  id: string;
  group: keyof typeof text.palette.groups;
  label: string;
  detail?: string | undefined;
  /** What is looked in, in lower case. */
  words: string;
  to?: string;
  act?: { guest: string; verb: string };
}

const MAX = 30;

export function guestPath(name: string, tab = ""): string {
  return `/guests/${encodeURIComponent(name)}${tab && `/${tab}`}`;
}

export function guestCommands(guests: readonly Guest[]): Command[] {
  return guests.flatMap((guest): Command[] => {
    const { name } = guest.metadata;
    const state = text.guests.states[guest.status.state];
    const go: Command = { id: `guest/${name}`, group: "guests", label: name, detail: [state, ...guest.status.addresses].join(" · "), words: [name, ...guest.status.addresses, ...Object.entries(guest.metadata.labels).map(([k, v]) => `${k}=${v}`)].join(" ").toLowerCase(), to: guestPath(name) };
    const stopped = guest.status.state === "stopped" || guest.status.state === "crashed";
    const act: Command = stopped
      ? { id: `start/${name}`, group: "actions", label: text.palette.start(name), words: `start ${name}`.toLowerCase(), act: { guest: name, verb: "start" } }
      : { id: `shutdown/${name}`, group: "actions", label: text.palette.shutdown(name), words: `shut down stop ${name}`.toLowerCase(), act: { guest: name, verb: "shutdown" } };
    const console: Command = { id: `console/${name}`, group: "actions", label: text.palette.console(name), words: `console ${name}`.toLowerCase(), to: guestPath(name, "console") };
    return [go, act, console];
  });
}

export function resourceCommands(kind: string, items: readonly { metadata: { name: string } }[], page: string): Command[] {
  return items.map(({ metadata: { name } }) => ({ id: `${kind}/${name}`, group: "other", label: name, detail: kind, words: `${kind} ${name}`.toLowerCase(), to: `${page}?q=${encodeURIComponent(name)}` }));
}

/** The best ones first: a label that begins so, one with the word's beginning, one that has it at all. */
function rank(command: Command, words: readonly string[]): number {
  let sum = 0;
  for (const word of words) {
    const at = command.words.indexOf(word);
    if (at < 0) return -1;
    sum += at === 0 ? 0 : command.words[at - 1] === " " ? 1 : 2;
  }
  return sum;
}

export function findCommands(commands: readonly Command[], input: string): Command[] {
  const words = input.toLowerCase().split(/\s+/).filter(Boolean);
  if (!words.length) return commands.filter((c) => c.group === "pages" || c.id === "create");
  const ranked = commands.map((command) => ({ command, rank: rank(command, words) })).filter((r) => r.rank >= 0);
  ranked.sort((a, b) => a.rank - b.rank || a.command.words.length - b.command.words.length);
  const best = ranked.slice(0, MAX).map((r) => r.command);
  const groups = [...new Set(best.map((c) => c.group))];
  return groups.flatMap((group) => best.filter((c) => c.group === group));
}
