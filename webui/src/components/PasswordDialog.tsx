import { TextInput } from "@pf/TextInput";
import { type ReactNode, useState } from "react";
import { fields } from "../api/generated";
import { type Problem, toProblem } from "../api/problem";
import { changePassword } from "../state/session";
import { addToast } from "../state/toasts";
import { text } from "../text/en";
import { Field, FormDialog, validated } from "./Dialogs";

/** One's own password; asks for the old one, so that an unlocked screen is not enough. */
export function PasswordDialog({ onClose }: { onClose: () => void }): ReactNode {
  const [old, setOld] = useState("");
  const [next, setNext] = useState("");
  const [repeat, setRepeat] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const differs = repeat !== "" && repeat !== next ? text.password.differs : undefined;
  const submit = async () => {
    setBusy(true);
    try {
      await changePassword(old, next);
      addToast({ variant: "success", title: text.password.done });
      onClose();
    } catch (error) {
      setProblem(toProblem(error));
      setBusy(false);
    }
  };
  return (
    <FormDialog title={text.password.title} submit={text.password.submit} size="small" busy={busy} problem={problem} ready={old !== "" && next !== "" && repeat === next} onSubmit={() => void submit()} onClose={onClose}>
      <Field id="password-old" label={text.password.old} required error={problem?.of("/old")}>
        <TextInput id="password-old" type="password" autoComplete="current-password" value={old} onChange={(_, v) => setOld(v)} />
      </Field>
      <Field id="password-next" label={text.password.next} required help={fields.user_spec.password.help} error={problem?.of("/password")}>
        <TextInput id="password-next" type="password" autoComplete="new-password" value={next} onChange={(_, v) => setNext(v)} />
      </Field>
      <Field id="password-repeat" label={text.password.repeat} required error={differs}>
        <TextInput id="password-repeat" type="password" autoComplete="new-password" value={repeat} onChange={(_, v) => setRepeat(v)} validated={validated(differs)} />
      </Field>
    </FormDialog>
  );
}
