/**
 * Why a step ran although an earlier build had its result: what it depends on is compared, piece by piece, with what the
 * same step depended on in the last build of the same Dockerfile.
 *
 *     STATE/history/<name>.json     inputs of each step of the last build
 *     STATE/manifests/<files>.json  the files that a step read, by the digest of the list
 */
import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readJson, writeJson } from "../host/files.ts";
import { keyOf } from "./cache.ts";
import type { StepInputs } from "./rooms.ts";
import { manifestPath } from "./selection.ts";

/** Inputs of a build's steps, by stage, in order. */
type Steps = Record<string, StepInputs[]>;

type Manifest = Record<string, string>;

const NAMED_FILES = 3;
const KEPT_MANIFESTS = 500;

export class Reasons {
  readonly #file: string;
  readonly #manifests: string;
  readonly #before: Steps | undefined;
  readonly #now: Steps = {};

  private constructor(file: string, manifests: string, before: Steps | undefined) {
    this.#file = file;
    this.#manifests = manifests;
    this.#before = before;
  }

  /** @param name what makes two builds builds of the same thing */
  static async open(stateDirectory: string, name: unknown): Promise<Reasons> {
    const [history, manifests] = [join(stateDirectory, "history"), join(stateDirectory, "manifests")];
    await makeDirectory(history);
    await makeDirectory(manifests);
    const file = join(history, `${keyOf(name).slice(0, 32)}.json`);
    return new Reasons(file, manifests, await readJson<Steps>(file).catch(() => undefined));
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
  async keep(inputs: StepInputs, manifest: ReadonlyMap<string, string>): Promise<void> {
    await writeJson(join(this.#manifests, `${inputs.files}.json`), Object.fromEntries(manifest));
  }

  /** undefined when no earlier build is known. */
  async explain(stage: string, inputs: StepInputs, manifest: ReadonlyMap<string, string> | undefined): Promise<string | undefined> {
    const before = this.#before?.[stage];
    if (!before) return undefined;
    const position = (this.#now[stage] ?? []).length - 1;
    const same = before.filter((step) => step.instruction === inputs.instruction);
    const earlier = (this.#now[stage] ?? []).slice(0, position).filter((step) => step.instruction === inputs.instruction).length;
    const match = same[earlier] ?? before[position];
    if (!match) return "the instruction is new";
    const own = await this.#ownChanges(match, inputs, manifest);
    if (own.length > 0) return own.join(", ");
    if (match.parent !== inputs.parent) return position === 0 ? "the base image changed" : "the step before it changed";
    return "its result is no longer in the cache";
  }

  async #ownChanges(before: StepInputs, now: StepInputs, manifest: ReadonlyMap<string, string> | undefined): Promise<string[]> {
    const files = before.files === now.files ? [] : await this.#changedFiles(before.files, manifest);
    const names = new Set([...Object.keys(before.values), ...Object.keys(now.values)]);
    const values = [...names].flatMap((name) => changeOf(name, before.values[name], now.values[name]));
    const changes = [...files, ...values];
    return changes.length === 0 && before.instruction !== now.instruction ? ["the instruction changed"] : changes;
  }

  async #changedFiles(before: string | undefined, manifest: ReadonlyMap<string, string> | undefined): Promise<string[]> {
    const old = before === undefined ? undefined : await readJson<Manifest>(join(this.#manifests, `${before}.json`)).catch(() => undefined);
    if (!old || !manifest) return ["the files that it reads changed"];
    const changes = fileChanges(old, manifest);
    const more = changes.length - NAMED_FILES;
    return more > 0 ? [...changes.slice(0, NAMED_FILES), `${more} more`] : changes;
  }

  async save(): Promise<void> {
    const merged = { ...this.#before, ...this.#now };
    // A build that failed early knows nothing of the steps after; what was known of them still holds.
    for (const [stage, steps] of Object.entries(this.#now))
      merged[stage] = [...steps, ...(this.#before?.[stage]?.slice(steps.length) ?? [])];
    await writeJson(this.#file, merged);
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

function changeOf(name: string, before: string | undefined, now: string | undefined): string[] {
  if (before === now) return [];
  if (before === undefined) return [`${name} is new`];
  return [now === undefined ? `${name} is gone` : `${name} changed`];
}

function fileChanges(before: Manifest, now: ReadonlyMap<string, string>): string[] {
  const changes: string[] = [];
  for (const [path, description] of now) {
    const old = before[path];
    if (old === undefined) changes.push(`file ${quoted(path)} is new`);
    else if (old !== description) changes.push(`${whatChanged(old, description)} ${quoted(path)} changed`);
  }
  for (const path of Object.keys(before)) if (!now.has(path)) changes.push(`file ${quoted(path)} is gone`);
  return changes;
}

/** `type mode owner content`. */
function whatChanged(before: string, now: string): string {
  const [oldParts, newParts] = [before.split(" "), now.split(" ")];
  if (oldParts[0] !== newParts[0]) return "the type of";
  if (oldParts.slice(3).join(" ") !== newParts.slice(3).join(" ")) return "file";
  return oldParts[1] === newParts[1] ? "the owner of" : "the mode of";
}

function quoted(key: string): string {
  return JSON.stringify(manifestPath(key));
}
