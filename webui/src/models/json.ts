// JSON that a person writes: where it is wrong, by line, which JSON.parse says differently in every browser.
import { text } from "../text/en";

export interface JsonError {
  line: number;
  column: number;
  message: string;
}

export type Parsed = { value: unknown; error?: undefined } | { error: JsonError; value?: undefined };

class Wrong extends Error {
  constructor(readonly at: number, message: string) {
    super(message);
  }
}

const SPACE = /[ \t\n\r]*/y;
const NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?/y;
const STRING = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
const WORD = /true|false|null/y;
const MAX_DEPTH = 100;

/** Reads one text from its beginning; every part moves on `at`. */
class Reader {
  at = 0;
  constructor(private readonly source: string) {}

  private take(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.source)?.[0];
    if (found !== undefined) this.at += found.length;
    return found;
  }

  private next(): string {
    this.take(SPACE);
    return this.source[this.at] ?? "";
  }

  private need(mark: string): void {
    if (this.next() !== mark) throw new Wrong(this.at, text.json.needs(mark));
    this.at++;
  }

  private key(known: Set<string>): void {
    this.next();
    const start = this.at;
    const found = this.take(STRING);
    if (found === undefined) throw new Wrong(start, text.json.needsKey);
    const key = JSON.parse(found) as string;
    if (known.has(key)) throw new Wrong(start, text.json.twice(key));
    known.add(key);
  }

  /** Members up to the closing mark, each read by `member`. */
  private members(close: string, member: () => void): void {
    this.at++;
    if (this.next() === close) {
      this.at++;
      return;
    }
    for (;;) {
      member();
      const mark = this.next();
      if (mark !== "," && mark !== close) throw new Wrong(this.at, text.json.needsEither(",", close));
      this.at++;
      if (mark === close) return;
      if (this.next() === close) throw new Wrong(this.at, text.json.trailingComma);
    }
  }

  value(depth = 0): void {
    const mark = this.next();
    if (depth > MAX_DEPTH) throw new Wrong(this.at, text.json.deep);
    if (mark === "{") {
      const known = new Set<string>();
      this.members("}", () => {
        this.key(known);
        this.need(":");
        this.value(depth + 1);
      });
    } else if (mark === "[") this.members("]", () => this.value(depth + 1));
    else if (this.take(STRING) === undefined && this.take(NUMBER) === undefined && this.take(WORD) === undefined)
      throw new Wrong(this.at, mark === "" ? text.json.ends : mark === '"' ? text.json.badString : text.json.needsValue);
  }

  end(): void {
    if (this.next() !== "") throw new Wrong(this.at, text.json.goesOn);
  }
}

export function parseJson(source: string): Parsed {
  const reader = new Reader(source);
  try {
    reader.value();
    reader.end();
    return { value: JSON.parse(source) as unknown };
  } catch (error) {
    if (!(error instanceof Wrong)) throw error;
    const before = source.slice(0, error.at).split("\n");
    return { error: { line: before.length, column: (before.at(-1)?.length ?? 0) + 1, message: error.message } };
  }
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => [k, sorted(v)]));
}

/** Whether two values say the same; the order of members does not count. */
export function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b));
}
