// A refusal of the API (RFC 9457), or what stands for one when the network gave no answer.
import { text } from "../text/en";

export interface FieldProblem {
  /** JSON pointer into the request's body, or ?parameter. */
  pointer: string;
  detail: string;
}

export class Problem extends Error {
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly hint: string | undefined;
  readonly errors: FieldProblem[];
  /** Seconds until the next attempt makes sense. */
  readonly retryAfter: number | undefined;

  constructor(facts: { status: number; code: string; title: string; detail: string; hint?: string | undefined; errors?: FieldProblem[]; retryAfter?: number | undefined }) {
    super(facts.detail);
    this.name = "Problem";
    this.status = facts.status;
    this.code = facts.code;
    this.title = facts.title;
    this.hint = facts.hint;
    this.errors = facts.errors ?? [];
    this.retryAfter = facts.retryAfter;
  }

  get detail(): string {
    return this.message;
  }

  /** What is wrong with this field, as a sentence; undefined when nothing is. */
  of(pointer: string): string | undefined {
    return this.errors.find((e) => e.pointer === pointer)?.detail;
  }

  /** As of(), and what is wrong with anything within the field. */
  within(pointer: string): string | undefined {
    return this.of(pointer) ?? this.errors.find((e) => e.pointer.startsWith(`${pointer}/`))?.detail;
  }
}

function asText(value: unknown, otherwise: string): string {
  return typeof value === "string" && value !== "" ? value : otherwise;
}

function asErrors(value: unknown): FieldProblem[] {
  if (!Array.isArray(value)) return [];
  return value.filter((e): e is FieldProblem => typeof e?.pointer === "string" && typeof e?.detail === "string");
}

/** From an answer that is no success. */
export async function problemOf(answer: Response): Promise<Problem> {
  let body: Record<string, unknown> = {};
  try {
    body = (await answer.json()) as Record<string, unknown>;
  } catch {
    // something between us and the gate answered
  }
  const retry = Number(answer.headers.get("Retry-After"));
  return new Problem({
    status: answer.status,
    code: asText(body["code"], "unknown"),
    title: asText(body["title"], text.problem.title),
    detail: asText(body["detail"], text.problem.noDetail(answer.status)),
    hint: typeof body["hint"] === "string" ? body["hint"] : undefined,
    errors: asErrors(body["errors"]),
    retryAfter: Number.isFinite(retry) && retry > 0 ? retry : undefined,
  });
}

/** Whatever was thrown, as a Problem. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof TypeError)
    return new Problem({ status: 0, code: "unreachable", title: text.problem.unreachableTitle, detail: text.problem.unreachable, hint: text.problem.unreachableHint });
  return new Problem({ status: 0, code: "console", title: text.problem.title, detail: error instanceof Error ? error.message : String(error) });
}
