import type { ReactNode } from "react";
import { Tag } from "./Tag";

/** Keys and values, the first few of them; all on hover. */
export function Labels({ labels, max = 2 }: { labels: Record<string, string> | undefined; max?: number }): ReactNode {
  const words = Object.entries(labels ?? {}).map(([key, value]) => (value ? `${key}=${value}` : key));
  if (!words.length) return null;
  return (
    <span className="lodge-tags" title={words.join("\n")}>
      {words.slice(0, max).map((w) => <Tag key={w} outline>{w}</Tag>)}
      {words.length > max && <Tag>+{words.length - max}</Tag>}
    </span>
  );
}
