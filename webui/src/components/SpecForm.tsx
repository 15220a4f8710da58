// The fields of a form model, with the API's help and refusals beside them; and the dialog that makes or edits one resource.
import { FormSelect, FormSelectOption } from "@pf/FormSelect";
import { Switch } from "@pf/Switch";
import { TextArea } from "@pf/TextArea";
import { TextInput } from "@pf/TextInput";
import { type ReactNode, useState } from "react";
import type { Change, Outcome, Plural } from "../api/client";
import type { Problem } from "../api/problem";
import { complete, type FieldDef, shownFields, type Value, type Values, wrong } from "../models/form";
import { useSend } from "../state/send";
import { Field, FormDialog, validated } from "./Dialogs";
import { PlanView, usePlan } from "./Plan";

interface FieldsProps {
  fields: readonly FieldDef[];
  values: Values;
  set: (key: string, value: Value) => void;
  problem: Problem | undefined;
  /** An edit: what is fixed cannot be changed. */
  editing?: boolean;
}

function Input({ field, value, set, disabled, error }: { field: FieldDef; value: Value | undefined; set: (v: Value) => void; disabled: boolean; error: string | undefined }): ReactNode {
  const id = `field-${field.key}`;
  const shown = typeof value === "string" ? value : "";
  const common = { id, isDisabled: disabled, validated: validated(error), "aria-describedby": `${id}-help` };
  switch (field.type) {
    case "switch":
      return <Switch id={id} label={field.label} isChecked={value === true} isDisabled={disabled} onChange={(_, v) => set(v)} />;
    case "choice":
      return (
        <FormSelect {...common} value={shown} onChange={(_, v) => set(v)}>
          {!field.required && <FormSelectOption value="" label={field.placeholder ?? ""} />}
          {field.options?.map((o) => <FormSelectOption key={o.value} value={o.value} label={o.label} />)}
        </FormSelect>
      );
    case "lines":
      return <TextArea {...common} value={shown} onChange={(_, v) => set(v)} resizeOrientation="vertical" rows={3} placeholder={field.placeholder} />;
    default:
      return (
        <TextInput
          {...common} value={shown} onChange={(_, v) => set(v)} placeholder={field.placeholder ?? ""} spellCheck={false} autoCapitalize="none"
          type={field.type === "password" ? "password" : field.type === "time" ? "datetime-local" : "text"} autoComplete={field.autoComplete ?? "off"}
        />
      );
  }
}

export function SpecFields({ fields, values, set, problem, editing }: FieldsProps): ReactNode {
  return shownFields(fields, values).map((f) => {
    const error = wrong(f, values) ?? problem?.of(f.pointer);
    return (
      <Field key={f.key} id={`field-${f.key}`} label={f.type === "switch" ? "" : f.label} {...(f.required && { required: true })} help={f.help} error={error}>
        <Input field={f} value={values[f.key]} set={(v) => set(f.key, v)} disabled={editing === true && f.fixed === true} error={error} />
      </Field>
    );
  });
}

interface ResourceDialogProps<K extends Plural> {
  title: string;
  submit: string;
  fields: readonly FieldDef[];
  initial: Values;
  editing?: boolean;
  /** The request that the values make. */
  change: (values: Values) => Change<K>;
  onClose: () => void;
  onDone?: (outcome: Outcome<K>) => void;
  /** Shows what the daemon would do before it is sent. */
  planned?: boolean;
  children?: ReactNode;
}

export function ResourceDialog<K extends Plural>(props: ResourceDialogProps<K>): ReactNode {
  const [values, setValues] = useState<Values>(props.initial);
  const { busy, problem, run } = useSend();
  const ready = complete(props.fields, values);
  const plan = usePlan(props.planned && ready && problem === undefined ? props.change(values) : undefined);
  const submit = async () => {
    const outcome = await run(props.change(values));
    if (!outcome) return;
    props.onClose();
    props.onDone?.(outcome);
  };
  return (
    <FormDialog title={props.title} submit={props.submit} busy={busy} problem={problem} ready={ready} onSubmit={() => void submit()} onClose={props.onClose}>
      <SpecFields fields={props.fields} values={values} set={(k, v) => setValues((old) => ({ ...old, [k]: v }))} problem={problem} {...(props.editing && { editing: true })} />
      {props.children}
      {props.planned && !problem && (plan.plan?.steps.length ?? 0) + (plan.plan?.effects.length ?? 0) > 0 && props.editing && <PlanView {...plan} />}
    </FormDialog>
  );
}

