// Bundles the console into ../build/webui (or the folder given): modules and styles with hashes in their names below
// /assets, which the gate lets browsers keep for ever, and an index.html that names them.
import { build } from "esbuild";
import { cp, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const made = process.argv[2] ?? join(root, "../build/webui");
const out = `${made}.new`; // takes its place once it is whole

const options = {
  absWorkingDir: root,
  bundle: true,
  minify: true,
  format: "esm",
  target: ["chrome115", "firefox115", "safari16.4"],
  define: { "process.env.NODE_ENV": '"production"' },
  jsx: "automatic",
  metafile: true,
  loader: { ".woff2": "file", ".svg": "file", ".png": "file", ".jpg": "file" },
  outdir: join(out, "assets"),
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  assetNames: "[name]-[hash]",
  publicPath: "/assets",
  logLevel: "warning",
  legalComments: "none",
};

/** The file names that an entry point became. */
function outputs(metafile, entry) {
  for (const [file, output] of Object.entries(metafile.outputs))
    if (output.entryPoint === entry) return { js: relative(join(root, out), join(root, file)), output };
  throw new Error(`no output of ${entry}`);
}

const named = (file) => `/assets/${file.split("/").pop()}`;

await rm(out, { recursive: true, force: true });
await mkdir(join(out, "assets"), { recursive: true });
await cp(join(root, "public"), out, { recursive: true });

const worker = await build({ ...options, entryPoints: ["src/worker/events.ts"] });
const workerFile = named(outputs(worker.metafile, "src/worker/events.ts").js);
const main = await build({
  ...options,
  splitting: true,
  entryPoints: ["src/main.tsx"],
  define: { ...options.define, EVENT_WORKER: JSON.stringify(workerFile) },
});
const { js, output } = outputs(main.metafile, "src/main.tsx");

// Styles do not load with the parts that are imported later: all of them come first, in one sheet, from a build in one piece.
const whole = await build({ ...options, entryPoints: ["src/main.tsx"], write: false, define: { ...options.define, EVENT_WORKER: '""' } });
const sheet = whole.outputFiles.find((f) => f.path.endsWith(".css"));
for (const file of await readdir(join(out, "assets"))) if (file.endsWith(".css")) await rm(join(out, "assets", file));
await writeFile(join(out, "assets", basename(sheet.path)), sheet.contents);
const styles = `<link rel="stylesheet" href="${named(sheet.path)}">`;
const preloads = output.imports
  .filter((i) => i.kind === "import-statement")
  .map((i) => `<link rel="modulepreload" href="${named(i.path)}">`)
  .join("\n");

const page = (await readFile(join(root, "src/index.html"), "utf8"))
  .replace("<!-- styles -->", styles)
  .replace("<!-- preloads -->", preloads)
  .replace("<!-- script -->", `<script type="module" src="${named(js)}"></script>`);
await writeFile(join(out, "index.html"), page);
await rm(made, { recursive: true, force: true });
await rename(out, made);
await writeFile(join(root, "../build/webui.meta.json"), JSON.stringify(main.metafile)).catch(() => undefined);
