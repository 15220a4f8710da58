// Runs the unit tests: every src/**/*.test.ts, bundled for node, by node's own test runner. Arguments choose files by a part of
// their name.
import { build } from "esbuild";
import { spawnSync } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");

async function tests(folder) {
  const found = [];
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(await tests(path)));
    else if (/\.test\.tsx?$/.test(entry.name)) found.push(path);
  }
  return found;
}

const wanted = process.argv.slice(2);
const files = (await tests(join(root, "src"))).filter((f) => !wanted.length || wanted.some((w) => f.includes(w)));
const out = await mkdtemp(join(root, "node_modules/.tests-"));
try {
  await build({
    absWorkingDir: root, entryPoints: files, outdir: out, outExtension: { ".js": ".mjs" }, bundle: true, format: "esm",
    platform: "node", packages: "external", jsx: "automatic", logLevel: "warning", sourcemap: "inline",
    define: { EVENT_WORKER: '"/events.js"' }, loader: { ".css": "empty" },
  });
  const bundles = (await readdir(out, { recursive: true })).filter((f) => f.endsWith(".test.mjs")).map((f) => join(out, f));
  const run = spawnSync(process.execPath, ["--enable-source-maps", "--test", ...bundles], { stdio: "inherit" });
  process.exitCode = run.status ?? 1;
} finally {
  await rm(out, { recursive: true, force: true });
}
