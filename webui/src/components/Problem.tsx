// Refusals and errors, with what the API said and what would make it work. The only way in which pages show either.
import { Alert } from "@pf/Alert";
import { Button } from "@pf/Button";
import { EmptyState, EmptyStateActions, EmptyStateBody, EmptyStateFooter } from "@pf/EmptyState";
import { ExclamationCircleIcon } from "@pf-icons/exclamation-circle-icon";
import { LockIcon } from "@pf-icons/lock-icon";
import { SearchIcon } from "@pf-icons/search-icon";
import type { ReactNode } from "react";
import { Link } from "react-router";
import { Problem, toProblem } from "../api/problem";
import { text } from "../text/en";

/** Within a form or a dialog. */
export function ProblemAlert({ problem, title }: { problem: Problem | undefined; title?: string }): ReactNode {
  if (!problem) return null;
  const elsewhere = problem.errors.filter((e) => !problem.detail.includes(e.detail));
  return (
    <Alert variant="danger" isInline title={title ?? problem.detail} role="alert">
      {title && <p>{problem.detail}</p>}
      {elsewhere.length > 0 && (
        <ul>
          {elsewhere.map((e) => <li key={e.pointer + e.detail}><code>{e.pointer}</code> {e.detail}</li>)}
        </ul>
      )}
      {problem.hint && <p>{problem.hint}</p>}
    </Alert>
  );
}

/** In the place of a page or a part of it that could not be loaded. */
export function ProblemState({ error, retry }: { error: unknown; retry?: () => void }): ReactNode {
  const problem = toProblem(error);
  const forbidden = problem.status === 403;
  return (
    <EmptyState titleText={forbidden ? text.problem.forbiddenTitle : problem.title} icon={forbidden ? LockIcon : ExclamationCircleIcon} status={forbidden ? "info" : "danger"} headingLevel="h2">
      <EmptyStateBody>
        <p>{problem.detail}</p>
        {(problem.hint ?? forbidden) && <p>{problem.hint ?? text.problem.forbiddenHint}</p>}
      </EmptyStateBody>
      {retry && !forbidden && (
        <EmptyStateFooter>
          <EmptyStateActions><Button variant="primary" onClick={retry}>{text.problem.retry}</Button></EmptyStateActions>
        </EmptyStateFooter>
      )}
    </EmptyState>
  );
}

export function Forbidden({ permission }: { permission: string }): ReactNode {
  return <ProblemState error={new Problem({ status: 403, code: "forbidden", title: "", detail: text.problem.forbidden(permission) })} />;
}

export function Missing({ kind, name, back }: { kind: string; name: string; back: string }): ReactNode {
  return (
    <EmptyState titleText={text.problem.missingTitle} icon={SearchIcon} headingLevel="h2">
      <EmptyStateBody>
        <p>{text.problem.missing(kind, name)}</p>
        <p>{text.problem.missingHint}</p>
      </EmptyStateBody>
      <EmptyStateFooter><EmptyStateActions><Link to={back}>{back === "/" ? text.problem.start : text.problem.back}</Link></EmptyStateActions></EmptyStateFooter>
    </EmptyState>
  );
}
