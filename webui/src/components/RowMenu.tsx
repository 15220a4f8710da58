// The menu of a row: only a button until somebody opens it, since there are thousands of rows.
import { Dropdown, DropdownItem, DropdownList } from "@pf/Dropdown";
import { Divider } from "@pf/Divider";
import { MenuToggle } from "@pf/MenuToggle";
import { EllipsisVIcon } from "@pf-icons/ellipsis-v-icon";
import { type ReactNode, useState } from "react";
import { text } from "../text/en";

export type MenuRow = { title: string; onClick: () => void; isDisabled?: boolean; isDanger?: boolean } | "-";

export function MenuItems({ rows }: { rows: readonly MenuRow[] }): ReactNode {
  return rows.map((r, i) => (r === "-" ? <Divider key={i} component="li" /> : <DropdownItem key={r.title} onClick={r.onClick} isDisabled={r.isDisabled ?? false} isDanger={r.isDanger ?? false}>{r.title}</DropdownItem>));
}

export function RowMenu({ rows }: { rows: () => readonly MenuRow[] }): ReactNode {
  const [wanted, setWanted] = useState(false);
  const [open, setOpen] = useState(false);
  if (!wanted)
    return <button type="button" className="pf-v6-c-menu-toggle pf-m-plain" aria-label={text.common.actions} aria-haspopup="menu" aria-expanded="false" onClick={() => { setWanted(true); setTimeout(() => setOpen(true)); }}><EllipsisVIcon /></button>;
  // First closed: a menu that is made open finds no place beside its button. And after this click, which would count as one beside it.
  return (
    <Dropdown
      isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: "end" }} shouldFocusFirstItemOnOpen
      toggle={(ref) => <MenuToggle ref={ref} variant="plain" aria-label={text.common.actions} isExpanded={open} icon={<EllipsisVIcon />} onClick={() => setOpen(!open)} />}
    >
      <DropdownList>
        {open && <MenuItems rows={rows()} />}
      </DropdownList>
    </Dropdown>
  );
}
