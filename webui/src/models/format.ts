// How values are written everywhere: one style for sizes, rates, times, shares.
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"];

/** 1610612736 → "1.5 GiB": three digits at most. */
export function bytes(value: number): string {
  let unit = 0;
  let scaled = value;
  while (scaled >= 1023.5 && unit < UNITS.length - 1) {
    scaled /= 1024;
    unit++;
  }
  const digits = unit === 0 || scaled >= 99.95 ? 0 : scaled >= 9.995 ? 1 : 2;
  return `${Number(scaled.toFixed(digits))} ${UNITS[unit]}`;
}

export function byteRate(value: number): string {
  return `${bytes(value)}/s`;
}

/** 0.1234 → "12 %"; small shares keep a digit. */
export function percent(share: number): string {
  const value = share * 100;
  return `${value > 0 && value < 9.95 ? value.toFixed(1) : Math.round(value)} %`;
}

const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [["second", 60], ["minute", 60], ["hour", 24], ["day", 30], ["month", 12], ["year", Infinity]];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });

/** "3 minutes ago". */
export function ago(time: Date, now: Date): string {
  let value = (time.getTime() - now.getTime()) / 1000;
  if (Math.abs(value) < 5) return "just now";
  for (const [unit, next] of STEPS) {
    if (Math.abs(value) < next) return relative.format(Math.trunc(value), unit);
    value /= next;
  }
  return exact.format(time);
}

export function exactTime(time: Date): string {
  return exact.format(time);
}

/** 93784 → "1 d 2 h". */
export function duration(seconds: number): string {
  const parts: [number, string][] = [[Math.floor(seconds / 86400), "d"], [Math.floor(seconds / 3600) % 24, "h"], [Math.floor(seconds / 60) % 60, "min"], [Math.floor(seconds) % 60, "s"]];
  const first = parts.findIndex(([n]) => n > 0);
  if (first < 0) return "0 s";
  return parts.slice(first, first + 2).filter(([n]) => n > 0).map(([n, unit]) => `${n} ${unit}`).join(" ");
}

/** What people type as a size: "2", "2g", "512 MiB", "1.5 GB" (meant as GiB). In bytes; undefined when it is none. */
export function parseBytes(input: string, defaultUnit = "MiB"): number | undefined {
  const match = /^\s*(\d+(?:[.,]\d+)?)\s*([kmgtp]?)(i?b)?\s*$/i.exec(input);
  if (!match?.[1]) return undefined;
  const letter = (match[2] || (match[3] ? "b" : defaultUnit[0]) || "b").toUpperCase();
  const power = letter === "B" ? 0 : "KMGTP".indexOf(letter) + 1;
  const value = Number(match[1].replace(",", ".")) * 1024 ** power;
  return Number.isFinite(value) ? Math.round(value) : undefined;
}

/** A size for a field that somebody edits: read back it is exactly the same. */
export function sizeText(value: number): string {
  const short = bytes(value);
  if (parseBytes(short) === value) return short;
  for (let unit = UNITS.length - 1; unit > 0; unit--) if (value % 1024 ** unit === 0) return `${value / 1024 ** unit} ${UNITS[unit]}`;
  return `${value} B`;
}
