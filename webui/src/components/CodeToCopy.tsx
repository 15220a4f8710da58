// A few lines for a shell, with a button that copies them.
import { CodeBlock, CodeBlockAction, CodeBlockCode } from "@pf/CodeBlock";
import type { ReactNode } from "react";
import { text } from "../text/en";
import { CopyButton } from "./CopyText";

export function CodeToCopy({ label, code, help }: { label: string; code: string; help?: string }): ReactNode {
  return (
    <section aria-label={label}>
      <p><strong>{label}</strong></p>
      <CodeBlock actions={<CodeBlockAction><CopyButton value={code} label={`${text.common.copy}: ${label}`} /></CodeBlockAction>}><CodeBlockCode className="lodge-log">{code}</CodeBlockCode></CodeBlock>
      {help && <p className="lodge-subtle"><small>{help}</small></p>}
    </section>
  );
}
