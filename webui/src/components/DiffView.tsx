// What differs between two texts, as lines. Screen readers hear which were added and removed.
import type { ReactNode } from "react";
import { hunks, lineDiff } from "../models/lineDiff";
import { text } from "../text/en";

const MARKS = { same: " ", removed: "−", added: "+" } as const;

export function DiffView({ before, after, label }: { before: string; after: string; label: string }): ReactNode {
  const lines = hunks(lineDiff(before, after));
  if (lines.every((l) => l === undefined || l.kind === "same")) return <p className="lodge-subtle">{text.guest.noDifference}</p>;
  return (
    <div className="lodge-diff" role="group" aria-label={label} tabIndex={0}>
      {lines.map((line, i) => (line === undefined ? <div key={i} className="lodge-diff-left">{text.guest.leftOut}</div> : (
        <div key={i} className={`lodge-diff-${line.kind}`}>
          <span aria-hidden="true">{MARKS[line.kind]} </span>
          {line.kind !== "same" && <span className="pf-v6-screen-reader">{line.kind === "added" ? text.guest.added : text.guest.removed} </span>}
          {line.text}
        </div>
      )))}
    </div>
  );
}
