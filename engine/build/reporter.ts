/** Tells the client what a build does, and writes the same down. */
import { StringDecoder } from "node:string_decoder";
import type { JsonMessage } from "../api/types/image.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { BuildProgress, BuildRecord, BuildStep, StepRecord } from "./builder.ts";
import type { Records } from "./records.ts";

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
  readonly reason?: string;
  readonly addedBytes: number;
  readonly imageId?: Digest;
  readonly chainId?: Digest | null;
}

export class Reporter {
  readonly #records: Records;
  readonly #head: Head;
  readonly #progress: (event: BuildProgress) => void;
  readonly #steps = new Map<string, StepRecord>();
  readonly #printed = new Map<string, Printed>();

  constructor(records: Records, head: Head, progress: (event: BuildProgress) => void) {
    this.#records = records;
    this.#head = head;
    this.#progress = progress;
  }

  async begin(): Promise<void> {
    await this.#records.write({ ...this.#head, status: "running", steps: [] });
  }

  plan(steps: readonly BuildStep[]): void {
    const known = new Map(this.#steps);
    this.#steps.clear();
    for (const step of steps) this.#steps.set(step.id, { cached: false, addedBytes: 0, ...known.get(step.id), ...step });
    this.#progress({ type: "plan", steps });
  }

  start(step: string, containerId?: string): void {
    if (this.#steps.get(step)?.startedMs !== undefined) return;
    this.#update(step, { startedMs: Date.now() });
    this.#progress({ type: "start", step, ...(containerId === undefined ? {} : { containerId }) });
  }

  key(step: string, key: string): void {
    this.#update(step, { key });
  }

  log(step: string, stream: "stdout" | "stderr", data: Buffer): void {
    const printed = this.#printedBy(step);
    printed.pieces.push(data);
    printed.size += data.length;
    while (printed.size - printed.pieces[0]!.length > KEPT_LOG) printed.size -= printed.pieces.shift()!.length;
    const text = printed.decoders[stream].write(data);
    if (text !== "") this.#progress({ type: "log", step, stream, data: text });
  }

  pull(step: string, message: JsonMessage): void {
    this.#progress({ type: "pull", step, message });
  }

  warn(warning: Omit<BuildProgress & { type: "warning" }, "type">): void {
    this.#progress({ type: "warning", ...warning });
  }

  async end(step: string, result: StepEnd): Promise<void> {
    const { cached, reason, addedBytes, imageId, chainId } = result;
    const endedMs = Date.now();
    this.#update(step, {
      cached,
      addedBytes,
      endedMs,
      ...(reason === undefined ? {} : { reason }),
      ...(chainId === undefined ? {} : { chainId }),
    });
    const durationMs = endedMs - this.#steps.get(step)!.startedMs!;
    const optional = { ...(reason === undefined ? {} : { reason }), ...(imageId === undefined ? {} : { imageId }) };
    this.#progress({ type: "end", step, cached, durationMs, addedBytes, ...optional });
    await this.#writeLog(step);
  }

  async fail(step: string, error: string, snapshot?: string): Promise<void> {
    const { startedMs = Date.now(), endedMs } = this.#steps.get(step) ?? {};
    if (endedMs !== undefined) return;
    this.#update(step, { error, endedMs: Date.now(), ...(snapshot === undefined ? {} : { snapshot }) });
    this.#progress({ type: "end", step, cached: false, durationMs: Date.now() - startedMs, addedBytes: 0, error });
    await this.#writeLog(step);
  }

  async finish(result: { status: BuildRecord["status"]; error?: string; imageId?: Digest }): Promise<void> {
    if (result.imageId) this.#progress({ type: "image", id: result.imageId, tags: this.#head.tags });
    await this.#records.write({ ...this.#head, ...result, endedMs: Date.now(), steps: [...this.#steps.values()] });
    await this.#records.tidy();
  }

  #update(step: string, changes: Partial<StepRecord>): void {
    const record = this.#steps.get(step);
    if (record) this.#steps.set(step, { ...record, ...changes });
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
    if (printed) await this.#records.writeLog(this.#head.id, step, Buffer.concat(printed.pieces));
  }
}
