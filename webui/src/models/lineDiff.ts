// What differs between two texts, line by line.
export interface DiffLine {
  kind: "same" | "removed" | "added";
  text: string;
}

/** Beyond this many comparisons the middle is shown as replaced: it is no longer a small change anyway. */
const MAX_CELLS = 1_000_000;

/** Lengths of the longest common subsequences of the ends of both. */
function table(a: readonly string[], b: readonly string[]): Uint32Array {
  const width = b.length + 1;
  const cells = new Uint32Array((a.length + 1) * width);
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      cells[i * width + j] = a[i] === b[j] ? (cells[(i + 1) * width + j + 1] ?? 0) + 1 : Math.max(cells[(i + 1) * width + j] ?? 0, cells[i * width + j + 1] ?? 0);
  return cells;
}

function middle(a: readonly string[], b: readonly string[]): DiffLine[] {
  const removed = (text: string): DiffLine => ({ kind: "removed", text });
  const added = (text: string): DiffLine => ({ kind: "added", text });
  if (a.length * b.length > MAX_CELLS) return [...a.map(removed), ...b.map(added)];
  const cells = table(a, b);
  const width = b.length + 1;
  const lines: DiffLine[] = [];
  let i = 0, j = 0;
  while (i < a.length && j < b.length) {
    if (a[i] === b[j]) {
      lines.push({ kind: "same", text: a[i] ?? "" });
      i++;
      j++;
    } else if ((cells[(i + 1) * width + j] ?? 0) >= (cells[i * width + j + 1] ?? 0)) lines.push(removed(a[i++] ?? ""));
    else lines.push(added(b[j++] ?? ""));
  }
  return [...lines, ...a.slice(i).map(removed), ...b.slice(j).map(added)];
}

export function lineDiff(before: string, after: string): DiffLine[] {
  const a = before.split("\n"), b = after.split("\n");
  let head = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  let tail = 0;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const same = (text: string): DiffLine => ({ kind: "same", text });
  return [...a.slice(0, head).map(same), ...middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail)), ...a.slice(a.length - tail).map(same)];
}

/** Only what differs, with some lines around it; undefined stands for lines that were left out. */
export function hunks(lines: readonly DiffLine[], around = 3): (DiffLine | undefined)[] {
  const near = new Set<number>();
  for (const [i, line] of lines.entries())
    if (line.kind !== "same") for (let k = i - around; k <= i + around; k++) near.add(k);
  const shown: (DiffLine | undefined)[] = [];
  for (const [i, line] of lines.entries()) {
    if (near.has(i)) shown.push(line);
    else if (shown.length === 0 ? i === 0 : shown.at(-1) !== undefined) shown.push(undefined);
  }
  return shown;
}
