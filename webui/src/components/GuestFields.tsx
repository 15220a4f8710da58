// The fields of a guest, as its form and the wizard show them. What is wrong with a field and when it takes effect come by pointer.
import { Button } from "@pf/Button";
import { Checkbox } from "@pf/Checkbox";
import { FormSelect, FormSelectOption } from "@pf/FormSelect";
import { Label } from "@pf/Label";
import { NumberInput } from "@pf/NumberInput";
import { TextArea } from "@pf/TextArea";
import { TextInput } from "@pf/TextInput";
import { Grid, GridItem } from "@pf-layouts/Grid";
import { PlusCircleIcon } from "@pf-icons/plus-circle-icon";
import { TrashIcon } from "@pf-icons/trash-icon";
import { UndoIcon } from "@pf-icons/undo-icon";
import type { ReactNode } from "react";
import { fields, type Guest, type Image, type Plan } from "../api/generated";
import type { Problem } from "../api/problem";
import { bytes } from "../models/format";
import { type DiskForm, fateOf, type GuestForm, type GuestType, localErrors, newDisk, newNic, type NicForm, type Run } from "../models/guestForm";
import { fits } from "../models/guestWizard";
import { useCollection } from "../state/queries";
import { text } from "../text/en";
import { Field, validated } from "./Dialogs";
import { effectOn } from "./Plan";

/** What the fields need to know of the world and of what was typed into them. */
export interface Marks {
  error: (pointer: string) => string | undefined;
  /** Beside the label: what this change of it means. */
  mark: (pointer: string) => ReactNode;
}

export function marksOf(form: GuestForm, problem: Problem | undefined, plan: Plan | undefined): Marks {
  const local = localErrors(form);
  return {
    error: (pointer) => local.get(pointer) ?? problem?.within(pointer),
    mark: (pointer) => (effectOn(plan, pointer) === "restart" ? <Label isCompact color="orange">{text.guest.nextStart}</Label> : undefined),
  };
}

interface FieldsProps {
  form: GuestForm;
  set: (change: Partial<GuestForm>) => void;
  marks: Marks;
  disabled?: boolean;
}

/** Help of the API without what the plan says better. */
function helpOf(help: string): string {
  return help.replace(/\. A running guest takes it up at its next start$/, "").replace(/\. Fixed at creation$/, "");
}

export function NameField({ form, set, marks, disabled, help }: FieldsProps & { help: string }): ReactNode {
  const error = marks.error("/metadata/name");
  return (
    <Field id="guest-name" label={text.common.name} required error={error} help={help}>
      <TextInput id="guest-name" value={form.name} onChange={(_, name) => set({ name })} validated={validated(error)} isDisabled={disabled === true} isRequired autoCapitalize="none" autoComplete="off" spellCheck={false} maxLength={fields.metadata_input.name.max} />
    </Field>
  );
}

export function TextFields({ form, set, marks, disabled }: FieldsProps): ReactNode {
  const wrong = { description: marks.error("/metadata/description"), labels: marks.error("/metadata/labels") };
  return (
    <>
      <Field id="guest-description" label={text.common.description} error={wrong.description}>
        <TextArea id="guest-description" value={form.description} onChange={(_, description) => set({ description })} rows={2} autoResize resizeOrientation="vertical" validated={validated(wrong.description)} isDisabled={disabled === true} />
      </Field>
      <Field id="guest-labels" label={text.common.labels} error={wrong.labels} help={text.guest.labelsHelp}>
        <TextArea id="guest-labels" className="lodge-code" value={form.labels} onChange={(_, labels) => set({ labels })} rows={2} autoResize resizeOrientation="vertical" validated={validated(wrong.labels)} isDisabled={disabled === true} spellCheck={false} />
      </Field>
    </>
  );
}

function step(value: string, by: number, least: number): string {
  const now = Number.parseInt(value, 10);
  return String(Math.max(least, (Number.isFinite(now) ? now : least) + by));
}

export function CoresField({ form, set, marks, disabled }: FieldsProps): ReactNode {
  const pointer = "/spec/cpu/cores", error = marks.error(pointer), least = fields.guest_cpu.cores.min;
  return (
    <Field id="guest-cores" label={text.guest.cores} error={error} help={helpOf(fields.guest_cpu.cores.help)} mark={marks.mark(pointer)}>
      <NumberInput
        value={/^\d+$/.test(form.cores) ? Number(form.cores) : (form.cores as unknown as number)} inputName="cores" onChange={(e) => set({ cores: e.currentTarget.value })} onMinus={() => set({ cores: step(form.cores, -1, least) })} onPlus={() => set({ cores: step(form.cores, 1, least) })}
        min={least} widthChars={6} validated={validated(error)} isDisabled={disabled === true} inputAriaLabel={text.guest.cores} minusBtnAriaLabel="−1" plusBtnAriaLabel="+1" inputProps={{ id: "guest-cores", "aria-describedby": "guest-cores-help" }}
      />
    </Field>
  );
}

export function MemoryField({ form, set, marks, disabled }: FieldsProps): ReactNode {
  const pointer = "/spec/memory", error = marks.error(pointer);
  return (
    <Field id="guest-memory" label={text.guest.memory} error={error} help={text.guest.sizeHelp} mark={marks.mark(pointer)}>
      <TextInput id="guest-memory" value={form.memory} onChange={(_, memory) => set({ memory })} validated={validated(error)} isDisabled={disabled === true} autoComplete="off" spellCheck={false} />
    </Field>
  );
}

export function StartFields({ form, set, marks, disabled, type }: FieldsProps & { type: GuestType }): ReactNode {
  const wrong = { run: marks.error("/spec/run"), order: marks.error("/spec/boot/order"), init: marks.error("/spec/boot/init") };
  return (
    <>
      <Field id="guest-run" label={text.guest.run} error={wrong.run} help={helpOf(fields.guest_spec.run.help)}>
        <FormSelect id="guest-run" value={form.run} onChange={(_, run) => set({ run: run as Run })} isDisabled={disabled === true}>
          {fields.guest_spec.run.values.map((v) => <FormSelectOption key={v} value={v} label={text.guest.runs[v]} />)}
        </FormSelect>
      </Field>
      <Field id="guest-order" label={text.guest.order} error={wrong.order} help={helpOf(fields.guest_boot.order.help)}>
        <TextInput id="guest-order" inputMode="numeric" value={form.order} onChange={(_, order) => set({ order })} validated={validated(wrong.order)} isDisabled={disabled === true} autoComplete="off" />
      </Field>
      {type === "container" && (
        <Field id="guest-init" label={text.guest.init} error={wrong.init} help={text.guest.initHelp} mark={marks.mark("/spec/boot/init")}>
          <TextArea id="guest-init" className="lodge-code" value={form.init} onChange={(_, init) => set({ init })} rows={2} autoResize resizeOrientation="vertical" validated={validated(wrong.init)} isDisabled={disabled === true} spellCheck={false} />
        </Field>
      )}
      <Checkbox id="guest-protection" label={text.guest.protection} description={fields.guest_spec.protection.help} isChecked={form.protection} onChange={(_, protection) => set({ protection })} isDisabled={disabled === true} />
    </>
  );
}

interface ChoiceProps {
  id: string;
  value: string;
  names: readonly string[];
  onChange: (value: string) => void;
  error?: string | undefined;
  disabled?: boolean;
  /** Shown where nothing is chosen yet. */
  placeholder?: string;
  "aria-describedby"?: string;
}

/** One of these names; where they may not be read, it is typed. */
export function NameChoice({ id, value, names, onChange, error, disabled, placeholder, ...others }: ChoiceProps): ReactNode {
  if (!names.length && !placeholder) return <TextInput id={id} value={value} onChange={(_, v) => onChange(v)} validated={validated(error)} isDisabled={disabled === true} autoCapitalize="none" spellCheck={false} {...others} />;
  const known = names.includes(value) || !value ? names : [value, ...names];
  return (
    <FormSelect id={id} value={value} onChange={(_, v) => onChange(v)} validated={validated(error)} isDisabled={disabled === true} {...others}>
      {(placeholder !== undefined && !value) && <FormSelectOption value="" label={placeholder} isPlaceholder />}
      {known.map((n) => <FormSelectOption key={n} value={n} label={n} />)}
    </FormSelect>
  );
}

function names(items: readonly { metadata: { name: string } }[] | undefined): string[] {
  return (items ?? []).map((i) => i.metadata.name);
}

// ---- network cards ----

function NicRow({ nic, at, set, remove, marks, disabled, networks, mac }: { nic: NicForm; at: number; set: (nic: NicForm) => void; remove: () => void; marks: Marks; disabled: boolean; networks: readonly string[]; mac: string | undefined }): ReactNode {
  const here = `/spec/nics/${at}`, id = `nic-${at}`;
  const wrong = { name: marks.error(`${here}/name`), network: marks.error(`${here}/network`), mac: marks.error(`${here}/mac`) };
  return (
    <div className="lodge-row" role="group" aria-label={text.guest.nic(nic.name)}>
      <div className="lodge-row-head">
        <div><span className="lodge-row-title">{text.guest.nic(nic.name)}</span> {marks.mark(here)}</div>
        <Button variant="plain" hasNoPadding icon={<TrashIcon />} aria-label={text.guest.removeNic(nic.name)} isDisabled={disabled} onClick={remove} />
      </div>
      <Grid hasGutter>
        <GridItem span={12} sm={6} lg={3}>
          <Field id={`${id}-name`} label={text.common.name} error={wrong.name}>
            <TextInput id={`${id}-name`} value={nic.name} onChange={(_, name) => set({ ...nic, name })} validated={validated(wrong.name)} isDisabled={disabled || nic.was !== undefined} autoCapitalize="none" spellCheck={false} maxLength={fields.guest_nic_spec.name.max} />
          </Field>
        </GridItem>
        <GridItem span={12} sm={6} lg={4}>
          <Field id={`${id}-network`} label={text.guest.networkOf} error={wrong.network}>
            <NameChoice id={`${id}-network`} value={nic.network} names={networks} onChange={(network) => set({ ...nic, network })} error={wrong.network} disabled={disabled} />
          </Field>
        </GridItem>
        <GridItem span={12} lg={5}>
          <Field id={`${id}-mac`} label={text.guest.mac} error={wrong.mac}>
            <TextInput id={`${id}-mac`} value={nic.mac} placeholder={mac ?? text.guest.macAuto} onChange={(_, v) => set({ ...nic, mac: v })} validated={validated(wrong.mac)} isDisabled={disabled} autoCapitalize="none" spellCheck={false} />
          </Field>
        </GridItem>
      </Grid>
    </div>
  );
}

export function NicFields({ form, set, marks, disabled = false, guest }: FieldsProps & { guest?: Guest }): ReactNode {
  const networks = names(useCollection("networks").data?.items);
  const change = (at: number, nic: NicForm | undefined) => set({ nics: form.nics.flatMap((n, i) => (i === at ? (nic ? [nic] : []) : [n])) });
  const wrong = marks.error("/spec/nics");
  return (
    <>
      {!form.nics.length && <p className="lodge-subtle">{text.guest.noNics} {marks.mark("/spec/nics")}</p>}
      {form.nics.map((nic, i) => (
        <NicRow
          key={nic.key} nic={nic} at={i} set={(n) => change(i, n)} remove={() => change(i, undefined)} marks={marks} disabled={disabled} networks={networks}
          mac={guest?.status.nics.find((n) => n.name === nic.name)?.mac}
        />
      ))}
      {wrong && !form.nics.length && <p className="lodge-wrong">{wrong}</p>}
      <div><Button variant="link" isInline icon={<PlusCircleIcon />} isDisabled={disabled || form.nics.length >= fields.guest_spec.nics.max} onClick={() => set({ nics: [...form.nics, newNic(form)] })}>{text.guest.addNic}</Button></div>
    </>
  );
}

// ---- disks ----

interface DiskRowProps {
  disk: DiskForm;
  /** Among those that stay; what the pointers count. */
  at: number;
  first: boolean;
  type: GuestType;
  set: (disk: DiskForm | undefined) => void;
  marks: Marks;
  disabled: boolean;
  /** It can be removed or grown now. */
  open: boolean;
  removable: boolean;
  choices: { images: readonly Image[]; volumes: readonly string[]; pools: readonly string[] };
}

function DiskSource({ disk, set, marks, disabled, choices, type, here, id }: DiskRowProps & { here: string; id: string }): ReactNode {
  const wrong = { image: marks.error(`${here}/image`), volume: marks.error(`${here}/volume`), pool: marks.error(`${here}/pool`) };
  const from = (type === "container" ? ["image", "volume"] : ["empty", "image", "volume"]) as DiskForm["from"][];
  return (
    <>
      <GridItem span={12} sm={6} lg={4}>
        <Field id={`${id}-from`} label={text.guest.source}>
          <FormSelect id={`${id}-from`} value={disk.from} onChange={(_, v) => set({ ...disk, from: v as DiskForm["from"], ...(v === "volume" && { size: "" }), ...(v === "empty" && !disk.size && { size: "10 GiB" }) })} isDisabled={disabled}>
            {from.map((f) => <FormSelectOption key={f} value={f} label={text.guest.sources[f]} />)}
          </FormSelect>
        </Field>
      </GridItem>
      {disk.from === "image" && (
        <GridItem span={12} sm={6} lg={4}>
          <Field id={`${id}-image`} label={text.guest.image} error={wrong.image}>
            <NameChoice id={`${id}-image`} value={disk.image} names={names(choices.images.filter((i) => fits(i, type)))} onChange={(image) => set({ ...disk, image })} error={wrong.image} disabled={disabled} placeholder={text.guest.choose} />
          </Field>
        </GridItem>
      )}
      {disk.from === "volume" ? (
        <GridItem span={12} sm={6} lg={4}>
          <Field id={`${id}-volume`} label={text.guest.volume} error={wrong.volume}>
            <NameChoice id={`${id}-volume`} value={disk.volume} names={choices.volumes} onChange={(volume) => set({ ...disk, volume })} error={wrong.volume} disabled={disabled} placeholder={choices.volumes.length ? text.guest.choose : text.guest.noVolumes} />
          </Field>
        </GridItem>
      ) : (
        <GridItem span={12} sm={6} lg={4}>
          <Field id={`${id}-pool`} label={text.guest.pool} error={wrong.pool}>
            <NameChoice id={`${id}-pool`} value={disk.pool} names={choices.pools} onChange={(pool) => set({ ...disk, pool })} error={wrong.pool} disabled={disabled} />
          </Field>
        </GridItem>
      )}
    </>
  );
}

function DiskRow(props: DiskRowProps): ReactNode {
  const { disk, at, first, type, set, marks, disabled, open, removable } = props;
  const here = `/spec/disks/${at}`, id = `disk-${disk.key.replaceAll("/", "-")}`;
  const wrong = { name: marks.error(`${here}/name`), size: marks.error(`${here}/size`), readOnly: marks.error(`${here}/read_only`) };
  const kept = disk.from === "kept";
  if (disk.removed)
    return (
      <div className="lodge-row" role="group" aria-label={text.guest.diskName(disk.name)}>
        <div className="lodge-row-head"><s className="lodge-row-title">{text.guest.diskName(disk.name)}</s></div>
        <p>{fateOf(disk)}</p>
        <Button variant="link" isInline icon={<UndoIcon />} aria-label={text.guest.keepDisk(disk.name)} onClick={() => set({ ...disk, removed: false })}>{text.guest.undo}</Button>
      </div>
    );
  return (
    <div className="lodge-row" role="group" aria-label={text.guest.diskName(disk.name)}>
      <div className="lodge-row-head">
        <div>
          <span className="lodge-row-title">{text.guest.diskName(disk.name)}</span> {first && <small className="lodge-subtle">{type === "vm" ? text.guest.boots : text.guest.rootOf}</small>} {marks.mark(here)}
          {kept && <small className="lodge-subtle lodge-source">{[disk.image && `${text.guest.image} ${disk.image}`, `${text.guest.volume} ${disk.holds ?? "–"}`].filter(Boolean).join(" · ")}</small>}
        </div>
        {removable && <Button variant="plain" hasNoPadding icon={<TrashIcon />} aria-label={text.guest.removeDisk(disk.name)} isDisabled={disabled || !open} onClick={() => set(kept ? { ...disk, removed: true } : undefined)} />}
      </div>
      <Grid hasGutter>
        {!kept && (
          <GridItem span={12} sm={6} lg={4}>
            <Field id={`${id}-name`} label={text.common.name} error={wrong.name}>
              <TextInput id={`${id}-name`} value={disk.name} onChange={(_, name) => set({ ...disk, name })} validated={validated(wrong.name)} isDisabled={disabled} autoCapitalize="none" spellCheck={false} maxLength={fields.guest_disk_spec.name.max} />
            </Field>
          </GridItem>
        )}
        {!kept && <DiskSource {...props} here={here} id={id} />}
        {disk.from !== "volume" && (
          <GridItem span={12} sm={6} lg={4}>
            <Field id={`${id}-size`} label={text.common.size} error={wrong.size} {...(kept ? { help: text.guest.diskSizeHelp(bytes(disk.has ?? 0)) } : disk.from === "image" && { help: text.guest.newSizeHelp })}>
              <TextInput id={`${id}-size`} value={disk.size} onChange={(_, size) => set({ ...disk, size })} validated={validated(wrong.size)} isDisabled={disabled || !open} autoComplete="off" spellCheck={false} />
            </Field>
          </GridItem>
        )}
        <GridItem span={12} sm={6} lg={4} className="lodge-row-check">
          {type === "vm" && <Checkbox id={`${id}-ro`} label={text.guest.readOnly} isChecked={disk.readOnly} onChange={(_, readOnly) => set({ ...disk, readOnly })} isDisabled={disabled} />}
          {wrong.readOnly && <p className="lodge-wrong">{wrong.readOnly}</p>}
        </GridItem>
      </Grid>
    </div>
  );
}

/** With `from`: only the disks from there on, as the wizard's first one has fields of its own. */
export function DiskFields({ form, set, marks, disabled = false, type, open = true, from = 0 }: FieldsProps & { type: GuestType; open?: boolean; from?: number }): ReactNode {
  const images = useCollection("images").data?.items ?? [];
  const pools = names(useCollection("pools").data?.items);
  const content = type === "vm" ? "disk" : "rootfs";
  const volumes = (useCollection("volumes").data?.items ?? []).filter((v) => v.status.state === "ready" && !v.status.guest && (v.spec.content ?? "disk") === content);
  const choices = { images, pools, volumes: names(volumes) };
  const change = (at: number, disk: DiskForm | undefined) => set({ disks: form.disks.flatMap((d, i) => (i === at ? (disk ? [disk] : []) : [d])) });
  const staying = form.disks.filter((d) => !d.removed);
  const wrong = marks.error("/spec/disks");
  const full = type === "container" ? staying.length >= 1 : staying.length >= fields.guest_spec.disks.max;
  return (
    <>
      {!form.disks.length && <p className="lodge-subtle">{text.guest.noDisks}</p>}
      {form.disks.map((disk, i) => i >= from && (
        <DiskRow
          key={disk.key} disk={disk} at={staying.indexOf(disk)} first={staying[0] === disk} type={type} set={(d) => change(i, d)} marks={marks} disabled={disabled} open={open} choices={choices}
          removable={type === "vm"}
        />
      ))}
      {wrong && !staying.length && <p className="lodge-wrong">{wrong}</p>}
      {!full && <div><Button variant="link" isInline icon={<PlusCircleIcon />} isDisabled={disabled || !open} onClick={() => set({ disks: [...form.disks, newDisk(form, type === "container" ? "image" : "empty")] })}>{text.guest.addDisk}</Button></div>}
    </>
  );
}
