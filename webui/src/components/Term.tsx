// A fact with its name, within a description list.
import { DescriptionListDescription, DescriptionListGroup, DescriptionListTerm } from "@pf/DescriptionList";
import type { ReactNode } from "react";

export function Term({ label, children }: { label: string; children: ReactNode }): ReactNode {
  return <DescriptionListGroup><DescriptionListTerm>{label}</DescriptionListTerm><DescriptionListDescription>{children}</DescriptionListDescription></DescriptionListGroup>;
}
