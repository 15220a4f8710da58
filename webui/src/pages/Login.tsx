// Signing in, on a page of its own or, when a session has ended, in front of the page that goes on afterwards.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { Card, CardBody, CardTitle } from "@pf/Card";
import { Content } from "@pf/Content";
import { Form } from "@pf/Form";
import { Modal, ModalBody, ModalHeader } from "@pf/Modal";
import { TextInput } from "@pf/TextInput";
import { type FormEvent, type ReactNode, useEffect, useState } from "react";
import { type Problem, toProblem } from "../api/problem";
import { Field } from "../components/Dialogs";
import { ProblemAlert } from "../components/Problem";
import { signIn, signOut } from "../state/session";
import { text } from "../text/en";

/** Seconds that are left of a wait; 0: none. */
function useCountdown(from: number | undefined, of: unknown): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    setLeft(from ?? 0);
    if (!from) return undefined;
    const timer = setInterval(() => setLeft((s) => Math.max(0, s - 1)), 1000);
    return () => clearInterval(timer);
  }, [from, of]);
  return left;
}

function LoginForm({ user: known }: { user?: string }): ReactNode {
  const [user, setUser] = useState(known ?? "");
  const [password, setPassword] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const wait = useCountdown(problem?.retryAfter, problem);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (busy || wait || !user || !password) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await signIn(user, password);
    } catch (error) {
      setProblem(toProblem(error));
      setPassword("");
    } finally {
      setBusy(false);
    }
  };
  return (
    <Form onSubmit={(e) => void submit(e)} noValidate>
      {wait ? <Alert variant="warning" isInline title={text.login.wait(wait)} aria-live="polite" /> : <ProblemAlert problem={problem} />}
      <Field id="login-user" label={text.login.user}>
        <TextInput id="login-user" name="username" autoComplete="username" value={user} onChange={(_, v) => setUser(v)} isDisabled={known !== undefined} autoFocus={!known} autoCapitalize="none" spellCheck={false} />
      </Field>
      <Field id="login-password" label={text.login.password}>
        <TextInput id="login-password" name="password" type="password" autoComplete="current-password" value={password} onChange={(_, v) => setPassword(v)} autoFocus={known !== undefined} />
      </Field>
      <Button type="submit" variant="primary" isBlock isLoading={busy} isDisabled={busy || wait > 0 || !user || !password}>{text.login.submit}</Button>
      {known !== undefined && <Button variant="link" onClick={() => void signOut()}>{text.login.other}</Button>}
    </Form>
  );
}

export function Login(): ReactNode {
  useEffect(() => { document.title = `${text.login.title} · ${text.product}`; }, []);
  return (
    <main className="lodge-login">
      <Card isLarge>
        <CardTitle component="h1"><img src="/icon.svg" alt="" width="32" height="32" /> <span className="lodge-brand">{text.product}</span></CardTitle>
        <CardBody>
          <Content component="p">{text.login.subtitle}</Content>
          <LoginForm />
        </CardBody>
      </Card>
    </main>
  );
}

export function LoginAgain({ user }: { user: string }): ReactNode {
  return (
    <Modal isOpen variant="small" aria-label={text.login.endedTitle} onEscapePress={() => undefined}>
      <ModalHeader title={text.login.endedTitle} description={text.login.endedBody} />
      <ModalBody><LoginForm user={user} /></ModalBody>
    </Modal>
  );
}
