/** What a build has told so far, again, and then what it tells. */
import type { BuildProgress, BuildRecord } from "./builder.ts";
import type { Records } from "./records.ts";

/** Events of a live build that a slow reader may be behind. */
const MOST_WAITING = 20_000;

/** From the beginning to `finish`, live as long as the build runs. @throws {EngineError} not-found */
export async function* followBuild(records: Records, id: string, signal: AbortSignal): AsyncGenerator<BuildProgress> {
  const record = await records.get(id);
  const running = records.running(record.id);
  if (!running) {
    yield* told(record, (step) => records.log(record.id, step));
    if (record.status === "running") return;
    return yield { type: "finish", status: record.status, ...(record.error === undefined ? {} : { error: record.error }) };
  }
  const queue = new EventQueue(signal);
  const stop = running.subscribe((event) => queue.add(event));
  // What is told again is taken in the same moment in which listening began: nothing is missing or twice.
  const now = running.record();
  const logs = new Map(now.steps.map(({ id: step }) => [step, running.log(step)]));
  try {
    yield* told(now, async (step) => Promise.resolve(logs.get(step)!));
    yield* queue;
  } finally {
    stop();
  }
}

async function* told(record: BuildRecord, logOf: (step: string) => Promise<Buffer>): AsyncGenerator<BuildProgress> {
  yield { type: "build", id: record.id };
  if (record.steps.length > 0) yield { type: "plan", steps: record.steps };
  yield* record.warnings ?? [];
  const begun = record.steps.filter(({ startedMs }) => startedMs !== undefined).toSorted((a, b) => a.startedMs! - b.startedMs!);
  for (const step of begun) {
    const { id, startedMs, endedMs, cached, addedBytes, reason, causes, error } = step;
    yield { type: "start", step: id };
    const log = (await logOf(id)).toString();
    if (log !== "") yield { type: "log", step: id, stream: "stdout", data: log };
    if (endedMs === undefined) continue;
    const why = { ...(reason === undefined ? {} : { reason }), ...(causes && { causes }), ...(error === undefined ? {} : { error }) };
    yield { type: "end", step: id, cached, durationMs: endedMs - startedMs!, addedBytes, ...why };
  }
  if (record.imageId) yield { type: "image", id: record.imageId, tags: record.tags };
}

/** Events in order, up to and with `finish`. */
class EventQueue {
  readonly #waiting: BuildProgress[] = [];
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  add(event: BuildProgress): void {
    if (event.type === "log" && this.#waiting.length > MOST_WAITING) return;
    this.#waiting.push(event);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BuildProgress> {
    while (!this.#signal.aborted) {
      const event = this.#waiting.shift();
      if (!event) await new Promise<void>((resolve) => (this.#wake = resolve));
      else yield event;
      if (event?.type === "finish") return;
    }
  }
}
