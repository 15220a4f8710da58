// Dialogs that every page needs: a form that is sent, and a deletion that names what is lost.
import { Button } from "@pf/Button";
import { Form, FormGroup, FormHelperText } from "@pf/Form";
import { HelperText, HelperTextItem } from "@pf/HelperText";
import { Modal, ModalBody, ModalFooter, ModalHeader } from "@pf/Modal";
import { Checkbox } from "@pf/Checkbox";
import { cloneElement, type FormEvent, isValidElement, type ReactNode, useId, useState } from "react";
import type { Change, Plural } from "../api/client";
import type { Problem } from "../api/problem";
import { useSend } from "../state/send";
import { text } from "../text/en";
import { ProblemAlert } from "./Problem";

interface FormDialogProps {
  title: string;
  description?: ReactNode;
  submit: string;
  danger?: boolean;
  busy: boolean;
  /** False while the fields cannot be sent. */
  ready?: boolean;
  problem: Problem | undefined;
  onSubmit: () => void;
  onClose: () => void;
  size?: "small" | "medium" | "large";
  children?: ReactNode;
}

/** Enter sends, Escape closes, a second click does nothing. */
export function FormDialog(props: FormDialogProps): ReactNode {
  const id = useId();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (!props.busy && props.ready !== false) props.onSubmit();
  };
  return (
    <Modal isOpen variant={props.size ?? "medium"} onClose={props.onClose} aria-labelledby={`${id}-title`} aria-describedby={`${id}-body`}>
      <ModalHeader title={props.title} labelId={`${id}-title`} {...(props.danger && { titleIconVariant: "warning" as const })} description={props.description} />
      <ModalBody id={`${id}-body`}>
        <Form id={`${id}-form`} onSubmit={submit} noValidate>
          <ProblemAlert problem={props.problem} />
          {props.children}
        </Form>
      </ModalBody>
      <ModalFooter>
        <Button type="submit" form={`${id}-form`} variant={props.danger ? "danger" : "primary"} isLoading={props.busy} isDisabled={props.busy || props.ready === false}>{props.submit}</Button>
        <Button variant="link" onClick={props.onClose}>{text.common.cancel}</Button>
      </ModalFooter>
    </Modal>
  );
}

interface FieldProps {
  label: string;
  id: string;
  required?: boolean;
  help?: ReactNode;
  /** What is wrong with it. */
  error?: string | undefined;
  /** Beside the label: when it takes effect. */
  mark?: ReactNode;
  children: ReactNode;
}

/** A field with its label, help and error below it; screen readers read these with the input. */
export function Field({ label, id, required, help, error, mark, children }: FieldProps): ReactNode {
  const described = (error ?? help) && isValidElement<object>(children);
  return (
    <FormGroup label={label} fieldId={id} {...(required && { isRequired: true })} {...(mark !== undefined && mark !== null && { labelInfo: mark })}>
      {described ? cloneElement(children, { "aria-describedby": `${id}-help` } as object) : children}
      {(error ?? help) && (
        <FormHelperText>
          <HelperText id={`${id}-help`}><HelperTextItem variant={error ? "error" : "default"}>{error ?? help}</HelperTextItem></HelperText>
        </FormHelperText>
      )}
    </FormGroup>
  );
}

/** "error" or "default", for the inputs of PatternFly. */
export function validated(error: string | undefined): "error" | "default" {
  return error ? "error" : "default";
}

export interface DeleteOption {
  id: string;
  label: string;
}

interface DeleteDialogProps<K extends Plural> {
  kind: string;
  name: string;
  /** What goes with it. */
  lost: ReactNode;
  options?: readonly DeleteOption[];
  /** Options that must be chosen before it can be deleted. */
  needs?: readonly string[];
  change: (options: ReadonlySet<string>) => Change<K>;
  onClose: () => void;
  onDeleted?: () => void;
}

export function DeleteDialog<K extends Plural>(props: DeleteDialogProps<K>): ReactNode {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const { busy, problem, run } = useSend();
  const toggle = (id: string, on: boolean) => {
    const next = new Set(chosen);
    if (on) next.add(id);
    else next.delete(id);
    setChosen(next);
  };
  const submit = async () => {
    if (!(await run(props.change(chosen)))) return;
    props.onClose();
    props.onDeleted?.();
  };
  return (
    <FormDialog
      title={text.confirm.deleteTitle(props.kind, props.name)} submit={text.common.delete} danger size="small" busy={busy} problem={problem}
      ready={(props.needs ?? []).every((n) => chosen.has(n))} onSubmit={() => void submit()} onClose={props.onClose}
    >
      <div>{props.lost}</div>
      {props.options?.map((o) => <Checkbox key={o.id} id={`delete-${o.id}`} label={o.label} isChecked={chosen.has(o.id)} onChange={(_, on) => toggle(o.id, on)} />)}
    </FormDialog>
  );
}
