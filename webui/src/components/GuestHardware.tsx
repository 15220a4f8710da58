// Everything that can be changed of a guest, in one form: what it would do is seen before it is saved, and nothing that was typed
// is ever overwritten by what others do meanwhile.
import { ActionList, ActionListGroup, ActionListItem } from "@pf/ActionList";
import { Alert, AlertActionCloseButton } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Card, CardBody, CardTitle } from "@pf/Card";
import { Form } from "@pf/Form";
import { PageSection } from "@pf/Page";
import { Table, Tbody, Td, Th, Thead, Tr } from "@pf-table/Table";
import { Gallery } from "@pf-layouts/Gallery";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { type Dispatch, type FormEvent, type ReactNode, type SetStateAction, useEffect, useRef, useState } from "react";
import { edit } from "../api/client";
import type { Guest } from "../api/generated";
import { arrive, changedFields, draftOf, type FieldId, fieldTitle, formOf, type GuestDraft, type GuestForm, keepMine, metadataEffects, patchOf, rows, takeTheirs } from "../models/guestForm";
import { refreshed } from "../state/queries";
import { useSend } from "../state/send";
import { useMay } from "../state/session";
import { addToast } from "../state/toasts";
import { text } from "../text/en";
import { actOn } from "./GuestActions";
import { CoresField, DiskFields, marksOf, MemoryField, NameField, NicFields, StartFields, TextFields } from "./GuestFields";
import { PlanView, specAfter, usePlan } from "./Plan";
import { ProblemAlert } from "./Problem";

function Conflicts({ draft, set }: { draft: GuestDraft; set: (draft: GuestDraft) => void }): ReactNode {
  if (!draft.conflicts.length) return null;
  const theirs = formOf(draft.base);
  const choice = (id: FieldId, label: string, choose: (draft: GuestDraft, id: FieldId) => GuestDraft) => (
    <Button variant="secondary" size="sm" aria-label={`${label}: ${rows[id].label}`} onClick={() => set(choose(draft, id))}>{label}</Button>
  );
  return (
    <Alert component="h3" variant="warning" isInline title={text.guest.conflict} role="alert">
      <p>{text.guest.conflictBody}</p>
      <Table variant="compact" aria-label={text.guest.conflict} borders={false}>
        <Thead><Tr><Th>{text.guest.field}</Th><Th>{text.guest.theirs}</Th><Th>{text.guest.mine}</Th></Tr></Thead>
        <Tbody>
          {draft.conflicts.map((id) => (
            <Tr key={id}>
              <Td dataLabel={text.guest.field}>{rows[id].label}</Td>
              <Td dataLabel={text.guest.theirs} className="lodge-lines" modifier="breakWord">{rows[id].show(theirs) || text.guest.empty}<div>{choice(id, text.guest.takeTheirs, takeTheirs)}</div></Td>
              <Td dataLabel={text.guest.mine} className="lodge-lines" modifier="breakWord">{rows[id].show(draft.form) || text.guest.empty}<div>{choice(id, text.guest.keepMine, keepMine)}</div></Td>
            </Tr>
          ))}
        </Tbody>
      </Table>
    </Alert>
  );
}

/** What decides about a change beside the guest's spec. */
export function circumstancesOf({ status }: Guest): string {
  return `${status.state} ${status.task ?? ""}`;
}

/** The draft, which follows the guest; what was typed stays. */
function useDraft(guest: Guest): [GuestDraft, Dispatch<SetStateAction<GuestDraft>>] {
  const [draft, setDraft] = useState(() => draftOf(guest));
  const now = arrive(draft, guest);
  if (now !== draft) setDraft(now);
  return [now, setDraft];
}

function Section({ title, children }: { title: string; children: ReactNode }): ReactNode {
  return <Card><CardTitle component="h2">{title}</CardTitle><CardBody><div className="lodge-fields">{children}</div></CardBody></Card>;
}

export function GuestHardware({ guest, onUnsaved }: { guest: Guest; onUnsaved: (unsaved: boolean) => void }): ReactNode {
  const [draft, setDraft] = useDraft(guest);
  const { busy, problem, run, clear } = useSend();
  const may = useMay("guests.update");
  const power = useMay("guests.power");
  const { form, base } = draft;
  const changed = changedFields(draft);
  const patch = patchOf(draft);
  const change = patch && edit("guests", base.metadata.name, patch, base.metadata.revision);
  const planned = usePlan(may ? change : undefined, circumstancesOf(guest));
  const marks = marksOf(form, problem?.status === 412 ? undefined : (problem ?? planned.problem), planned.plan);
  const stale = (problem ?? planned.problem)?.status === 412;
  const asked = useRef(-1);
  const unsaved = changed.length > 0;

  useEffect(() => { onUnsaved(unsaved); }, [unsaved, onUnsaved]);
  useEffect(() => {
    if (!stale || asked.current === base.metadata.revision) return;
    asked.current = base.metadata.revision; // what others made of it comes into the draft, then it is planned anew
    refreshed("guests", `uuid:${base.metadata.uuid}`).then(clear, () => undefined);
  }, [stale, base, clear]);

  const set = (fields: Partial<GuestForm>) => {
    clear();
    setDraft((now) => ({ ...now, form: { ...now.form, ...fields } }));
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!change || busy) return;
    const outcome = await run(change);
    if (!outcome) return;
    setDraft((now) => ({ ...now, followed: [] }));
    addToast({ variant: "success", title: text.guest.saved(base.metadata.name) });
  };
  const { type } = base.spec;
  const open = guest.status.state === "stopped" && !guest.status.task;
  const all = { form, set, marks, disabled: !may };
  const also = patch ? metadataEffects(base, planned.plan?.resource?.["metadata"] ?? base.metadata) : [];
  return (
    <PageSection hasBodyWrapper={false}>
      <Form onSubmit={(e) => void submit(e)} noValidate>
        {!may && <Alert variant="info" isInline title={text.guest.maynot} />}
        <Gallery hasGutter minWidths={{ default: "min(24rem, 100%)" }} className="lodge-cards">
          <Stack hasGutter>
            <StackItem>
              <Section title={text.guest.general}>
                <NameField {...all} help={text.guest.renameHelp} />
                <TextFields {...all} />
              </Section>
            </StackItem>
            <StackItem><Section title={text.guest.starting}><StartFields {...all} type={type} /></Section></StackItem>
          </Stack>
          <Stack hasGutter>
            <StackItem><Section title={text.guest.compute}><CoresField {...all} /><MemoryField {...all} /></Section></StackItem>
            <StackItem>
              <Section title={text.guest.disks}>
                {!open && may && (
                  <Alert component="h3" variant="info" isInline isPlain title={text.guest.disksLocked} actionLinks={guest.status.state === "running" && power && !guest.status.task && <Button variant="link" isInline onClick={() => void actOn(guest, "shutdown")}>{text.guest.shutDown}</Button>} />
                )}
                <DiskFields {...all} type={type} open={open} />
              </Section>
            </StackItem>
            <StackItem><Section title={text.guest.nics}><NicFields {...all} guest={guest} /></Section></StackItem>
          </Stack>
        </Gallery>
        {may && (
          <Card className={unsaved ? "lodge-save" : ""} aria-label={text.plan.title} component="section">
            <CardBody>
              <div className="lodge-said" tabIndex={change || draft.conflicts.length ? 0 : undefined}>
                <Stack hasGutter>
                  {draft.followed.length > 0 && (
                    <StackItem><Alert component="h3" variant="info" isInline isPlain title={text.guest.followed(draft.followed.map((id) => `“${rows[id].label}”`).join(", "))} actionClose={<AlertActionCloseButton onClose={() => setDraft({ ...draft, followed: [] })} />} aria-live="polite" /></StackItem>
                  )}
                  {draft.conflicts.length > 0 && <StackItem><Conflicts draft={draft} set={setDraft} /></StackItem>}
                  {problem && !stale && <StackItem><ProblemAlert problem={problem} /></StackItem>}
                  {change && !stale && !problem && <StackItem><PlanView {...planned} nameOf={(e) => fieldTitle(e.pointer, specAfter(planned.plan), e.after ?? e.before)} also={also} /></StackItem>}
                  {!unsaved && !busy && <StackItem className="lodge-subtle">{text.guest.nothing}</StackItem>}
                </Stack>
              </div>
              <ActionList className="lodge-save-buttons">
                <ActionListGroup>
                  <ActionListItem><Button type="submit" variant="primary" isLoading={busy} isDisabled={busy || !change || planned.checking || planned.problem !== undefined}>{text.guest.save}</Button></ActionListItem>
                  {unsaved && <ActionListItem><Button variant="link" isDisabled={busy} onClick={() => { clear(); setDraft(draftOf(guest)); }}>{text.guest.discard}</Button></ActionListItem>}
                </ActionListGroup>
              </ActionList>
            </CardBody>
          </Card>
        )}
      </Form>
    </PageSection>
  );
}
