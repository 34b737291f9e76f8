/**
 * Builds dist/: the extension (CommonJS, for any VS Code), the engine's programs (ESM), the `berth` command and the webviews.
 */
import { build } from "esbuild";
import type { BuildOptions, Metafile, Plugin } from "esbuild";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { lazyBuiltins } from "./lazy-builtins.ts";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");

/** ESM bundles of CommonJS packages need `require` back. */
const requireBanner = "import{createRequire as __createRequire}from'node:module';const require=__createRequire(import.meta.url);";

/** The same names for a module's own place. */
const insideCommonJs = { "import.meta.dirname": "__dirname", "import.meta.filename": "__filename", "import.meta.url": "__filename" };

const node: BuildOptions = {
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node22",
  minify: true,
  keepNames: true,
  sourcemap: "linked",
  legalComments: "none",
  external: ["koffi", "vscode"],
  logLevel: "warning",
};

/**
 * `import` of a built-in module reads every property that it has, and with those of `http` Node loads its whole `fetch`:
 * 6 MB in each process. Who asks for the module itself gets no more than he uses. It is not for modules that many import, as
 * each copies the names.
 */
const plainHttp: Plugin = {
  name: "plain-http",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^node:http$/ }, ({ path }) => ({ path, namespace: "builtin" }));
    onLoad({ filter: /.*/, namespace: "builtin" }, ({ path }) => ({ contents: `module.exports = process.getBuiltinModule("${path}")` }));
  },
};

const programs: Record<string, string> = {
  engine: "engine/main.ts",
  netd: "engine/host/netd/main.ts",
  "layer-worker": "engine/layers/worker.ts",
  "relay-worker": "engine/host/netd/relay-worker.ts",
};

async function buildPrograms(): Promise<void> {
  const present = Object.entries(programs).filter(([, source]) => existsSync(join(root, source)));
  await build({
    ...node,
    entryPoints: Object.fromEntries(present),
    outdir: dist,
    format: "esm",
    // What a program needs later, or only one of its commands needs, is a file of its own: starting reads less.
    splitting: true,
    outExtension: { ".js": ".mjs" },
    banner: { js: requireBanner },
    plugins: [plainHttp],
  });
}

/** Verbs that people wait for: their code is also a file of its own, a fifth of that of all verbs. */
const QUICK = ["build", "exec", "ps", "run"];

/**
 * The command: `cli.cjs` and the one file that it loads after it has switched Node's compile cache on. One CommonJS file is read
 * sooner than the twenty pieces that a verb needs; what a verb does not need is neither compiled nor run.
 */
async function buildCommand(): Promise<void> {
  if (!existsSync(join(root, "engine/cli/main.ts"))) return;
  const common: BuildOptions = {
    ...node,
    format: "cjs",
    outdir: dist,
    outExtension: { ".js": ".cjs" },
    sourcemap: false,
    define: insideCommonJs,
    supported: { "dynamic-import": false },
  };
  const file = (name: string, plugins: Plugin[]): Promise<unknown> =>
    build({ ...common, entryPoints: { [name]: "engine/cli/process.ts" }, plugins: [lazyBuiltins, ...plugins] });
  await Promise.all([
    build({ ...common, entryPoints: { cli: "engine/cli/main.ts" }, external: ["./cli-*.cjs"], plugins: [lazyBuiltins, byVerb] }),
    file("cli-main", []),
    ...QUICK.map((verb) => file(`cli-${verb}`, [onlyVerb(verb)])),
  ]);
}

/** What `cli.cjs` loads: the first word tells the verb, unless flags are in front of it. */
const byVerb: Plugin = {
  name: "by-verb",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /\/process\.ts$/ }, () => ({ path: "process", namespace: "by-verb" }));
    const files = QUICK.map((verb) => `case "${verb}": module.exports = require("./cli-${verb}.cjs"); break;`).join("");
    const contents = `switch (process.argv[2]) { ${files} default: module.exports = require("./cli-main.cjs"); }`;
    onLoad({ filter: /.*/, namespace: "by-verb" }, () => ({ contents, resolveDir: dist }));
  },
};

/** Leaves out the commands that are never loaded when this is the first word. */
function onlyVerb(verb: string): Plugin {
  return {
    name: "only-verb",
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /^\.\/commands\// }, ({ path, importer }) =>
        importer.endsWith("/tree.ts") && path !== `./commands/${verb}.ts` ? { path, namespace: "left-out" } : undefined,
      );
      onLoad({ filter: /.*/, namespace: "left-out" }, () => ({ contents: "" }));
    },
  };
}

/**
 * CommonJS, for any VS Code, and in pieces, so that activation reads little. esbuild cuts only ESM into pieces: each of them
 * becomes CommonJS in a second step, with `require` where it says `import()`. What activation reads in any case becomes one file.
 */
async function buildExtension(): Promise<void> {
  const { outputFiles, metafile } = await build({
    ...node,
    entryPoints: { extension: "src/extension.ts" },
    outdir: dist,
    format: "esm",
    splitting: true,
    chunkNames: "extension-[hash]",
    outExtension: { ".js": ".cjs" },
    write: false,
    metafile: true,
    sourcemap: "inline",
    // The code that starts the engine finds its programs beside itself, also from here.
    define: insideCommonJs,
    plugins: [lazyBuiltins],
  });
  // Each import of an interface of hundreds of names would copy all of them, and each `require` asks VS Code whose call it is.
  const once = (text: string): string =>
    text.replaceAll(/import\s*\*\s*as ([\w$]+) from\s*"vscode";/g, 'import{vscode as $1}from"the-vscode";');
  const pieces = new Map(outputFiles.map(({ path, text }) => [basename(path), once(text)]));
  const first = readAtOnce(metafile);
  await Promise.all([
    bundlePiece(ENTRY, pieces, { inside: first }),
    ...[...pieces.keys()].filter((name) => !first.has(name)).map((name) => bundlePiece(name, pieces, { inside: new Set([name]) })),
  ]);
  for (const name of first)
    if (name !== ENTRY) writeFileSync(join(dist, name), `module.exports=require("./${ENTRY}")[${JSON.stringify(exportOf(name))}];\n`);
}

const ENTRY = "extension.cjs";

/** A piece that is part of the first one is one of its exports, for the pieces that are read later. */
const exportOf = (name: string): string => name.replace(/\W/g, "_");

/** The pieces that the first one imports, and what those import. */
function readAtOnce({ outputs }: Metafile): Set<string> {
  const found = new Set([ENTRY]);
  for (const name of found)
    for (const { path, kind } of outputs[`dist/${name}`]!.imports)
      if (kind === "import-statement" && `${path}` in outputs) found.add(basename(path));
  return found;
}

async function bundlePiece(name: string, pieces: ReadonlyMap<string, string>, { inside }: { inside: ReadonlySet<string> }): Promise<void> {
  const others = [...inside].filter((each) => each !== name).map((each) => `export * as ${exportOf(each)} from "./${each}";`);
  await build({
    ...node,
    stdin: { contents: [`export * from "./${name}";`, ...others].join("\n"), sourcefile: `whole-${name}`, resolveDir: dist },
    outfile: join(dist, name),
    format: "cjs",
    // The names are kept already.
    keepNames: false,
    supported: { "dynamic-import": false },
    plugins: [
      {
        name: "pieces",
        setup: ({ onResolve, onLoad }) => {
          onResolve({ filter: /^\.\/extension.*\.cjs$/ }, ({ path, kind }) =>
            kind !== "dynamic-import" && inside.has(basename(path))
              ? { path: basename(path), namespace: "piece" }
              : { path, external: true },
          );
          onResolve({ filter: /^the-vscode$/ }, ({ path }) => ({ path, namespace: "once" }));
          onLoad({ filter: /.*/, namespace: "once" }, () => ({ contents: 'export const vscode=require("vscode");' }));
          onLoad({ filter: /.*/, namespace: "piece" }, ({ path }) => ({ contents: pieces.get(path)!, resolveDir: dist }));
        },
      },
    ],
  });
}

/** The language features' process; CommonJS, because the editor's own Node starts it, which may be an older one. */
async function buildLanguageServer(): Promise<void> {
  await build({
    ...node,
    entryPoints: ["src/language/server/main.ts"],
    outfile: join(dist, "language-server.cjs"),
    format: "cjs",
    target: "node20",
  });
}

/** Each folder of webviews/ with a `main.ts` is one page. */
async function buildWebviews(): Promise<void> {
  const pages = readdirSync(join(root, "webviews")).filter((name) => existsSync(join(root, "webviews", name, "main.ts")));
  if (pages.length === 0) return;
  await build({
    absWorkingDir: root,
    entryPoints: pages.map((name) => ({ in: join("webviews", name, "main.ts"), out: name })),
    outdir: join(dist, "webviews"),
    bundle: true,
    platform: "browser",
    format: "iife",
    target: "es2022",
    minify: true,
    sourcemap: "linked",
    logLevel: "warning",
  });
}

/** koffi is native, so it travels as a package: its JavaScript and the binary of this platform only. */
function copyKoffi(): void {
  const from = join(root, "node_modules");
  const to = join(dist, "node_modules");
  const platform = `koffi-${process.platform}-${process.arch}`;
  for (const file of ["package.json", "index.cjs", "src/koffi/index.cjs", "src/koffi/src"])
    cpSync(join(from, "koffi", file), join(to, "koffi", file), {
      recursive: true,
      filter: (source) => !/\.(cc|hh|c|h|S|inc)$/.test(source),
    });
  if (existsSync(join(from, "@koromix", platform)))
    cpSync(join(from, "@koromix", platform), join(to, "@koromix", platform), { recursive: true });
}

rmSync(dist, { recursive: true, force: true });
mkdirSync(dist, { recursive: true });
await Promise.all([buildPrograms(), buildCommand(), buildExtension(), buildLanguageServer(), buildWebviews()]);
copyKoffi();
// Node looks for the nearest one, and the extension's own is a hundred kilobytes to read.
writeFileSync(join(dist, "package.json"), '{"type":"commonjs"}\n');
if (existsSync(join(root, "engine/cli/berth.sh"))) {
  cpSync(join(root, "engine/cli/berth.sh"), join(dist, "berth"));
  chmodSync(join(dist, "berth"), 0o755);
  writeFileSync(join(dist, "berth-compose"), '#!/bin/sh\nexec "${0%/*}/berth" compose "$@"\n', { mode: 0o755 });
  // A folder for PATH with nothing but the commands in it.
  mkdirSync(join(dist, "bin"));
  for (const name of ["berth", "berth-compose"])
    writeFileSync(join(dist, "bin", name), `#!/bin/sh\nexec "\${0%/*}/../${name}" "$@"\n`, { mode: 0o755 });
}
