// A guest as JSON: the whole of it to read, what can be set of it to edit, with the difference and the plan before it is applied.
import { ActionList, ActionListGroup, ActionListItem } from "@pf/ActionList";
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { CodeBlock, CodeBlockAction, CodeBlockCode } from "@pf/CodeBlock";
import { Form } from "@pf/Form";
import { PageSection } from "@pf/Page";
import { TextArea } from "@pf/TextArea";
import { Title } from "@pf/Title";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { PencilAltIcon } from "@pf-icons/pencil-alt-icon";
import { type FormEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { replacement } from "../api/client";
import type { Guest } from "../api/generated";
import { fieldTitle, metadataEffects } from "../models/guestForm";
import { arriveJson, bodyText, changedBody, editable, editableText, jsonDraft, type JsonDraft, keepMineJson, readBody } from "../models/guestJson";
import { refreshed } from "../state/queries";
import { useSend } from "../state/send";
import { useMay } from "../state/session";
import { addToast } from "../state/toasts";
import { text } from "../text/en";
import { CopyButton } from "./CopyText";
import { Field, validated } from "./Dialogs";
import { DiffView } from "./DiffView";
import { circumstancesOf } from "./GuestHardware";
import { PlanView, specAfter, usePlan } from "./Plan";
import { ProblemAlert } from "./Problem";

function Theirs({ draft, set }: { draft: JsonDraft; set: (draft: JsonDraft) => void }): ReactNode {
  const { theirs } = draft;
  if (!theirs) return null;
  return (
    <Alert
      variant="warning" isInline title={text.guest.theirsChanged} role="alert"
      actionLinks={<><Button variant="link" isInline onClick={() => set(keepMineJson(draft))}>{text.guest.over}</Button><Button variant="link" isInline onClick={() => set(jsonDraft(theirs))}>{text.guest.again}</Button></>}
    >
      <p>{text.guest.theirsChangedBody}</p>
      <DiffView before={editableText(draft.base)} after={editableText(theirs)} label={text.guest.theirsChanged} />
    </Alert>
  );
}

function Editor({ guest, onDone, onUnsaved }: { guest: Guest; onDone: () => void; onUnsaved: (unsaved: boolean) => void }): ReactNode {
  const [held, setDraft] = useState(() => jsonDraft(guest));
  const draft = arriveJson(held, guest);
  if (draft !== held) setDraft(draft);
  const { busy, problem, run, clear } = useSend();
  const { base } = draft;
  const read = readBody(draft.text);
  const body = draft.theirs ? undefined : changedBody(draft);
  const change = body && replacement("guests", base.metadata.name, body, base.metadata.revision);
  const planned = usePlan(change, circumstancesOf(guest));
  const stale = (problem ?? planned.problem)?.status === 412;
  const asked = useRef(-1);
  const unsaved = draft.text !== editableText(base);
  useEffect(() => { onUnsaved(unsaved); return () => onUnsaved(false); }, [unsaved, onUnsaved]);
  useEffect(() => {
    if (!stale || asked.current === base.metadata.revision) return;
    asked.current = base.metadata.revision;
    refreshed("guests", `uuid:${base.metadata.uuid}`).then(clear, () => undefined);
  }, [stale, base, clear]);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (!change || busy || !(await run(change))) return;
    addToast({ variant: "success", title: text.guest.saved(base.metadata.name) });
    onDone();
  };
  const wrong = read.error && `${text.guest.jsonWrong(read.error.line, read.error.column)}: ${read.error.message}`;
  return (
    <Form onSubmit={(e) => void submit(e)} noValidate>
      <Field id="guest-json" label={text.guest.editing} error={wrong} help={text.guest.editHelp}>
        <TextArea
          id="guest-json" className="lodge-code lodge-editor" value={draft.text} onChange={(_, value) => { clear(); setDraft({ ...draft, text: value }); }} rows={Math.max(12, Math.min(28, draft.text.split("\n").length + 1))} resizeOrientation="vertical"
          validated={validated(wrong)} spellCheck={false} autoCapitalize="none" autoFocus
        />
      </Field>
      {read.body && unsaved && (
        <section aria-label={text.guest.difference}>
          <Title headingLevel="h3" size="md" className="lodge-section-title">{text.guest.difference}</Title>
          <DiffView before={bodyText(editable(base) as never)} after={bodyText(read.body)} label={text.guest.difference} />
        </section>
      )}
      {change && !stale && !problem && <section aria-label={text.plan.title}><Title headingLevel="h3" size="md" className="lodge-section-title">{text.plan.title}</Title><PlanView {...planned} nameOf={(e) => fieldTitle(e.pointer, specAfter(planned.plan), e.after ?? e.before)} also={metadataEffects(base, body.metadata)} /></section>}
      {problem && !stale && <ProblemAlert problem={problem} />}
      <Theirs draft={draft} set={setDraft} />
      <ActionList><ActionListGroup>
        <ActionListItem><Button type="submit" variant="primary" isLoading={busy} isDisabled={busy || !change || planned.checking || planned.problem !== undefined}>{text.common.apply}</Button></ActionListItem>
        <ActionListItem><Button variant="link" onClick={onDone}>{text.common.cancel}</Button></ActionListItem>
      </ActionListGroup></ActionList>
    </Form>
  );
}

export function GuestJson({ guest, onUnsaved }: { guest: Guest; onUnsaved: (unsaved: boolean) => void }): ReactNode {
  const [editing, setEditing] = useState(false);
  const may = useMay("guests.update");
  if (editing) return <PageSection hasBodyWrapper={false}><Editor guest={guest} onDone={() => setEditing(false)} onUnsaved={onUnsaved} /></PageSection>;
  const source = JSON.stringify(guest, undefined, 2);
  const actions = <CodeBlockAction><CopyButton value={source} label={text.common.copy} /></CodeBlockAction>;
  return (
    <PageSection hasBodyWrapper={false}>
      <Stack hasGutter>
        <StackItem><Button variant="secondary" icon={<PencilAltIcon />} isDisabled={!may} onClick={() => setEditing(true)}>{text.guest.edit}</Button></StackItem>
        <StackItem><CodeBlock actions={actions} aria-label={text.guest.view}><CodeBlockCode className="lodge-log">{source}</CodeBlockCode></CodeBlock></StackItem>
      </Stack>
    </PageSection>
  );
}
