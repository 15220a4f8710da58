// A short text with a button that copies it.
import { Button } from "@pf/Button";
import { Tooltip } from "@pf/Tooltip";
import { CopyIcon } from "@pf-icons/copy-icon";
import { type ReactNode, useState } from "react";
import { text } from "../text/en";

export function CopyButton({ value, label }: { value: string; label: string }): ReactNode {
  const [copied, setCopied] = useState(false);
  const copy = () => void navigator.clipboard.writeText(value).then(() => setCopied(true), () => undefined);
  return (
    <Tooltip content={copied ? text.common.copied : label} onTooltipHidden={() => setCopied(false)} aria="none" aria-live="polite">
      <Button variant="plain" hasNoPadding aria-label={label} icon={<CopyIcon />} onClick={copy} />
    </Tooltip>
  );
}

export function CopyText({ value, label }: { value: string; label: string }): ReactNode {
  return <><bdi>{value}</bdi> <CopyButton value={value} label={label} /></>;
}
