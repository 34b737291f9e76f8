/**
 * Why a step ran although an earlier build had its result: what it depends on is compared, piece by piece, with what the
 * same step depended on in the last build of the same Dockerfile.
 *
 *     STATE/history/<name>.json     inputs of each step of the last build
 *     STATE/manifests/<files>.json  the files that a step read, by the digest of the list
 */
import { utimesSync } from "node:fs";
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BuildCause } from "../api/types/builds.ts";
import { makeDirectory, readJson, writeJson } from "../host/files.ts";
import { keyOf } from "./cache.ts";
import type { Manifest, Rooms, StepInputs } from "./rooms.ts";
import { manifestPath } from "./selection.ts";

/** Inputs of a build's steps, by stage, in order. */
type Steps = Record<string, StepInputs[]>;

type Lines = ReadonlyMap<string, string>;

const KEPT_MANIFESTS = 500;

export class Reasons {
  readonly #rooms: Pick<Rooms, "later" | "manifests">;
  readonly #file: string;
  readonly #manifests: string;
  readonly #before: Steps | undefined;
  readonly #now: Steps = {};

  private constructor(
    rooms: Pick<Rooms, "later" | "manifests">,
    { file, manifests, before }: { file: string; manifests: string; before: Steps | undefined },
  ) {
    this.#rooms = rooms;
    this.#file = file;
    this.#manifests = manifests;
    this.#before = before;
  }

  /** @param name what makes two builds builds of the same thing */
  static async open(rooms: Pick<Rooms, "stateDirectory" | "later" | "manifests">, name: unknown): Promise<Reasons> {
    const { stateDirectory } = rooms;
    const [history, manifests] = [join(stateDirectory, "history"), join(stateDirectory, "manifests")];
    await makeDirectory(history);
    await makeDirectory(manifests);
    const file = join(history, `${keyOf(name).slice(0, 32)}.json`);
    return new Reasons(rooms, { file, manifests, before: await readJson<Steps>(file).catch(() => undefined) });
  }

  /** Notes what a step depends on; to be called for each step of a stage in order. */
  note(stage: string, inputs: StepInputs): void {
    (this.#now[stage] ??= []).push(inputs);
  }

  /** Whether the last build had the same step at the same place, on top of the same layers. */
  had(stage: string, inputs: StepInputs): boolean {
    const position = (this.#now[stage] ?? []).length - 1;
    const before = this.#before?.[stage]?.[position];
    return before !== undefined && before.instruction === inputs.instruction && before.parent === inputs.parent;
  }

  /** Keeps the names behind a digest of files, so that the next build can say which one changed. */
  async keep(files: string, manifest: Manifest): Promise<void> {
    const path = this.#manifest(files);
    if (isKept(path)) return;
    const lines = await manifest();
    this.#rooms.manifests.set(files, lines, lines.size);
    this.#rooms.later.do(path, () => writeJson(path, Object.fromEntries(lines), { unsynced: true }));
  }

  /**
   * Why the step that was noted last has to run.
   * @param base the image that the stage begins with
   * @param manifest the files it reads, if they were looked at
   */
  async explain(
    stage: string,
    inputs: StepInputs,
    { base, manifest }: { base: string; manifest: Manifest | undefined },
  ): Promise<BuildCause[]> {
    const before = this.#before?.[stage];
    if (!before) return [this.#before ? { kind: "instruction", change: "new" } : { kind: "first" }];
    const now = this.#now[stage] ?? [];
    const position = now.length - 1;
    const same = before.filter((step) => step.instruction === inputs.instruction);
    const earlier = now.slice(0, position).filter((step) => step.instruction === inputs.instruction).length;
    const match = same[earlier] ?? before[position];
    if (!match) return [{ kind: "instruction", change: "new" }];
    const own = await this.#ownChanges(match, inputs, manifest);
    if (own.length > 0) return own;
    if (match.parent === inputs.parent) return [{ kind: "evicted" }];
    const parent = now.slice(0, position).findLast((step) => step.parent !== inputs.parent);
    return [parent ? { kind: "parent", step: parent.step, name: titleOf(parent.instruction) } : { kind: "base", name: base }];
  }

  async #ownChanges(before: StepInputs, now: StepInputs, manifest: Manifest | undefined): Promise<BuildCause[]> {
    const files = before.files === now.files ? [] : await this.#changedFiles(before, now, manifest);
    const names = new Set([...Object.keys(before.values), ...Object.keys(now.values)]);
    const values = [...names].flatMap((name) => changeOf(name, before.values[name], now.values[name]));
    const changes = [...files, ...values];
    return changes.length === 0 && before.instruction !== now.instruction ? [{ kind: "instruction", change: "value" }] : changes;
  }

  async #changedFiles(before: StepInputs, now: StepInputs, manifest: Manifest | undefined): Promise<BuildCause[]> {
    const old = await this.#kept(before.files);
    const current = manifest ? await manifest() : await this.#kept(now.files);
    const changes =
      old && current ? fileChanges([old, before.roots], [current, now.roots]) : [{ kind: "file", name: "?", change: "content" } as const];
    // Files that came or went because another pattern chooses among them did not change themselves.
    const byPattern = before.ignore !== now.ignore && changes.some(({ change }) => change === "new" || change === "gone");
    return byPattern ? [{ kind: "file", name: ".dockerignore", change: "content" }, ...changes] : changes;
  }

  async #kept(files: string | undefined): Promise<Lines | undefined> {
    if (files === undefined) return undefined;
    const known = this.#rooms.manifests.get(files);
    if (known) return known;
    const written = await readJson<Record<string, string>>(this.#manifest(files)).catch(() => undefined);
    return written && new Map(Object.entries(written));
  }

  #manifest(files: string): string {
    return join(this.#manifests, `${files}.json`);
  }

  async save(): Promise<void> {
    const merged = { ...this.#before, ...this.#now };
    // A build that failed early knows nothing of the steps after; what was known of them still holds.
    for (const [stage, steps] of Object.entries(this.#now))
      merged[stage] = [...steps, ...(this.#before?.[stage]?.slice(steps.length) ?? [])];
    if (JSON.stringify(merged) !== JSON.stringify(this.#before)) await writeJson(this.#file, merged, { unsynced: true });
  }

  /** Forgets the oldest lists of files. */
  async tidy(): Promise<void> {
    const names = await readdir(this.#manifests);
    if (names.length <= KEPT_MANIFESTS) return;
    const dated = await Promise.all(names.map(async (name) => ({ name, mtimeMs: (await stat(join(this.#manifests, name))).mtimeMs })));
    const oldest = dated.toSorted((a, b) => a.mtimeMs - b.mtimeMs).slice(0, names.length - KEPT_MANIFESTS);
    await Promise.all(oldest.map(({ name }) => rm(join(this.#manifests, name), { force: true })));
  }
}

/** Whether the list is on disk; it then counts as new. */
function isKept(path: string): boolean {
  const now = new Date();
  try {
    utimesSync(path, now, now);
    return true;
  } catch {
    return false;
  }
}

/** The first line of an instruction, not too long. */
function titleOf(instruction: string): string {
  const [line = ""] = instruction.split("\n", 1);
  return line.length > 60 ? `${line.slice(0, 59)}…` : line;
}

function changeOf(key: string, before: string | undefined, now: string | undefined): BuildCause[] {
  if (before === now) return [];
  const space = key.indexOf(" ");
  const [kind, name] = [key.slice(0, space) as BuildCause["kind"], key.slice(space + 1)];
  if (before === undefined) return [{ kind, name, change: "new" }];
  return [{ kind, name, change: now === undefined ? "gone" : "value" }];
}

type Files = readonly [lines: Lines, roots: readonly string[] | undefined];

function fileChanges([before, rootsBefore]: Files, [now, roots]: Files): BuildCause[] {
  const changes: BuildCause[] = [];
  for (const [path, description] of now) {
    const old = before.get(path);
    if (old === undefined) changes.push({ kind: "file", name: manifestPath(path, roots), change: "new" });
    else if (old !== description) changes.push({ kind: "file", name: manifestPath(path, roots), change: whatChanged(old, description) });
  }
  for (const path of before.keys())
    if (!now.has(path)) changes.push({ kind: "file", name: manifestPath(path, rootsBefore ?? roots), change: "gone" });
  return changes;
}

/** `type mode owner content`. */
function whatChanged(before: string, now: string): "type" | "content" | "owner" | "mode" {
  const [oldParts, newParts] = [before.split(" "), now.split(" ")];
  if (oldParts[0] !== newParts[0]) return "type";
  if (oldParts.slice(3).join(" ") !== newParts.slice(3).join(" ")) return "content";
  return oldParts[1] === newParts[1] ? "owner" : "mode";
}
