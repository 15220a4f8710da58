// What a change would do, as the daemon says it: asked anew, a moment after the change was last touched.
import { Alert } from "@pf/Alert";
import { Content } from "@pf/Content";
import { Spinner } from "@pf/Spinner";
import { Table, Tbody, Td, Th, Thead, Tr } from "@pf-table/Table";
import { type ReactNode, useEffect, useState } from "react";
import { type Change, plan as askPlan, type Plural } from "../api/client";
import type { Plan } from "../api/generated";
import { type Problem, toProblem } from "../api/problem";
import { bytes } from "../models/format";
import { useLiveState } from "../state/live";
import { useAccess } from "../state/session";
import { text } from "../text/en";
import { ProblemAlert } from "./Problem";

const QUIET_MS = 300;
/** Until a daemon that did not answer is asked again. */
const AGAIN_MS = 4000;

export type Planned = { plan: Plan | undefined; problem: Problem | undefined; checking: boolean };

/** The plan of a change; nothing is asked while there is none. Asked again when the connection or the session is back, and when what
 *  the answer may depend on (`circumstances`) has changed. */
export function usePlan<K extends Plural>(change: Change<K> | undefined, circumstances = ""): Planned {
  const access = useAccess().state;
  const reachable = useLiveState() !== "down";
  const [state, setState] = useState<Planned>({ plan: undefined, problem: undefined, checking: false });
  const key = change && JSON.stringify(change);
  useEffect(() => {
    if (!key) {
      setState({ plan: undefined, problem: undefined, checking: false });
      return undefined;
    }
    if (access !== "in") return undefined; // somebody is about to sign in again
    const abort = new AbortController();
    let timer: ReturnType<typeof setTimeout>;
    const ask = () => {
      askPlan(JSON.parse(key) as Change<K>, abort.signal).then(
        (plan) => setState({ plan, problem: undefined, checking: false }),
        (error: unknown) => {
          if (abort.signal.aborted) return;
          const problem = toProblem(error);
          setState({ plan: undefined, problem, checking: false });
          if (problem.code === "unreachable" || problem.status === 503) timer = setTimeout(ask, AGAIN_MS);
        },
      );
    };
    setState((before) => ({ ...before, checking: true }));
    timer = setTimeout(ask, QUIET_MS);
    return () => {
      clearTimeout(timer);
      abort.abort();
    };
  }, [key, access, reachable, circumstances]);
  return state;
}

function shownValue(pointer: string, value: unknown): string {
  if (value === null || value === undefined || value === "") return "–";
  if (typeof value === "number" && /\/(memory|size)$/.test(pointer)) return bytes(value);
  if (Array.isArray(value)) return value.map((v, i) => shownValue(`${pointer}/${i}`, v)).join("\n");
  if (typeof value === "object") return Object.entries(value).map(([key, v]) => `${key} ${shownValue(`${pointer}/${key}`, v)}`).join(", ");
  return typeof value === "boolean" ? (value ? text.common.yes : text.common.no) : String(value);
}

/** "/spec/disks/0/size" as a person says it: "disks 1 size". */
function fieldName(pointer: string): string {
  return pointer.replace(/^\/(spec|metadata)\//, "").split("/").map((p) => (/^\d+$/.test(p) ? String(Number(p) + 1) : p)).join(" ");
}

/** The spec as the plan leaves it. */
export function specAfter(plan: Plan | undefined): Record<string, never> | undefined {
  return plan?.resource?.["spec"] as Record<string, never> | undefined;
}

/** When a field takes effect, if this plan changes it or something in it. */
export function effectOn(plan: Plan | undefined, pointer: string): "now" | "restart" | undefined {
  const effects = plan?.change === "update" ? plan.effects.filter((e) => e.pointer === pointer || e.pointer.startsWith(`${pointer}/`)) : [];
  if (!effects.length) return undefined;
  return plan?.needs_restart && effects.some((e) => e.effect === "restart") ? "restart" : "now";
}

interface ViewProps extends Planned {
  /** Changes that the daemon's plan does not speak of, as those of names and labels. */
  also?: Plan["effects"];
  /** What a field is called on this page. */
  nameOf?: (effect: Plan["effects"][number]) => string;
}

export function PlanView({ plan, problem, checking, also = [], nameOf = ({ pointer }) => fieldName(pointer) }: ViewProps): ReactNode {
  if (problem) return <ProblemAlert problem={problem} title={problem.status ? text.plan.refused : problem.title} />;
  if (!plan) return checking ? <Spinner size="md" aria-label={text.plan.checking} /> : null;
  const effects = [...also, ...plan.effects];
  return (
    <div className={checking ? "lodge-stale" : ""} aria-live="polite">
      {effects.length > 0 && plan.change === "update" && (
        <Table variant="compact" aria-label={text.plan.title} borders={false}>
          <Thead><Tr><Th>{text.common.change}</Th><Th>{text.common.before}</Th><Th>{text.common.after}</Th><Th>{text.plan.when}</Th></Tr></Thead>
          <Tbody>
            {effects.map((e, i) => (
              <Tr key={i}>
                <Td dataLabel={text.common.change}>{nameOf(e)}</Td>
                <Td dataLabel={text.common.before} modifier="breakWord" className="lodge-lines">{shownValue(e.pointer, e.before)}</Td>
                <Td dataLabel={text.common.after} modifier="breakWord" className="lodge-lines">{shownValue(e.pointer, e.after)}</Td>
                <Td dataLabel={text.plan.when}>{e.effect === "restart" && plan.needs_restart ? text.plan.restart : text.plan.now}</Td>
              </Tr>
            ))}
          </Tbody>
        </Table>
      )}
      {plan.needs_restart && <Alert variant="warning" isInline isPlain title={text.plan.needsRestart} />}
      {plan.steps.length > 0 && (
        <Content>
          <p>{text.plan.steps}</p>
          <ol>{plan.steps.map((step, i) => <li key={i}>{step}</li>)}</ol>
        </Content>
      )}
      {!effects.length && !plan.steps.length && <p>{plan.change === "create" ? text.plan.creates : text.plan.none}</p>}
    </div>
  );
}
