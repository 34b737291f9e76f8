/**
 * Dockerfiles as people write them, each with its context, and what docker made of it.
 *
 *     test/fixtures/dockerfiles/real/<theme>/…              the context
 *     test/fixtures/dockerfiles/real/<theme>/theme.json     how it is built; the same for older languages in `plain`
 *     test/fixtures/dockerfiles/real/<theme>/expected.json  what Debian's docker made; BERTH_RECORD=all renews it
 */
import { createHash } from "node:crypto";
import { chmodSync, cpSync, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { extract } from "tar-stream";

const themes = new URL("../fixtures/dockerfiles/real/", import.meta.url).pathname;

export interface Theme {
  readonly name: string;
  /** Flags of `docker build`. */
  readonly args: readonly string[];
  /** Modes that a checkout does not keep, by path. */
  readonly modes: Readonly<Record<string, string>>;
  readonly secrets: Readonly<Record<string, string>>;
  readonly base: "busybox" | "debian";
  /** The same image in a language that docker 20.10 knows. */
  readonly plain: string | undefined;
  /** What docker 20.10 left of the places it mounted on; since BuildKit 0.11 they go. */
  readonly stubs: readonly string[];
}

/** What two builders have to agree on. */
export interface Made {
  readonly config: Readonly<Record<string, unknown>>;
  /** What differs from the base: a line for each path, or null where it is gone. */
  readonly files: Readonly<Record<string, string | null>>;
}

export interface Expected extends Made {
  readonly by: string;
}

export function readThemes(): Theme[] {
  return readdirSync(themes).map((name) => {
    const file = join(themes, name, "theme.json");
    const {
      args = [],
      modes = {},
      secrets = {},
      base = "busybox",
      plain,
      stubs = [],
    } = existsSync(file) ? (readJson(file) as Partial<Theme>) : {};
    return { name, args, modes, secrets, base, plain, stubs };
  });
}

export function expectedOf({ name, stubs }: Theme): Expected | undefined {
  const file = join(themes, name, "expected.json");
  if (!existsSync(file)) return undefined;
  const expected = readJson(file) as Expected;
  return { ...expected, files: Object.fromEntries(Object.entries(expected.files).filter(([path]) => !stubs.includes(path))) };
}

export function keepExpected({ name }: Theme, expected: Expected): void {
  writeFileSync(join(themes, name, "expected.json"), `${JSON.stringify(expected, undefined, 2)}\n`);
}

function readJson(file: string): unknown {
  return JSON.parse(readFileSync(file, "utf8"));
}

/** The theme's context in a new directory, with modes that do not depend on the checkout. */
export function makeContext(theme: Theme, directory: string): void {
  const source = join(themes, theme.name);
  mkdirSync(directory, { recursive: true });
  for (const name of readdirSync(source)) {
    if (name === "theme.json" || name === "expected.json") continue;
    cpSync(join(source, name), join(directory, name), { recursive: true, verbatimSymlinks: true });
  }
  setModes(directory);
  for (const [path, mode] of Object.entries(theme.modes)) chmodSync(join(directory, path), Number.parseInt(mode, 8));
}

function setModes(path: string): void {
  const stats = lstatSync(path);
  if (stats.isSymbolicLink()) return;
  chmodSync(path, stats.isDirectory() ? 0o755 : 0o644);
  if (stats.isDirectory()) for (const name of readdirSync(path)) setModes(join(path, name));
}

/** What a runtime makes in every container. */
const runtimes = /^(?:\.dockerenv|(?:dev|proc|sys)(?:\/.*)?|etc(?:\/(?:hosts|hostname|resolv\.conf|mtab))?|run|run\/\.containerenv)$/;

/** A line for each path of a root file system: type, mode, owner, and size and digest, or the target of a link. */
export async function treeOf(tar: Readable): Promise<Map<string, string>> {
  const tree = new Map<string, string>();
  const entries = tar.pipe(extract());
  for await (const entry of entries) {
    const { name, type, mode, uid, gid, size, linkname } = entry.header;
    const path = name.replace(/^\.?\//, "").replace(/\/$/, "");
    const data = await buffer(entry);
    if (path === "" || runtimes.test(path)) continue;
    const what = type === "file" ? `${size} ${createHash("sha256").update(data).digest("hex").slice(0, 16)}` : (linkname ?? "");
    const target = type === "link" ? tree.get(String(linkname).replace(/^\.?\//, "")) : undefined;
    // Which of several names is the file and which are links to it is not said by the file system.
    tree.set(path, target ?? `${type} ${((mode ?? 0) & 0o7777).toString(8)} ${uid}:${gid} ${what}`.trim());
  }
  return tree;
}

export function difference(base: ReadonlyMap<string, string>, tree: ReadonlyMap<string, string>): Made["files"] {
  const changed = [...tree].filter(([path, line]) => base.get(path) !== line);
  const gone = [...base.keys()].filter((path) => !tree.has(path)).map((path): [string, null] => [path, null]);
  return Object.fromEntries([...changed, ...gone].toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

const FIELDS = ["Env", "Cmd", "Entrypoint", "Labels", "Volumes", "ExposedPorts", "User", "WorkingDir", "Healthcheck", "OnBuild", "StopSignal", "Shell"]; // oxfmt-ignore

/** The settings of an image; what is empty counts as absent. */
export function settingsOf(config: Readonly<Record<string, unknown>>): Made["config"] {
  return Object.fromEntries(FIELDS.flatMap((name) => (isEmpty(config[name]) ? [] : [[name, sorted(config[name])]])));
}

function isEmpty(value: unknown): boolean {
  return value === undefined || value === null || value === "" || (typeof value === "object" && Object.keys(value).length === 0);
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
