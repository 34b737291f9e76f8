/**
 * What a build does, step by step, whatever the engine's dialect: ours tells it in `berth.progress` messages, every other
 * engine by the lines of the classic builder, which are read here.
 */
import type { JsonMessage } from "../api/types/image.ts";
import type { BuildProgress, BuildStep, SourceRange } from "../api/types/builds.ts";
import { StreamError } from "./progress.ts";

export type BuildEvent =
  /** What will be done, before any of it begins; perhaps once more when a base turns out to have triggers. */
  | { readonly type: "plan"; readonly steps: readonly PlannedStep[] }
  | { readonly type: "start"; readonly step: string; readonly name: string }
  | { readonly type: "log"; readonly step: string; readonly data: string; readonly stream?: "stdout" | "stderr" }
  | {
      readonly type: "end";
      readonly step: string;
      readonly cached: boolean;
      readonly reason?: string;
      readonly durationMs: number;
      readonly addedBytes: number;
      readonly error?: string;
    }
  | { readonly type: "warning"; readonly message: string; readonly range?: SourceRange; readonly url?: string }
  /** Perhaps once more, with an index over it. */
  | { readonly type: "image"; readonly id: string; readonly tags: readonly string[] };

export interface PlannedStep {
  readonly step: string;
  readonly name: string;
  /** Steps of the plan whose results it needs. */
  readonly inputs: readonly string[];
}

/** Reads messages of a build; keeps what they say of the image. */
export class BuildReader {
  readonly #classic: ClassicReader;
  readonly #names = new Map<string, string>();
  /** The engine's record of it; "" of an engine that keeps none. */
  buildId = "";
  imageId = "";
  /** Of what its names stand for: the image, or an index over it. */
  digest = "";
  #exact = false;

  constructor(now: () => number) {
    this.#classic = new ClassicReader(now);
  }

  /** What a message tells. @throws {StreamError} when it tells that the build failed */
  read(message: JsonMessage): BuildEvent[] {
    if (message.error || message.errorDetail) return this.#failed(message);
    const { aux } = message;
    if (typeof aux?.["ID"] === "string") this.imageId = aux["ID"];
    const progress = aux?.["berth.progress"];
    if (progress) return this.#progress(progress as BuildProgress);
    if (message.stream === undefined && !message.status) return [];
    // An engine that tells its steps exactly tells them a second time for docker's own clients.
    return this.#exact ? [] : this.#classic.read(message.stream ?? `${message.id ? `${message.id}: ` : ""}${message.status}\n`);
  }

  /** Ends what is still open, with an error when the build failed. */
  end(error?: string): BuildEvent[] {
    return this.#exact ? [] : this.#classic.end(error);
  }

  #plan(steps: readonly BuildStep[]): BuildEvent {
    const all = new Map(steps.map((step) => [step.id, step]));
    const shown = steps.filter(isShown);
    for (const { id, name } of shown) this.#names.set(id, name);
    return { type: "plan", steps: shown.map((step) => ({ step: step.id, name: step.name, inputs: shownInputs(step, all) })) };
  }

  #failed(message: JsonMessage): never {
    const detail = message.errorDetail;
    throw new StreamError(detail?.message ?? message.error ?? "", detail?.code);
  }

  #progress(progress: BuildProgress): BuildEvent[] {
    this.#exact = true;
    if (progress.type === "build") this.buildId = progress.id;
    if (progress.type === "plan") return [this.#plan(progress.steps)];
    if (progress.type === "image") [this.imageId, this.digest] = [progress.id, progress.index ?? progress.id];
    if (progress.type === "warning" || progress.type === "image") return [progress];
    if (!("step" in progress)) return [];
    const name = this.#names.get(progress.step);
    if (name === undefined) return [];
    if (progress.type === "start") return [{ type: "start", step: progress.step, name }];
    if (progress.type === "log") return [progress];
    if (progress.type === "end") return [withoutFirst(progress)];
    if (!progress.message.progressDetail?.total)
      return [
        {
          type: "log",
          step: progress.step,
          data: `${progress.message.id ? `${progress.message.id}: ` : ""}${progress.message.status ?? ""}\n`,
        },
      ];
    return [];
  }
}

/** The nearest shown steps behind those that are not. */
function shownInputs(step: BuildStep, all: ReadonlyMap<string, BuildStep>): string[] {
  const inputs = step.inputs.flatMap((id) => {
    const input = all.get(id);
    if (!input) return [];
    return isShown(input) ? [id] : shownInputs(input, all);
  });
  return [...new Set(inputs)];
}

/** Steps that do something; what only sets a value is done in no time, and BuildKit has no line for a FROM of a stage. */
function isShown({ kind, name }: { kind: string; name: string }): boolean {
  return kind !== "config" && kind !== "arg" && name !== "";
}

/** Of a first build nobody asks why it runs. */
function withoutFirst(end: BuildProgress & { type: "end" }): BuildEvent {
  const { reason, causes, ...rest } = end;
  return reason === undefined || causes?.[0]?.kind === "first" ? rest : { ...rest, reason };
}

/** Lines of the classic builder that say how it works rather than what the step says. */
const NOISE = /^( ---> (Running in|Removed intermediate container) |Removing intermediate container |Successfully (built|tagged) )/;

class ClassicReader {
  readonly #now: () => number;
  #rest = "";
  #step: { id: string; started: number; cached: boolean } | undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  read(text: string): BuildEvent[] {
    // The classic builder paints what steps write to stderr red.
    const lines = (this.#rest + text.replace(/\x1b\[(91|0)m/g, "")).split("\n");
    this.#rest = lines.pop() ?? "";
    return lines.flatMap((line) => this.#line(line));
  }

  end(error?: string): BuildEvent[] {
    const left = this.#rest === "" ? [] : this.#line(this.#rest);
    this.#rest = "";
    return [...left, ...this.#endStep(error)];
  }

  #line(line: string): BuildEvent[] {
    const step = /^Step (\d+)\/(\d+) : (.*)$/.exec(line);
    if (step) {
      const ended = this.#endStep();
      this.#step = { id: step[1]!, started: this.#now(), cached: false };
      return [...ended, { type: "start", step: step[1]!, name: `[${step[1]}/${step[2]}] ${step[3]}` }];
    }
    if (line === " ---> Using cache" && this.#step) this.#step.cached = true;
    if (/^ ---> (Using cache|[\da-f]{12})$/.test(line) || NOISE.test(line)) return [];
    return this.#step && line.trim() !== "" ? [{ type: "log", step: this.#step.id, data: `${line}\n` }] : [];
  }

  #endStep(error?: string): BuildEvent[] {
    const step = this.#step;
    this.#step = undefined;
    if (!step) return [];
    return [
      {
        type: "end",
        step: step.id,
        cached: step.cached,
        durationMs: this.#now() - step.started,
        addedBytes: 0,
        ...(error ? { error } : {}),
      },
    ];
  }
}
