// Makes src/api/generated.ts from the daemon's own API document: types for the compiler, and the same shapes as data for the
// check of what comes over the wire. With --check it only compares, and fails when the file is not what it would write.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const target = join(root, "src/api/generated.ts");
const lodged = process.env.LODGED ?? join(root, "../build/bin/lodged");
const api = JSON.parse(execFileSync(lodged, ["--openapi"], { encoding: "utf8", maxBuffer: 1 << 26 }));
const schemas = api.components.schemas;

const pascal = (name) => name.split("_").map((w) => w[0].toUpperCase() + w.slice(1)).join("");
const referenced = (schema) => schema.$ref?.split("/").pop();
const isSize = (schema) => schema.anyOf?.some((s) => s.description === "bytes");

/** The TypeScript type of a schema. Sizes are numbers: the console never sends them as text. */
function type(schema) {
  const name = referenced(schema);
  if (name) return pascal(name);
  if (isSize(schema)) return "number";
  if (schema.enum) return schema.enum.map((v) => JSON.stringify(v)).join(" | ");
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (Array.isArray(schema.type)) return schema.type.map((t) => type({ ...schema, type: t })).join(" | ");
  switch (schema.type) {
    case "string": return "string";
    case "integer": case "number": return "number";
    case "boolean": return "boolean";
    case "null": return "null";
    case "array": { const of = type(schema.items ?? {}); return /[|]/.test(of) ? `(${of})[]` : `${of}[]`; }
    case "object":
      if (schema.properties) return `{ ${members(schema).join(" ")} }`;
      return `Record<string, ${schema.additionalProperties ? type(schema.additionalProperties) : "unknown"}>`;
    default: return "unknown";
  }
}

function members(schema) {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties).map(([key, value]) =>
    `${/^\w+$/.test(key) ? key : JSON.stringify(key)}${required.has(key) ? "" : "?"}: ${type(value)};`);
}

/** The same as data: see src/api/validate.ts for the notation. */
function shape(schema) {
  const name = referenced(schema);
  if (name) return `@${name}`;
  if (isSize(schema)) return "i";
  if (schema.enum) return `|${schema.enum.join("|")}`;
  if (schema.const !== undefined) return `=${JSON.stringify(schema.const)}`;
  if (Array.isArray(schema.type)) return `~${shape({ ...schema, type: schema.type.find((t) => t !== "null") })}`;
  switch (schema.type) {
    case "string": return "s";
    case "integer": return "i";
    case "number": return "n";
    case "boolean": return "b";
    case "array": return `[${shape(schema.items ?? {})}`;
    case "object": return schema.additionalProperties ? `{${shape(schema.additionalProperties)}` : "{*";
    default: return "*";
  }
}

const isObject = (schema) => schema.type === "object" && schema.properties;

/** A schema that an object holds in its place gets a name of its own: plan.effects[] becomes plan_effects. */
function hoist(name, schema) {
  for (const [key, value] of Object.entries(schema.properties ?? {})) {
    const inner = value.items ?? value;
    if (!isObject(inner) || inner.$ref) continue;
    const own = `${name}_${key}`;
    schemas[own] = inner;
    hoist(own, inner);
    const ref = { $ref: `#/components/schemas/${own}`, description: value.description };
    schema.properties[key] = value.items ? { ...value, items: ref } : ref;
  }
}

const answers = { login: "login", session: "session", orphans: "orphan_list", audit: "audit_list", audit_verify: "audit_verdict", upload_show: "upload" };
const kinds = {};
for (const [path, methods] of Object.entries(api.paths)) {
  for (const operation of Object.values(methods)) {
    const body = (operation.responses["201"] ?? operation.responses["200"])?.content?.["application/json"]?.schema;
    if (answers[operation.operationId]) schemas[answers[operation.operationId]] = body;
    const list = operation.operationId.match(/^list_(\w+)$/);
    if (list) kinds[list[1]] = { one: referenced(body.properties.items.items), put: methods, path };
  }
}
for (const [name, schema] of Object.entries({ ...schemas })) hoist(name, schema);

const names = Object.keys(schemas).filter((n) => isObject(schemas[n])).sort();
const isInput = (name) => /_(input|spec)$|^guest_(cpu|boot|disk_spec|nic_spec)$|_source$/.test(name);
const lines = [
  "// Made by tools/generate.mjs from the daemon's API document: `npm run generate` makes it anew.",
  "",
];
for (const name of names) {
  const schema = schemas[name];
  if (schema.description) lines.push(`/** ${schema.description}. */`);
  lines.push(`export interface ${pascal(name)} {`);
  const required = new Set(schema.required ?? []);
  for (const [key, value] of Object.entries(schema.properties)) {
    if (value.description) lines.push(`  /** ${value.description}. */`);
    lines.push(`  ${key}${required.has(key) ? "" : "?"}: ${type(value)};`);
  }
  lines.push("}", "");
}
lines.push("/** Every collection, and what its resources are. */", "export interface Kinds {");
for (const [plural, { one }] of Object.entries(kinds)) lines.push(`  ${plural}: ${pascal(one)};`);
lines.push("}", "", "export const singular = {");
for (const [plural, { one }] of Object.entries(kinds)) lines.push(`  ${plural}: ${JSON.stringify(one)},`);
lines.push("} as const;", "", "/** What comes over the wire, for validate(). */", "export const shapes = {");
for (const name of names) {
  if (/_input$/.test(name) && name !== "metadata_input") continue;
  const required = new Set(schemas[name].required ?? []);
  lines.push(`  ${name}: {`);
  for (const [key, value] of Object.entries(schemas[name].properties))
    lines.push(`    ${key}: ${JSON.stringify((required.has(key) ? "" : "?") + shape(value))},`);
  lines.push("  },");
}
lines.push("} as const satisfies Record<string, Record<string, string>>;", "");

/** Texts and bounds of the fields that people fill in: forms take them from here. */
lines.push("/** Help, defaults and bounds of every field that people fill in. */", "export const fields = {");
for (const name of names.filter((n) => isInput(n) || n === "metadata_input")) {
  if (/_input$/.test(name) && schemas[name].properties.spec) continue;
  lines.push(`  ${name}: {`);
  for (const [key, value] of Object.entries(schemas[name].properties)) {
    const number = isSize(value) ? value.anyOf[0] : value;
    const facts = { help: value.description, default: value.default, min: number.minimum ?? number.minLength ?? number.minItems,
      max: number.maximum ?? number.maxLength ?? number.maxItems, pattern: value.pattern, values: value.enum,
      required: (schemas[name].required ?? []).includes(key) || undefined };
    lines.push(`    ${key}: ${JSON.stringify(facts)},`);
  }
  lines.push("  },");
}
lines.push("} as const;", "");

const text = lines.join("\n");
if (process.argv.includes("--check")) {
  let old = "";
  try { old = readFileSync(target, "utf8"); } catch { /* it is not there yet */ }
  if (old !== text) {
    console.error("src/api/generated.ts is not what the daemon's API document gives: run `npm run generate` and commit it");
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
}
