// What can be done with a guest, in its state: the menu of a row, of its page, and for many at once.
import { ActionList, ActionListGroup, ActionListItem } from "@pf/ActionList";
import { Button } from "@pf/Button";
import { Dropdown, DropdownList } from "@pf/Dropdown";
import { MenuToggle } from "@pf/MenuToggle";
import { type ReactNode, useState } from "react";
import { useNavigate } from "react-router";
import { action, removal } from "../api/client";
import type { Guest } from "../api/generated";
import { possible, type Verb } from "../models/power";
import { guestPath } from "../models/palette";
import { sendOrTell } from "../state/send";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { DeleteDialog, FormDialog } from "./Dialogs";
import { MenuItems, type MenuRow, RowMenu } from "./RowMenu";

/** Verbs that lose what the guest has not saved: asked about first. */
const ROUGH: ReadonlySet<Verb> = new Set(["stop", "reset"]);

export function actOn(guest: Guest, verb: Verb): Promise<boolean> {
  return sendOrTell(action("guests", guest.metadata.name, verb), text.guests.failed(text.guests.actions[verb], guest.metadata.name));
}

export function RoughDialog({ guests, verb, onClose }: { guests: readonly Guest[]; verb: Verb; onClose: () => void }): ReactNode {
  const label = text.guests.actions[verb];
  return (
    <FormDialog
      title={guests.length === 1 ? `${label}: ${guests[0]?.metadata.name}?` : text.guests.bulk(label, guests.length)} submit={label} danger size="small" busy={false} problem={undefined}
      onSubmit={() => { for (const guest of guests) void actOn(guest, verb); onClose(); }} onClose={onClose}
    >
      <p>{text.guests.stopWarning}</p>
      {guests.length > 1 && <ul>{guests.map((g) => <li key={g.metadata.uuid}>{g.metadata.name}</li>)}</ul>}
    </FormDialog>
  );
}

export function DeleteGuestDialog({ guest, onClose, onDeleted }: { guest: Guest; onClose: () => void; onDeleted?: () => void }): ReactNode {
  const runs = !["stopped", "crashed"].includes(guest.status.state);
  return (
    <DeleteDialog
      kind={text.guests.one} name={guest.metadata.name} onClose={onClose} {...(onDeleted && { onDeleted })}
      lost={<><p>{text.guests.deleteLost}</p><ul>{guest.status.disks.map((d) => <li key={d.name}>{d.volume ?? d.name}</li>)}</ul></>}
      options={[...(runs ? [{ id: "force", label: text.guests.force }] : []), { id: "purge", label: text.guests.purge }]}
      needs={runs ? ["force"] : []}
      change={(o) => removal("guests", guest.metadata.name, { ...(o.has("force") && { force: true }), ...(o.has("purge") && { purge: true }) })}
    />
  );
}

export function useGuestActions(guest: Guest, onDeleted?: () => void): { rows: MenuRow[]; dialog: ReactNode } {
  const [open, setOpen] = useState<Verb | "delete">();
  const navigate = useNavigate();
  const power = useMay("guests.power");
  const remove = useMay("guests.delete");
  const close = () => setOpen(undefined);
  const verbs = possible(guest.status.state, guest.spec.type);
  const rows: MenuRow[] = [
    ...verbs.map((verb): MenuRow => ({
      title: text.guests.actions[verb], isDisabled: !power || guest.status.task !== undefined,
      onClick: () => (ROUGH.has(verb) ? setOpen(verb) : void actOn(guest, verb)),
    })),
    { title: text.guests.actions.console, onClick: () => void navigate(guestPath(guest.metadata.name, "console")) },
    "-",
    { title: text.guests.actions.delete, isDanger: true, isDisabled: !remove || guest.spec.protection === true, onClick: () => setOpen("delete") },
  ];
  const dialog = open === "delete" ? <DeleteGuestDialog guest={guest} onClose={close} {...(onDeleted && { onDeleted })} />
    : open ? <RoughDialog guests={[guest]} verb={open} onClose={close} /> : null;
  return { rows, dialog };
}

/** For the head of its page: what is most likely wanted as a button, all of it in a menu. */
export function GuestButtons({ guest, onDeleted }: { guest: Guest; onDeleted?: () => void }): ReactNode {
  const { rows, dialog } = useGuestActions(guest, onDeleted);
  const [open, setOpen] = useState(false);
  const [verb] = possible(guest.status.state, guest.spec.type);
  const first = rows.find((r) => r !== "-" && verb && r.title === text.guests.actions[verb]);
  return (
    <>
      <ActionList>
        <ActionListGroup>
          {first && first !== "-" && (
            <ActionListItem>
              <Button variant={verb === "start" || verb === "resume" ? "primary" : "secondary"} isDisabled={first.isDisabled ?? false} onClick={first.onClick}>{first.title}</Button>
            </ActionListItem>
          )}
          <ActionListItem>
            <Dropdown
              isOpen={open} onOpenChange={setOpen} onSelect={() => setOpen(false)} popperProps={{ position: "end" }} shouldFocusToggleOnSelect shouldFocusFirstItemOnOpen
              toggle={(ref) => <MenuToggle ref={ref} isExpanded={open} onClick={() => setOpen(!open)} aria-label={text.guest.more}>{text.common.actions}</MenuToggle>}
            >
              <DropdownList><MenuItems rows={rows} /></DropdownList>
            </Dropdown>
          </ActionListItem>
        </ActionListGroup>
      </ActionList>
      {dialog}
    </>
  );
}

export function GuestRowMenu({ guest }: { guest: Guest }): ReactNode {
  const { rows, dialog } = useGuestActions(guest);
  return <><RowMenu rows={() => rows} />{dialog}</>;
}
