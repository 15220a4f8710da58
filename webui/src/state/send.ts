// Carrying out a change from a page: what is wrong is kept for the form, a task is followed, what came back is shown at once.
import { useCallback, useRef, useState } from "react";
import { type Change, type Outcome, type Plural, send } from "../api/client";
import { type Problem, toProblem } from "../api/problem";
import { learned } from "./live";
import { watchTask } from "./tasks";
import { addToast } from "./toasts";

export interface Sender {
  busy: boolean;
  problem: Problem | undefined;
  /** The outcome, or undefined when it was refused: then `problem` says why. */
  run: <K extends Plural>(change: Change<K>) => Promise<Outcome<K> | undefined>;
  clear: () => void;
}

export async function carryOut<K extends Plural>(change: Change<K>): Promise<Outcome<K>> {
  const outcome = await send(change);
  if (outcome.task) watchTask(outcome.task);
  if (outcome.resource) learned(change.kind, outcome.resource);
  return outcome;
}

export function useSend(): Sender {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem>();
  const sending = useRef(false);
  const run = useCallback(async <K extends Plural>(change: Change<K>) => {
    if (sending.current) return undefined; // a second click
    sending.current = true;
    setBusy(true);
    setProblem(undefined);
    try {
      return await carryOut(change);
    } catch (error) {
      setProblem(toProblem(error));
      return undefined;
    } finally {
      sending.current = false;
      setBusy(false);
    }
  }, []);
  return { busy, problem, run, clear: useCallback(() => setProblem(undefined), []) };
}

/** For buttons without a form: a refusal becomes a message at the edge. True when it was taken. */
export async function sendOrTell<K extends Plural>(change: Change<K>, title: string): Promise<boolean> {
  try {
    await carryOut(change);
    return true;
  } catch (error) {
    const problem = toProblem(error);
    addToast({ variant: "danger", title, detail: problem.detail, hint: problem.hint });
    return false;
  }
}
