// Making a guest in three steps: kind and image, settings, review. All that is asked and sent is in models/guestWizard.ts.
import { ActionList, ActionListGroup, ActionListItem } from "@pf/ActionList";
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Checkbox } from "@pf/Checkbox";
import { DescriptionList } from "@pf/DescriptionList";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@pf/EmptyState";
import { ExpandableSection } from "@pf/ExpandableSection";
import { Form } from "@pf/Form";
import { PageSection } from "@pf/Page";
import { Skeleton } from "@pf/Skeleton";
import { TextInput } from "@pf/TextInput";
import { Title } from "@pf/Title";
import { ToggleGroup, ToggleGroupItem } from "@pf/ToggleGroup";
import { useWizardContext, Wizard, WizardFooterWrapper, WizardStep } from "@pf/Wizard";
import { Grid, GridItem } from "@pf-layouts/Grid";
import { Stack, StackItem } from "@pf-layouts/Stack";
import { CubeIcon } from "@pf-icons/cube-icon";
import { DesktopIcon } from "@pf-icons/desktop-icon";
import { ImageIcon } from "@pf-icons/image-icon";
import { type FormEvent, type ReactNode, useMemo, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import { Problem } from "../api/problem";
import { CodeToCopy } from "../components/CodeToCopy";
import { Field, validated } from "../components/Dialogs";
import { CoresField, DiskFields, type Marks, marksOf, MemoryField, NameChoice, NameField, NicFields, StartFields, TextFields } from "../components/GuestFields";
import { ImageCards } from "../components/ImageCards";
import { LeaveGuard, SAVED } from "../components/LeaveGuard";
import { type Planned, PlanView, usePlan } from "../components/Plan";
import { Forbidden, ProblemAlert } from "../components/Problem";
import { Term } from "../components/Term";
import { bytes } from "../models/format";
import { DEFAULT_NETWORK, diskSize, type GuestForm, localErrors } from "../models/guestForm";
import { type Around, begin, choose, chooseType, cliOf, creationOf, curlOf, imageOf, imagesFor, isAdvanced, type NewGuest, specOf, type Step, stepOf, typed } from "../models/guestWizard";
import { guestPath } from "../models/palette";
import { useCollection } from "../state/queries";
import { useSend } from "../state/send";
import { useMay } from "../state/session";
import { text } from "../text/en";
import { PageHead } from "./PageHead";

const KINDS = [["vm", DesktopIcon], ["container", CubeIcon]] as const;
const STEPS: readonly Step[] = ["image", "settings", "review"];
const PATH = [{ to: "/guests", label: text.guests.title }];

/** A folded part, open or not: it stays so from step to step. */
interface Fold {
  open: boolean;
  set: (open: boolean) => void;
}

interface StepProps {
  guest: NewGuest;
  set: (guest: NewGuest) => void;
  around: Around;
  marks: Marks;
}

function ImageStep({ guest, set, around, marks }: StepProps): ReactNode {
  const images = imagesFor(around.images, guest.type);
  const node = useCollection("nodes").data?.items[0];
  const wrong = marks.error("/spec/disks/0/image");
  return (
    <Stack hasGutter>
      <StackItem>
        <ToggleGroup aria-label={text.wizard.kind}>
          {KINDS.map(([type, Icon]) => <ToggleGroupItem key={type} buttonId={`kind-${type}`} icon={<Icon />} text={text.guests.types[type]} isSelected={guest.type === type} onChange={() => set(chooseType(guest, type, around))} />)}
        </ToggleGroup>
        <p className="lodge-subtle">{text.wizard.kindHelp[guest.type]}</p>
      </StackItem>
      {guest.type === "vm" && node?.status.kvm === false && <StackItem><Alert variant="warning" isInline isPlain title={text.wizard.notKvm} /></StackItem>}
      {wrong && <StackItem><Alert variant="danger" isInline isPlain title={wrong} /></StackItem>}
      {!images.length && (
        <StackItem>
          <EmptyState variant="sm" titleText={text.wizard.none(text.guests.types[guest.type].toLowerCase())} icon={ImageIcon} headingLevel="h2">
            <EmptyStateBody>{text.wizard.noneHint}</EmptyStateBody>
            <EmptyStateFooter><EmptyStateActions><Link to="/images">{text.wizard.toImages}</Link></EmptyStateActions></EmptyStateFooter>
          </EmptyState>
        </StackItem>
      )}
      {(images.length > 0 || guest.type === "vm") && (
        <StackItem><ImageCards images={images} chosen={imageOf(guest)} onChoose={(name) => set(choose(guest, guest.type, name, around))} none={guest.type === "vm"} /></StackItem>
      )}
    </Stack>
  );
}

function RootSize({ guest, set, marks }: StepProps): ReactNode {
  const [root, ...others] = guest.form.disks;
  if (!root || root.from === "volume") return null;
  const error = marks.error("/spec/disks/0/size");
  return (
    <Field id="guest-disk" label={text.wizard.diskSize} error={error} help={root.from === "image" ? text.guest.newSizeHelp : text.guest.sizeHelp}>
      <TextInput id="guest-disk" value={root.size} onChange={(_, size) => set(typed(guest, { disks: [{ ...root, size }, ...others] }))} validated={validated(error)} autoComplete="off" spellCheck={false} />
    </Field>
  );
}

function FirstNetwork({ guest, set, marks, around }: StepProps): ReactNode {
  const [first, ...others] = guest.form.nics;
  if (!first) return null;
  const error = marks.error("/spec/nics/0/network");
  return (
    <Field id="guest-network" label={text.guest.networkOf} error={error}>
      <NameChoice id="guest-network" value={first.network} names={around.networks} onChange={(network) => set(typed(guest, { nics: [{ ...first, network }, ...others] }))} error={error} />
    </Field>
  );
}

function SettingsStep(props: StepProps & { pointers: readonly string[]; fold: Fold }): ReactNode {
  const { guest, set, marks, pointers, fold } = props;
  const all = { form: guest.form, set: (change: Partial<GuestForm>) => set(typed(guest, change)), marks };
  const shown = fold.open || pointers.some((p) => stepOf(p) === "settings" && isAdvanced(p));
  return (
    <div className="lodge-fields">
      <NameField {...all} help={text.wizard.nameHelp} />
      <Grid hasGutter>
        <GridItem span={12} sm={6}><CoresField {...all} /></GridItem>
        <GridItem span={12} sm={6}><MemoryField {...all} /></GridItem>
        <GridItem span={12} sm={6}><RootSize {...props} /></GridItem>
        <GridItem span={12} sm={6}><FirstNetwork {...props} /></GridItem>
      </Grid>
      <Checkbox id="guest-start" label={text.wizard.start} isChecked={guest.start} onChange={(_, start) => set({ ...guest, start })} />
      <ExpandableSection toggleText={text.wizard.advanced} isExpanded={shown} onToggle={(_, on) => fold.set(on)} isIndented>
        <div className="lodge-fields">
          <TextFields {...all} />
          <Title headingLevel="h2" size="md">{text.guest.disks}</Title>
          <DiskFields {...all} type={guest.type} />
          <Title headingLevel="h2" size="md">{text.guest.nics}</Title>
          <NicFields {...all} />
          <Title headingLevel="h2" size="md">{text.guest.starting}</Title>
          <StartFields {...all} type={guest.type} />
        </div>
      </ExpandableSection>
    </div>
  );
}

function Summary({ guest }: { guest: NewGuest }): ReactNode {
  const spec = specOf(guest);
  return (
    <DescriptionList isCompact columnModifier={{ default: "1Col", sm: "2Col" }}>
      <Term label={text.common.name}><bdi>{guest.form.name}</bdi></Term>
      <Term label={text.wizard.kind}>{text.guests.types[guest.type]}</Term>
      <Term label={text.guest.cores}>{spec.cpu?.cores}</Term>
      <Term label={text.guest.memory}>{spec.memory === undefined ? "–" : bytes(spec.memory)}</Term>
      <Term label={text.guest.disks}>
        {guest.form.disks.map((d) => <div key={d.key}><bdi>{d.name}</bdi>: {[d.from === "image" ? d.image : d.from === "volume" ? `${text.guest.volume.toLowerCase()} ${d.volume}` : text.guest.empty, bytes(diskSize(d) ?? 0)].filter((t) => t !== "0 B").join(", ")}</div>)}
      </Term>
      <Term label={text.guest.nics}>{spec.nics?.length ? spec.nics.map((n, i) => <div key={i}><bdi>{n.name}</bdi>: {n.network ?? DEFAULT_NETWORK}</div>) : text.wizard.noNetwork}</Term>
      <Term label={text.wizard.starts}>{guest.start ? text.wizard.startYes : text.wizard.startNo}</Term>
      <Term label={text.guest.run}>{text.guest.runs[guest.form.run]}</Term>
    </DescriptionList>
  );
}

function ReviewStep({ guest, planned, problem, fold }: { guest: NewGuest; planned: Planned; problem: Problem | undefined; fold: Fold }): ReactNode {
  const { goToStepById } = useWizardContext();
  const wrong = problem ?? planned.problem;
  const local = [...localErrors(guest.form).keys()];
  const steps = [...new Set([...local, ...(wrong?.errors ?? []).map((e) => e.pointer)].map(stepOf))];
  const links = steps.map((s) => <Button key={s} variant="link" isInline onClick={() => goToStepById(s)}>{text.wizard.fixIn(text.wizard.steps[s])}</Button>);
  return (
    <Stack hasGutter>
      {steps.length > 0 && <StackItem><Alert variant="warning" isInline title={text.wizard.fix} actionLinks={links} /></StackItem>}
      {problem && <StackItem><ProblemAlert problem={problem} /></StackItem>}
      <StackItem><Title headingLevel="h2" size="md" className="lodge-section-title">{text.wizard.summary}</Title><Summary guest={guest} /></StackItem>
      {!problem && <StackItem><Title headingLevel="h2" size="md" className="lodge-section-title">{text.wizard.plan}</Title><PlanView {...planned} /></StackItem>}
      <StackItem>
        <ExpandableSection toggleText={text.wizard.same} isExpanded={fold.open} onToggle={(_, on) => fold.set(on)} isIndented>
          <Stack hasGutter>
            <StackItem><CodeToCopy label={text.wizard.cli} code={cliOf(guest)} /></StackItem>
            <StackItem><CodeToCopy label={text.wizard.curl} code={curlOf(guest, location.origin)} help={text.wizard.curlHelp} /></StackItem>
          </Stack>
        </ExpandableSection>
      </StackItem>
    </Stack>
  );
}

interface FooterProps {
  step: Step;
  busy: boolean;
  /** It can be created as it is. */
  ready: boolean;
  onCreate: () => Promise<Step | undefined>;
}

function Footer({ step, busy, ready, onCreate }: FooterProps): ReactNode {
  const { goToNextStep, goToPrevStep, goToStepById } = useWizardContext();
  const navigate = useNavigate();
  const create = async () => {
    const back = await onCreate();
    if (back) goToStepById(back);
  };
  return (
    <WizardFooterWrapper>
      <ActionList>
        <ActionListGroup>
          <ActionListItem>
            {step === "review"
              ? <Button variant="primary" isLoading={busy} isDisabled={busy || !ready} onClick={() => void create()}>{text.wizard.create}</Button>
              : <Button variant="primary" type="submit" form={`wizard-${step}`} onClick={(e) => { e.preventDefault(); void goToNextStep(); }}>{text.wizard.next}</Button>}
          </ActionListItem>
          {step !== "image" && <ActionListItem><Button variant="secondary" isDisabled={busy} onClick={() => void goToPrevStep()}>{text.wizard.back}</Button></ActionListItem>}
          <ActionListItem><Button variant="link" onClick={() => void navigate("/guests")}>{text.wizard.cancel}</Button></ActionListItem>
        </ActionListGroup>
      </ActionList>
    </WizardFooterWrapper>
  );
}

/** Enter within a step's fields goes on. */
function StepForm({ step, children }: { step: Step; children: ReactNode }): ReactNode {
  const { goToNextStep } = useWizardContext();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void goToNextStep();
  };
  return <Form id={`wizard-${step}`} onSubmit={submit} noValidate>{children}</Form>;
}

/** A name that is taken is refused by the request's precondition: here it is the name's error. */
function withTakenName(problem: Problem | undefined, name: string): Problem | undefined {
  if (problem?.status !== 412) return problem;
  return new Problem({ status: 409, code: "exists", title: problem.title, detail: text.wizard.taken(name), errors: [{ pointer: "/metadata/name", detail: text.wizard.taken(name) }] });
}

function Steps({ around, wanted }: { around: Around; wanted: { name?: string; image?: string } }): ReactNode {
  const [held, setGuest] = useState<NewGuest>();
  const guest = held ?? begin(around, wanted);
  const [advanced, setAdvanced] = useState(false);
  const [shell, setShell] = useState(false);
  const navigate = useNavigate();
  const { busy, problem: sent, run, clear } = useSend();
  const change = creationOf(guest);
  const asked = usePlan(change);
  const name = guest.form.name.trim();
  const problem = withTakenName(sent, name);
  const planned: Planned = { ...asked, problem: withTakenName(asked.problem, name) };
  const marks = marksOf(guest.form, problem ?? planned.problem, undefined);
  const pointers = [...localErrors(guest.form).keys(), ...(problem ?? planned.problem)?.errors.map((e) => e.pointer) ?? []];
  const set = (next: NewGuest) => {
    clear();
    setGuest(next);
  };
  const create = async (): Promise<Step | undefined> => {
    if (!change) return undefined;
    if (!(await run(change))) return undefined;
    void navigate(guestPath(name), { state: SAVED });
    return undefined;
  };
  const status = (step: Step) => (pointers.some((p) => stepOf(p) === step) ? "error" as const : "default" as const);
  const props: StepProps = { guest, set, around, marks };
  const contents: Record<Step, ReactNode> = {
    image: <ImageStep {...props} />, settings: <SettingsStep {...props} pointers={pointers} fold={{ open: advanced, set: setAdvanced }} />, review: <ReviewStep guest={guest} planned={planned} problem={problem} fold={{ open: shell, set: setShell }} />,
  };
  return (
    <>
    <LeaveGuard unsaved={guest.touched.size > 0} within={(path) => path === "/guests/new"} />
    <Wizard navAriaLabel={text.wizard.stepsLabel} shouldFocusContent className="lodge-wizard" isPlain>
      {STEPS.map((step) => (
        <WizardStep key={step} id={step} name={text.wizard.steps[step]} status={status(step)} footer={<Footer step={step} busy={busy} ready={change !== undefined && !planned.problem && !planned.checking} onCreate={create} />}>
          {step === "review" ? contents.review : <StepForm step={step}>{contents[step]}</StepForm>}
        </WizardStep>
      ))}
    </Wizard>
    </>
  );
}

export function GuestWizard(): ReactNode {
  const [params] = useSearchParams();
  const mayCreate = useMay("guests.create");
  const may = { images: useMay("images.read"), networks: useMay("networks.read"), guests: useMay("guests.read") };
  const images = useCollection("images"), networks = useCollection("networks"), guests = useCollection("guests");
  const around = useMemo<Around>(() => ({
    images: images.data?.items ?? [], networks: (networks.data?.items ?? []).map((n) => n.metadata.name), names: new Set((guests.data?.items ?? []).map((g) => g.metadata.name)),
  }), [images.data, networks.data, guests.data]);
  const settled = [[may.images, images], [may.networks, networks], [may.guests, guests]] as const;
  const ready = settled.every(([allowed, q]) => !allowed || q.data || q.error);
  const name = params.get("name"), image = params.get("image");
  return (
    <>
      <PageHead title={text.wizard.title} path={PATH} />
      {!mayCreate ? <Forbidden permission="guests.create" /> : !ready ? <PageSection hasBodyWrapper={false}><Skeleton height="12rem" screenreaderText={text.common.loading} /></PageSection> : (
        <PageSection hasBodyWrapper={false} isFilled padding={{ default: "noPadding" }} className="lodge-fill"><Steps around={around} wanted={{ ...(name && { name }), ...(image && { image }) }} /></PageSection>
      )}
    </>
  );
}

