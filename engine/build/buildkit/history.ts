/** `docker buildx history`: the engine's records of builds as BuildKit tells them, whoever asked for the builds. */
import { createHash } from "node:crypto";
import type { BuildRecord, StepRecord } from "../builder.ts";
import type { Inspector } from "../inspector.ts";
import { CANCELED, GrpcError, NOT_FOUND, UNIMPLEMENTED, UNKNOWN } from "./grpc.ts";
import { historyFilter } from "./history-filter.ts";
import type { BuildHistoryEvent, BuildHistoryRequest, StatusResponse, UpdateBuildHistoryRequest } from "./messages.ts";
import { buildkitMessage, timestamp } from "./status.ts";

const STARTED = 0;
const COMPLETE = 1;

type Event = Pick<BuildHistoryEvent, "type"> & { readonly record: Partial<NonNullable<BuildHistoryEvent["record"]>> };

export class History {
  readonly #inspector: Inspector;

  constructor(inspector: Inspector) {
    this.#inspector = inspector;
  }

  /** What there is, newest first, and unless the client wants no more, what begins and ends from now on. @throws {GrpcError} */
  async *listen(request: BuildHistoryRequest, signal: AbortSignal): AsyncGenerator<Partial<BuildHistoryEvent>> {
    const isMeant = historyFilter(request.Filter);
    const chosen = (record: BuildRecord): boolean =>
      (request.Ref === "" || refOf(record) === request.Ref) && (!request.ActiveOnly || record.status === "running") && isMeant(record);
    const changes = new Changes(signal);
    const stop = request.EarlyExit ? undefined : this.#inspector.watch((record) => changes.add(record));
    try {
      const found = (await this.#inspector.list()).filter(chosen);
      for (const record of request.Limit > 0 ? found.slice(0, request.Limit) : found) yield toEvent(record);
      if (stop) for await (const record of changes) if (chosen(record)) yield toEvent(record);
    } finally {
      stop?.();
    }
  }

  /** Removes a record. @throws {GrpcError} not-found, or when it is asked to be kept for ever */
  async update({ Ref, Pinned, Delete }: UpdateBuildHistoryRequest): Promise<void> {
    const record = await this.#find(Ref);
    if (Pinned) throw new GrpcError(UNIMPLEMENTED, "records of builds cannot be pinned");
    if (Delete) await this.#inspector.remove(record.id);
  }

  /** The steps of a build that has ended, with what they printed. @throws {GrpcError} not-found */
  async *status(ref: string): AsyncGenerator<Partial<StatusResponse>> {
    const record = await this.#find(ref);
    const shown = record.steps.filter(({ name }) => name !== "");
    const known = new Map(record.steps.map((step) => [step.id, step]));
    for (const step of shown) yield { vertexes: [vertexOf(record.id, step, known)] };
    for (const step of shown) {
      const msg = await this.#inspector.log(record.id, step.id);
      const head = { vertex: digestOf(record.id, step.id), timestamp: timestamp(step.endedMs ?? record.startedMs), stream: 1 };
      if (msg.length > 0) yield { logs: [{ ...head, msg }] };
    }
  }

  async #find(ref: string): Promise<BuildRecord> {
    const record = (await this.#inspector.list()).find((each) => refOf(each) === ref);
    if (!record) throw new GrpcError(NOT_FOUND, `no such build: ${ref}`);
    return record;
  }
}

function refOf({ ref, id }: BuildRecord): string {
  return ref ?? id;
}

function toEvent(record: BuildRecord): Event {
  const { startedMs, endedMs, steps, imageId, tags, warnings = [] } = record;
  const shown = steps.filter(({ name }) => name !== "");
  const ended = shown.filter((step) => step.endedMs !== undefined);
  const digests = imageId && { "containerimage.digest": imageId, "containerimage.config.digest": imageId };
  return {
    type: record.status === "running" ? STARTED : COMPLETE,
    record: {
      Ref: refOf(record),
      Frontend: "dockerfile.v0",
      FrontendAttrs: record.frontendAttrs ?? attributesOf(record),
      CreatedAt: timestamp(startedMs),
      ...(endedMs !== undefined && { CompletedAt: timestamp(endedMs) }),
      ...(record.status === "canceled" && { error: { code: CANCELED, message: "context canceled", details: [] } }),
      ...(record.status === "failed" && { error: { code: UNKNOWN, message: buildkitMessage(record.error ?? ""), details: [] } }),
      ExporterResponse: { ...digests, ...(tags.length > 0 && { "image.name": tags.join(",") }) },
      numTotalSteps: shown.length,
      numCompletedSteps: ended.length,
      numCachedSteps: ended.filter(({ cached }) => cached).length,
      numWarnings: warnings.length,
    },
  };
}

/** Of a build that was asked for otherwise. */
function attributesOf({ dockerfile, contextName, name, target, platform }: BuildRecord): Record<string, string> {
  return {
    filename: dockerfile,
    "vcs:localdir:context": contextName,
    ...(name && { "build-arg:BUILDKIT_BUILD_NAME": name }),
    ...(target && { target }),
    ...(platform && { platform }),
  };
}

function digestOf(build: string, step: string): string {
  return `sha256:${createHash("sha256").update(`${build} ${step}`).digest("hex")}`;
}

function vertexOf(build: string, step: StepRecord, known: ReadonlyMap<string, StepRecord>) {
  const { id, name, cached, startedMs, endedMs, error } = step;
  return {
    digest: digestOf(build, id),
    name,
    cached,
    inputs: step.inputs.filter((input) => known.get(input)?.name).map((input) => digestOf(build, input)),
    ...(startedMs !== undefined && { started: timestamp(startedMs) }),
    ...(endedMs !== undefined && { completed: timestamp(cached ? startedMs : endedMs) }),
    ...(error !== undefined && { error: buildkitMessage(error) }),
  };
}

/** Records in the order in which they came, until the signal is aborted. */
class Changes {
  readonly #waiting: BuildRecord[] = [];
  readonly #signal: AbortSignal;
  #wake: (() => void) | undefined;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  add(record: BuildRecord): void {
    this.#waiting.push(record);
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<BuildRecord> {
    while (!this.#signal.aborted) {
      const record = this.#waiting.shift();
      if (record) yield record;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
