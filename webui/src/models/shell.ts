// The same request as lines for a shell: what the console does, scripts can do.
import { sizeText } from "./format";

/** As one word of a shell, whatever is in it. */
export function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

/** A size that reads well, and means exactly this many bytes. */
export function exactSize(value: number): string {
  return sizeText(value).replace(/ B$/, "").replace(" ", "");
}

const INDENT = " \\\n  ";

export function curlLine(method: string, url: string, body: unknown, headers: Record<string, string> = {}): string {
  const all = { Authorization: "Bearer $LODGE_TOKEN", "Content-Type": "application/json", ...headers };
  const options = Object.entries(all).map(([name, value]) => (value.includes("$") ? `-H "${name}: ${value}"` : `-H ${quoted(`${name}: ${value}`)}`));
  return [`curl -X ${method} ${quoted(url)}`, ...options, `--data ${quoted(JSON.stringify(body))}`].join(INDENT);
}

/** "name=root,size=10GiB": one list entry as an option of the command line takes it. */
export function optionOf(entry: object): string {
  return Object.entries(entry).map(([key, value]) => `${key.replaceAll("_", "-")}=${key === "size" && typeof value === "number" ? exactSize(value) : String(value)}`).join(",");
}

/** Words and options, those with a value as [name, value]. */
export function lodgeLine(words: readonly string[], options: readonly (string | readonly [string, string])[]): string {
  const line = [...words, ...options.map((o) => (typeof o === "string" ? o : `${o[0]} ${quoted(o[1])}`))];
  return ["lodge", ...words.map(quoted)].join(" ") + line.slice(words.length).map((o) => INDENT + o).join("");
}
