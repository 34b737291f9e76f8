/**
 * What a running build tells, on disk as it happens, so that the engine after a killed one knows it. Who is told that a
 * step is made finds all that was before written; else lost is at most what was told in the same turn of the event loop.
 * Nothing waits for the disk, and a full disk ends the journal, not the build.
 *
 *     STATE/records/<id>/journal       lines of Entry; of those about the same the last one counts
 *     STATE/records/<id>/<step>.log    what the step has printed
 */
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { BuildRecord, StepRecord } from "./builder.ts";
import type { Scene } from "./scene.ts";

interface Entry {
  readonly record?: BuildRecord;
  readonly step?: StepRecord;
  readonly scene?: { readonly step: string; readonly scene: Scene };
}

/** A log's file may grow to so many times what is kept of it before its beginning goes. */
const SLACK = 2;

export class Journal {
  readonly #directory: string;
  readonly #pending = new Map<string, () => Entry>();
  readonly #logs = new Map<string, { readonly fd: number; size: number; whole: boolean }>();
  #fd: number | undefined;
  #ended = false;

  /** @param directory of the build's record; made by the time of the first note's turn */
  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param about what it replaces; `entry` is asked for at the end of this turn of the event loop */
  note(about: string, entry: () => Entry): void {
    if (this.#ended) return;
    if (this.#pending.size === 0) setImmediate(() => this.flush());
    this.#pending.set(about, entry);
  }

  /** @param kept what is kept of the step's log, `data` included */
  print(step: string, data: Buffer, kept: { readonly size: number; readonly pieces: readonly Buffer[] }): void {
    if (this.#ended) return;
    this.#attempt(() => {
      let log = this.#logs.get(step);
      if (!log) {
        log = { fd: openSync(join(this.#directory, `${step}.log`), "a", 0o600), size: 0, whole: true };
        this.#logs.set(step, log);
      }
      const isTooLong = log.size + data.length > SLACK * kept.size && log.size > kept.size;
      if (isTooLong) ftruncateSync(log.fd, 0);
      const pieces = isTooLong ? kept.pieces : [data];
      log.size = isTooLong ? 0 : log.size;
      for (const piece of pieces) log.size += writeAll(log.fd, piece);
      log.whole = log.size === kept.size;
    });
  }

  /** The step prints no more. Whether its file is exactly what is kept of its log. */
  endLog(step: string): boolean {
    const log = this.#logs.get(step);
    if (!log) return false;
    this.#logs.delete(step);
    closeSync(log.fd);
    return log.whole;
  }

  /** The record itself is written: nothing more is noted. */
  async end(): Promise<void> {
    this.#stop();
    await rm(join(this.#directory, "journal"), { force: true });
  }

  /** Writes what was noted in this turn so far. */
  flush(): void {
    if (this.#ended || this.#pending.size === 0) return;
    const lines = [...this.#pending.values()].map((entry) => `${JSON.stringify(entry())}\n`);
    this.#pending.clear();
    this.#attempt(() => {
      this.#fd ??= openSync(join(this.#directory, "journal"), "a", 0o600);
      writeAll(this.#fd, Buffer.from(lines.join("")));
    });
  }

  #attempt(write: () => void): void {
    try {
      write();
    } catch {
      this.#stop();
    }
  }

  #stop(): void {
    this.#ended = true;
    for (const { fd } of this.#logs.values()) closeSync(fd);
    this.#logs.clear();
    if (this.#fd !== undefined) closeSync(this.#fd);
    this.#fd = undefined;
  }
}

function writeAll(fd: number, data: Buffer): number {
  for (let at = 0; at < data.length;) at += writeSync(fd, data, at);
  return data.length;
}

/**
 * What a killed engine's build had come to: the step that ran has an error, and the build ended when it last told something.
 * @param begun as the build was written down when it began
 */
export async function recovered(directory: string, begun: BuildRecord): Promise<{ record: BuildRecord; scenes: Record<string, Scene> }> {
  let record = begun;
  const steps = new Map<string, StepRecord>();
  const scenes: Record<string, Scene> = {};
  for (const entry of await entriesOf(directory)) {
    if (entry.record) record = entry.record;
    for (const step of entry.record?.steps ?? (entry.step ? [entry.step] : [])) steps.set(step.id, step);
    if (entry.scene) scenes[entry.scene.step] = entry.scene.scene;
  }
  const endedMs = await lastTold(directory);
  const ended = record.steps.map(({ id }) => interrupted(steps.get(id)!, endedMs));
  return { record: { ...record, steps: ended, status: "failed", error: STOPPED, endedMs }, scenes };
}

const STOPPED = "The engine was stopped";

function interrupted(step: StepRecord, endedMs: number): StepRecord {
  if (step.startedMs === undefined || step.endedMs !== undefined) return step;
  return { ...step, endedMs: Math.max(endedMs, step.startedMs), error: "Interrupted: the engine was stopped while this step ran" };
}

/** The last line may be cut. */
async function entriesOf(directory: string): Promise<Entry[]> {
  const text = await readFile(join(directory, "journal"), "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Entry];
    } catch {
      return [];
    }
  });
}

async function lastTold(directory: string): Promise<number> {
  const names = await readdir(directory);
  const times = await Promise.all(names.map(async (name) => Math.round((await stat(join(directory, name))).mtimeMs)));
  return Math.max(...times);
}
