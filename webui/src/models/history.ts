// The figures of a guest over time, as small charts show them.
export interface Sample {
  /** Seconds since 1970. */
  time: number;
  /** CPUs in use. */
  cpu: number | null;
  memory: number | null;
  read: number | null;
  write: number | null;
  rx: number | null;
  tx: number | null;
}

/** An hour of one figure every few seconds. */
export const KEEP_SAMPLES = 1200;

function figure(status: Record<string, unknown>, group: string, member: string): number | null {
  const inner = status[group];
  if (typeof inner !== "object" || inner === null) return null;
  const value = (inner as Record<string, unknown>)[member];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Without figures, as when it does not run, there is a gap. */
export function sampleOf(status: object, time: number): Sample {
  const s = status as Record<string, unknown>;
  return {
    time, cpu: figure(s, "cpu", "used"), memory: figure(s, "memory", "used"), read: figure(s, "disk", "read"), write: figure(s, "disk", "write"), rx: figure(s, "net", "rx"), tx: figure(s, "net", "tx"),
  };
}

export function withSample(before: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = before.at(-1);
  if (last && sample.time <= last.time) return before;
  return [...before.slice(-(KEEP_SAMPLES - 1)), sample];
}
