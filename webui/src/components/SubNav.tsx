// The parts of a page, each with an address of its own: links, not a tab list.
import { Nav, NavItem, NavList } from "@pf/Nav";
import { PageSection } from "@pf/Page";
import type { ReactNode } from "react";
import { Link } from "react-router";

export interface SubNavRow {
  to: string;
  label: ReactNode;
}

export function SubNav({ label, rows, active }: { label: string; rows: readonly SubNavRow[]; active: string }): ReactNode {
  return (
    <PageSection hasBodyWrapper={false} isFilled={false} type="subnav">
      <Nav variant="horizontal-subnav" aria-label={label}>
        <NavList>
          {rows.map((r) => <NavItem key={r.to} isActive={r.to === active}><Link to={r.to} {...(r.to === active && { "aria-current": "page" as const })}>{r.label}</Link></NavItem>)}
        </NavList>
      </Nav>
    </PageSection>
  );
}
