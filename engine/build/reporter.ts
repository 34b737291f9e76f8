/** Tells the client what a build does, and writes the same down. */
import { StringDecoder } from "node:string_decoder";
import type { JsonMessage } from "../api/types/image.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { BuildCause, BuildProgress, BuildRecord, BuildStep, StepRecord } from "./builder.ts";
import { sentenceOf } from "./causes.ts";
import type { Journal } from "./journal.ts";
import type { Records, RunningBuild } from "./records.ts";
import type { Scene } from "./scene.ts";

/** Of a long log the end is kept. */
const KEPT_LOG = 1 << 20;

type Head = Omit<BuildRecord, "steps" | "status">;

interface Printed {
  readonly pieces: Buffer[];
  size: number;
  readonly decoders: { readonly stdout: StringDecoder; readonly stderr: StringDecoder };
}

export interface StepEnd {
  readonly cached: boolean;
  readonly causes?: readonly BuildCause[] | undefined;
  readonly addedBytes: number;
  readonly imageId?: Digest;
  readonly chainId?: Digest | null;
}

export interface StepFailure {
  readonly message: string;
  readonly exitCode?: number | undefined;
  readonly chainId?: Digest | undefined;
}

type Warning = BuildProgress & { readonly type: "warning" };

export class Reporter implements RunningBuild {
  readonly #records: Records;
  readonly #journal: Journal;
  readonly #head: Head;
  readonly #progress: (event: BuildProgress) => unknown;
  readonly #steps = new Map<string, StepRecord>();
  readonly #scenes = new Map<string, Scene>();
  readonly #printed = new Map<string, Printed>();
  readonly #warnings: Warning[] = [];
  readonly #listeners = new Set<(event: BuildProgress) => void>();

  constructor(records: Records, head: Head, progress: (event: BuildProgress) => unknown) {
    this.#records = records;
    this.#journal = records.journal(head.id);
    this.#head = head;
    this.#progress = progress;
  }

  /** @param dockerfile its text */
  async begin(dockerfile: string): Promise<void> {
    this.#tell({ type: "build", id: this.#head.id });
    await this.#records.begin(this, dockerfile);
  }

  record(): BuildRecord {
    return { ...this.#head, status: "running", warnings: [...this.#warnings], steps: [...this.#steps.values()] };
  }

  log(step: string): Buffer {
    return Buffer.concat(this.#printed.get(step)?.pieces ?? []);
  }

  scene(step: string): Scene | undefined {
    return this.#scenes.get(step);
  }

  /** Calls `listener` for each event from now on; the returned function stops it. */
  subscribe(listener: (event: BuildProgress) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  plan(steps: readonly BuildStep[]): void {
    const known = new Map(this.#steps);
    this.#steps.clear();
    for (const step of steps) this.#steps.set(step.id, { cached: false, addedBytes: 0, ...known.get(step.id), ...step });
    this.#noteRecord();
    this.#tell({ type: "plan", steps });
  }

  /** @param made a step that is made now: it is on disk before it is told */
  start(step: string, made?: { readonly containerId?: string | undefined }): void {
    if (this.#steps.get(step)?.startedMs !== undefined) return;
    const containerId = made?.containerId;
    this.#update(step, { startedMs: Date.now() });
    if (made) this.#journal.flush();
    this.#tell({ type: "start", step, ...(containerId === undefined ? {} : { containerId }) });
  }

  /** What the step's result depends on, and what is the case inside it. */
  describe(step: string, { key, scene }: { key?: string; scene: Scene }): void {
    if (key !== undefined) this.#update(step, { key });
    this.#scenes.set(step, scene);
    this.#journal.note(`scene ${step}`, () => ({ scene: { step, scene: this.#scenes.get(step)! } }));
  }

  /** Resolves when whoever asked for the build can take more. */
  async print(step: string, stream: "stdout" | "stderr", data: Buffer): Promise<void> {
    const printed = this.#printedBy(step);
    printed.pieces.push(data);
    printed.size += data.length;
    while (printed.size - printed.pieces[0]!.length > KEPT_LOG) printed.size -= printed.pieces.shift()!.length;
    this.#journal.print(step, data, printed);
    const text = printed.decoders[stream].write(data);
    if (text !== "") await this.#tell({ type: "log", step, stream, data: text });
  }

  pull(step: string, message: JsonMessage): void {
    this.#tell({ type: "pull", step, message });
  }

  warn(warning: Warning): void {
    this.#warnings.push(warning);
    this.#noteRecord();
    this.#tell(warning);
  }

  async end(step: string, { cached, causes, addedBytes, imageId, chainId }: StepEnd): Promise<void> {
    const endedMs = Date.now();
    const why = causes && causes.length > 0 ? { reason: sentenceOf(causes), causes } : {};
    this.#update(step, { cached, addedBytes, endedMs, ...why, ...(chainId === undefined ? {} : { chainId }) });
    const durationMs = endedMs - this.#steps.get(step)!.startedMs!;
    this.#tell({ type: "end", step, cached, durationMs, addedBytes, ...why, ...(imageId === undefined ? {} : { imageId }) });
    await this.#writeLog(step);
  }

  async fail(step: string, { message, exitCode, chainId }: StepFailure): Promise<void> {
    const { startedMs = Date.now(), endedMs } = this.#steps.get(step) ?? {};
    if (endedMs !== undefined) return;
    const left = { ...(exitCode === undefined ? {} : { exitCode }), ...(chainId === undefined ? {} : { chainId }) };
    this.#update(step, { error: message, endedMs: Date.now(), ...left });
    this.#tell({ type: "end", step, cached: false, durationMs: Date.now() - startedMs, addedBytes: 0, error: message });
    await this.#writeLog(step);
  }

  async finish(result: { status: "succeeded" | "failed" | "canceled"; error?: string; imageId?: Digest }): Promise<void> {
    if (result.imageId) this.#tell({ type: "image", id: result.imageId, tags: this.#head.tags });
    const record = { ...this.record(), ...result, endedMs: Date.now() };
    try {
      await this.#records.finish(record, Object.fromEntries(this.#scenes));
    } finally {
      await this.#journal.end();
    }
    const { status, error } = result;
    const finish: BuildProgress = { type: "finish", status, ...(error === undefined ? {} : { error }) };
    for (const listener of this.#listeners) listener(finish);
  }

  #tell(event: BuildProgress): unknown {
    const taken = this.#progress(event);
    for (const listener of this.#listeners) listener(event);
    return taken;
  }

  #update(step: string, changes: Partial<StepRecord>): void {
    const record = this.#steps.get(step);
    if (!record) return;
    this.#steps.set(step, { ...record, ...changes });
    this.#journal.note(`step ${step}`, () => ({ step: this.#steps.get(step)! }));
  }

  #noteRecord(): void {
    this.#journal.note("record", () => ({ record: this.record() }));
  }

  #printedBy(step: string): Printed {
    let printed = this.#printed.get(step);
    if (!printed) {
      printed = { pieces: [], size: 0, decoders: { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") } };
      this.#printed.set(step, printed);
    }
    return printed;
  }

  async #writeLog(step: string): Promise<void> {
    const printed = this.#printed.get(step);
    if (printed && !this.#journal.endLog(step)) await this.#records.writeLog(this.#head.id, step, Buffer.concat(printed.pieces));
  }
}
