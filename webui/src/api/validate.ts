// The border: what comes over the wire is compared with the API's own shapes before anything believes it. A shape is a row of
// generated.ts; its members are written as
//   s text · i integer · n number · b boolean · * anything · |a|b one of these words · =… exactly this value
//   @name another shape · [x list of x · {x object whose values are x · ~x x or null · ?x may be absent
// Members that a shape does not know are left alone: a newer daemon may say more.
import { shapes } from "./generated";

export type ShapeName = keyof typeof shapes;

export class WireError extends Error {
  constructor(path: string, wanted: string, got: unknown) {
    super(`the answer does not have the form that the API promises: ${path || "/"} should be ${wanted}, and is ${describe(got)}`);
    this.name = "WireError";
  }
}

function describe(value: unknown): string {
  return value === undefined ? "absent" : JSON.stringify(value).slice(0, 60);
}

type Check = (value: unknown, path: string) => void;
const compiled = new Map<string, Check>();

function fail(path: string, wanted: string, got: unknown): never {
  throw new WireError(path, wanted, got);
}

const simple: Record<string, Check> = {
  "*": () => undefined,
  s: (v, p) => typeof v === "string" || fail(p, "text", v),
  i: (v, p) => Number.isInteger(v) || fail(p, "an integer", v),
  n: (v, p) => typeof v === "number" || fail(p, "a number", v),
  b: (v, p) => typeof v === "boolean" || fail(p, "true or false", v),
};

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function compile(notation: string): Check {
  const known = simple[notation] ?? compiled.get(notation);
  if (known) return known;
  const check = make(notation[0] ?? "", notation.slice(1));
  compiled.set(notation, check);
  return check;
}

function make(kind: string, rest: string): Check {
  switch (kind) {
    case "|": {
      const words = new Set(rest.split("|"));
      return (v, p) => (typeof v === "string" && words.has(v)) || fail(p, `one of ${rest.replaceAll("|", ", ")}`, v);
    }
    case "=":
      return (v, p) => JSON.stringify(v) === rest || fail(p, rest, v);
    case "~": {
      const inner = compile(rest);
      return (v, p) => { if (v !== null) inner(v, p); };
    }
    case "[": {
      const inner = compile(rest);
      return (v, p) => {
        if (!Array.isArray(v)) fail(p, "a list", v);
        for (let i = 0; i < v.length; i++) inner(v[i], `${p}/${i}`);
      };
    }
    case "{": {
      const inner = compile(rest);
      return (v, p) => {
        if (!isObject(v)) fail(p, "an object", v);
        for (const key in v) inner(v[key], `${p}/${key}`);
      };
    }
    case "@":
      return (v, p) => shapeCheck(rest as ShapeName)(v, p);
    default:
      throw new Error(`unknown shape ${kind}${rest}`);
  }
}

function shapeCheck(name: ShapeName): Check {
  const key = `@@${name}`;
  const known = compiled.get(key);
  if (known) return known;
  const members = Object.entries(shapes[name] as Record<string, string>).map(([member, notation]) => {
    const optional = notation.startsWith("?");
    return { member, optional, check: compile(optional ? notation.slice(1) : notation) };
  });
  const check: Check = (value, path) => {
    if (!isObject(value)) fail(path, "an object", value);
    for (const { member, optional, check } of members) {
      const inner = value[member];
      if (inner === undefined && optional) continue;
      check(inner, `${path}/${member}`);
    }
  };
  compiled.set(key, check);
  return check;
}

/** The value, when it has this form; throws a WireError otherwise. */
export function validate<T>(shape: ShapeName, value: unknown): T {
  shapeCheck(shape)(value, "");
  return value as T;
}

/** The items of a list answer. */
export function validateList<T>(shape: ShapeName, value: unknown): { items: T[]; revision: number; next?: string } {
  if (!isObject(value) || !Array.isArray(value["items"])) fail("/items", "a list", value);
  const check = shapeCheck(shape);
  const items = value["items"] as unknown[];
  for (let i = 0; i < items.length; i++) check(items[i], `/items/${i}`);
  return value as unknown as { items: T[]; revision: number };
}
