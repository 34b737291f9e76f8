/**
 * The built engine in a folder that every user can read, one folder a build: a checkout may lie in a closed home directory.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { cpSync, existsSync, globSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { lock } from "../../engine/host/lock.ts";

const root = join(import.meta.dirname, "..", "..");

/** Shared by all files of a run of `npm test`, which have temporary directories of their own. */
const place = process.env["BERTH_TEST_PROGRAMS"] || tmpdir();

const dist = join(root, "dist");

export interface Programs {
  /** Holds `engine.mjs`, `berth` and the rest of dist/. */
  readonly folder: string;
  /** A Node that every user can run. */
  readonly node: string;
}

let found: Promise<Programs> | undefined;

/** Built from the present source; built again when a source file is newer. */
export function testPrograms(): Promise<Programs> {
  return (found ??= prepare());
}

async function prepare(): Promise<Programs> {
  const unlock = await lock(join(place, `berth-test-${process.getuid!()}.lock`));
  try {
    if (isStale()) execFileSync(process.execPath, ["scripts/build.ts"], { cwd: root });
    return { folder: readable(dist, fingerprint()), node: readableNode() };
  } finally {
    unlock();
  }
}

function isStale(): boolean {
  if (!existsSync(join(dist, "engine.mjs"))) return true;
  const built = statSync(join(dist, "engine.mjs")).mtimeMs;
  return globSync("engine/**/*", { cwd: root }).some((name) => !name.endsWith(".test.ts") && statSync(join(root, name)).mtimeMs > built);
}

function fingerprint(): string {
  const hash = createHash("sha256").update(root);
  for (const name of globSync("*.{mjs,cjs}", { cwd: dist }).toSorted()) hash.update(readFileSync(join(dist, name)));
  return hash.digest("hex").slice(0, 12);
}

/** Copies under a temporary name first, so that a folder that is there is whole. */
function readable(source: string, name: string): string {
  const target = join(place, `berth-test-${process.getuid!()}-${name}`);
  if (existsSync(target)) return target;
  const unfinished = mkdtempSync(`${target}-`);
  cpSync(source, unfinished, { recursive: true });
  execFileSync("chmod", ["-R", "a+rX", unfinished]);
  renameSync(unfinished, target);
  for (const old of globSync(join(place, `berth-test-${process.getuid!()}-????????????`)))
    if (old !== target && Date.now() - statSync(old).mtimeMs > 3_600_000) rmSync(old, { recursive: true, force: true });
  return target;
}

function readableNode(): string {
  const open = (path: string): boolean => path === "/" || ((statSync(path).mode & 0o005) === 0o005 && open(dirname(path)));
  if (open(process.execPath)) return process.execPath;
  const target = join(place, `berth-test-node-${process.version}-${process.getuid!()}`);
  if (!existsSync(target)) {
    cpSync(process.execPath, `${target}.new`);
    execFileSync("chmod", ["755", `${target}.new`]);
    renameSync(`${target}.new`, target);
  }
  return target;
}
