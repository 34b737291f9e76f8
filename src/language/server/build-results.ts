/**
 * What the last build of each open Dockerfile did, live while it builds, and what the next one will run.
 * Results belong to instructions: one whose text, or the text of one before it in its stage, has changed has none.
 */
import { dirname, isAbsolute, join } from "node:path";
import type { BuildProgress, BuildRecord, PredictedStep, StepRecord } from "../../../engine/api/types/builds.ts";
import type { Dockerfile, Instruction } from "../../../engine/syntax/dockerfile/tree.ts";
import { documentOf } from "./dockerfile/document.ts";
import type { EngineLink } from "./engine-link.ts";
import type { Marks, OpenDocument } from "./feature.ts";

/** What is known of one instruction. */
export interface StepResult {
  /** Where it is found under `/berth/builds`. */
  readonly build: string;
  readonly step: StepRecord;
  /** It runs right now. */
  readonly running: boolean;
}

/** By the build's step id: `0.from`, `0.3`. */
export type Results = ReadonlyMap<string, StepResult>;

/** Older builds than so many of a file are not asked. */
const LOOKED_AT = 10;

/** A prediction waits so long after the last keystroke. */
const PREDICT_MS = 400;

/** While a build prints, hints are drawn at most so often. */
const REDRAW_MS = 250;

export class BuildResults {
  readonly #engine: EngineLink;
  readonly #changed: () => void;
  readonly #live = new Map<string, BuildRecord>();
  readonly #predictions = new Map<string, { version: number; steps: readonly PredictedStep[] }>();
  readonly #timers = new Map<string, NodeJS.Timeout>();
  /** The newest question about each file: what one before it is answered, however late, counts no more. */
  readonly #asked = new Map<string, symbol>();
  #records: readonly BuildRecord[] = [];
  #redraw: NodeJS.Timeout | undefined;

  /** @param changed called when hints and marks have to be drawn again */
  constructor(engine: EngineLink, changed: () => void) {
    this.#engine = engine;
    this.#changed = changed;
  }

  /** Follows the engine that runs now; to be called whenever it is another one. */
  follow(): void {
    this.#records = [];
    this.#live.clear();
    this.#forgetPredictions();
    const { client, signal } = this.#engine;
    if (client) void this.#watch(signal);
    this.#drawSoon();
  }

  /** What the last builds of this file know of its present text; of each step the newest build that reached it. */
  of(document: OpenDocument): Results {
    const results = new Map<string, StepResult>();
    const records = this.#recordsOf(document).slice(0, LOOKED_AT);
    if (records.length === 0) return results;
    const { tree } = documentOf(document);
    for (const record of records) {
      for (const step of unchanged(tree, new Map(record.steps.map((one) => [one.id, one])))) {
        const running = record.status === "running" && step.startedMs !== undefined && step.endedMs === undefined;
        const reached = step.cached || step.startedMs !== undefined;
        if (reached && !results.has(step.id)) results.set(step.id, { build: record.id, step, running });
      }
    }
    return results;
  }

  /** Steps that the next build runs again. */
  predicted(document: OpenDocument): Marks["rerun"] {
    const known = this.#predictions.get(document.uri);
    if (!known || known.version !== document.version) return [];
    return known.steps.flatMap(({ outcome, range, kind, reason }) =>
      outcome === "runs" && range && kind !== "arg" && kind !== "config"
        ? [{ startLine: range.startLine - 1, endLine: range.endLine - 1, reason: reason ?? "it has not been built yet" }]
        : [],
    );
  }

  /** Asks, a moment later, what a build of the text as it is now would run. */
  predictSoon(document: OpenDocument): void {
    clearTimeout(this.#timers.get(document.uri));
    if (!this.#engine.client || document.uri.startsWith("untitled:")) return;
    this.#timers.set(
      document.uri,
      setTimeout(() => void this.#predict(document), PREDICT_MS),
    );
  }

  forget(uri: string): void {
    clearTimeout(this.#timers.get(uri));
    this.#predictions.delete(uri);
    this.#asked.delete(uri);
  }

  #forgetPredictions(): void {
    this.#predictions.clear();
    this.#asked.clear();
  }

  async #predict(document: OpenDocument): Promise<void> {
    const { client, signal } = this.#engine;
    const question = Symbol();
    this.#asked.set(document.uri, question);
    // A text that cannot be built has no prediction, and neither has an engine that is not Berth's.
    const prediction = await client?.buildRecords
      .predict({ contextDir: dirname(document.path), dockerfile: document.path, text: document.text, signal })
      .catch(() => undefined);
    if (this.#asked.get(document.uri) !== question) return;
    if (prediction) this.#predictions.set(document.uri, { version: document.version, steps: prediction.steps });
    else this.#predictions.delete(document.uri);
    this.#drawSoon();
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { client } = this.#engine;
    try {
      // What begins while the list is on its way is seen, too.
      const watched = client!.buildRecords.watch({ signal });
      const first = watched.next();
      first.catch(() => undefined);
      this.#records = (await client!.buildRecords.list({ signal })) ?? [];
      for (const record of this.#records) if (record.status === "running") void this.#followBuild(record, signal);
      this.#drawSoon();
      for (let next = await first; !next.done; next = await watched.next()) {
        if (next.value.status === "running") void this.#followBuild(next.value, signal);
        else this.#ended(next.value);
      }
    } catch {
      // Engines that are not Berth's know no records.
    }
  }

  #ended(record: BuildRecord): void {
    this.#live.delete(record.id);
    this.#records = [record, ...this.#records.filter(({ id }) => id !== record.id)];
    this.#forgetPredictions();
    this.#drawSoon();
  }

  async #followBuild(record: BuildRecord, signal: AbortSignal): Promise<void> {
    if (this.#live.has(record.id)) return;
    this.#live.set(record.id, record);
    try {
      for await (const event of this.#engine.client!.buildRecords.progress(record.id, { signal })) {
        const known = this.#live.get(record.id);
        if (!known) return;
        this.#live.set(record.id, advance(known, event));
        if (event.type !== "log") this.#drawSoon();
      }
    } catch {
      this.#live.delete(record.id);
    }
  }

  /** Builds of this file, newest first. */
  #recordsOf(document: OpenDocument): BuildRecord[] {
    const all = [...this.#live.values(), ...this.#records.filter(({ id }) => !this.#live.has(id))];
    return all.filter((record) => isOf(record, document.path)).toSorted((a, b) => b.startedMs - a.startedMs);
  }

  #drawSoon(): void {
    if (this.#redraw) return;
    this.#redraw = setTimeout(() => {
      this.#redraw = undefined;
      this.#changed();
    }, REDRAW_MS);
  }
}

function isOf({ contextName, dockerfile }: BuildRecord, path: string): boolean {
  return (isAbsolute(dockerfile) ? dockerfile : join(contextName, dockerfile)) === path;
}

/** The record after one more event of its build. */
export function advance(record: BuildRecord, event: BuildProgress): BuildRecord {
  if (event.type === "plan") {
    return { ...record, steps: event.steps.map((step) => ({ ...step, cached: false, addedBytes: 0 })) };
  }
  if (event.type !== "start" && event.type !== "end") return record;
  const now = Date.now();
  const steps = record.steps.map((step): StepRecord => {
    if (step.id !== event.step) return step;
    if (event.type === "start") return { ...step, startedMs: now };
    const { cached, addedBytes, durationMs, reason, causes, error } = event;
    const ended = { cached, addedBytes, startedMs: now - durationMs, endedMs: now };
    return { ...step, ...ended, ...(reason && { reason }), ...(causes && { causes }), ...(error && { error }) };
  });
  return { ...record, steps };
}

/** The steps whose instructions, and those before them in their stages, are still what they were. */
function unchanged(tree: Dockerfile, steps: ReadonlyMap<string, StepRecord>): StepRecord[] {
  return tree.stages.flatMap(({ index, from, instructions }) => {
    const kept: StepRecord[] = [];
    const chain: [string, Instruction][] = [
      [`${index}.from`, from],
      ...instructions.map((one, at): [string, Instruction] => [`${index}.${at}`, one]),
    ];
    for (const [id, instruction] of chain) {
      const step = steps.get(id);
      if (step?.instruction !== instruction.original.trim()) break;
      kept.push(step);
    }
    return kept;
  });
}
