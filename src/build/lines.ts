/**
 * A build's progress as lines of a terminal, one a step:
 *
 *     [2/5] COPY . .                    CACHED
 *     [3/5] RUN make
 *           cc -o main main.c
 *           1.2 s
 *
 * Our own engine tells its steps exactly (`StepLines`); of any other the words of Docker's classic builder or Podman's are read.
 */
import type { BuildProgress } from "../../engine/api/types/builds.ts";
import type { JsonMessage } from "../../engine/api/types/image.ts";
import { t } from "../language/server/words.ts";
import { bold, cyan, dim, green, INDENT, indentOutput, red, terminal } from "./paint.ts";
import { StepLines } from "./step-lines.ts";

/** The step that is being worked on. */
export interface Step {
  readonly number: number;
  readonly total: number;
  readonly instruction: string;
}

export class BuildLines {
  readonly #now: () => number;
  #step: (Step & { readonly startedMs: number; cached: boolean }) | undefined;
  #header = false;
  #atStart = true;
  #buffered = "";
  #cached = 0;
  #imageId: string | undefined;
  #error: string | undefined;
  #exact: StepLines | undefined;
  #buildId: string | undefined;

  /** @param now milliseconds; only differences count */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  get step(): Step | undefined {
    return this.#exact?.step ?? this.#step;
  }

  /** Where our own engine keeps the record. */
  get buildId(): string | undefined {
    return this.#buildId;
  }

  /** The image, once it is whole. */
  get imageId(): string | undefined {
    return this.#imageId;
  }

  /** The engine's sentence, when the build has failed. */
  get error(): string | undefined {
    return this.#error;
  }

  get cachedSteps(): number {
    return this.#exact?.cachedSteps ?? this.#cached;
  }

  /** @returns what to write, with `\r\n` */
  push(message: JsonMessage): string {
    if (message.error !== undefined) {
      this.#error = message.errorDetail?.message ?? message.error;
      return (this.#exact?.close() ?? this.#endStep(red(t("FAILED")))) + red(terminal(`${this.#error}\n`));
    }
    const id = message.aux?.["ID"];
    if (typeof id === "string") this.#imageId = id;
    const progress = message.aux?.["berth.progress"];
    if (progress !== undefined) return this.tell(progress as BuildProgress);
    // An engine that tells its steps exactly tells them a second time for docker's own clients.
    if (this.#exact) return "";
    if (message.status !== undefined) return this.#pull(message);
    return message.stream === undefined ? "" : this.#stream(message.stream);
  }

  /** An event of our own engine. @returns what to write, with `\r\n` */
  tell(event: BuildProgress): string {
    this.#exact ??= new StepLines();
    if (event.type === "build") this.#buildId = event.id;
    if (event.type === "image") this.#imageId = event.id;
    if (event.type !== "finish" || event.status === "succeeded") return this.#exact.tell(event);
    return this.push({ error: event.error ?? t("The build was canceled") });
  }

  /** The end of the last step. */
  finish(): string {
    if (this.#exact) return this.#exact.close();
    return this.#error === undefined ? this.#endStep() : "";
  }

  /** The classic stream mixes its own words with the output of commands; its own always begin a line. */
  #stream(text: string): string {
    let written = "";
    this.#buffered += text;
    let end = this.#buffered.indexOf("\n") + 1;
    for (; end > 0; end = this.#buffered.indexOf("\n") + 1) {
      written += this.#line(this.#buffered.slice(0, end));
      this.#buffered = this.#buffered.slice(end);
    }
    // A command that prints dots waits for no line's end, so neither does its reader; ours are always whole lines.
    if (this.#buffered !== "" && !/^( |S|R|$)/.test(this.#buffered)) {
      written += this.#output(this.#buffered);
      this.#buffered = "";
    }
    return written;
  }

  #line(line: string): string {
    const step = /^(?:Step|(?:\[\d+\/\d+\] )?STEP) (\d+)\/(\d+) ?: (.*)\n$/.exec(line);
    if (step) return this.#startStep({ number: Number(step[1]), total: Number(step[2]), instruction: step[3]! });
    if (/^ ?-{2,3}> Using cache/.test(line) && this.#step) {
      this.#step.cached = true;
      this.#cached += 1;
      return "";
    }
    const built = /^Successfully built (\S+)/.exec(line);
    if (built) {
      this.#imageId ??= built[1];
      return "";
    }
    if (/^( ---> |Removing intermediate container |Successfully tagged |\n$)/.test(line)) return "";
    return this.#output(line);
  }

  #startStep(step: Step): string {
    const before = this.#endStep();
    this.#step = { ...step, startedMs: this.#now(), cached: false };
    this.#header = true;
    return `${before}${cyan(`[${step.number}/${step.total}]`)} ${bold(step.instruction)}`;
  }

  /** On the step's own line when it said nothing, else on one below what it said. */
  #endStep(mark?: string): string {
    const step = this.#step;
    if (!step) return "";
    this.#step = undefined;
    const seconds = `${((this.#now() - step.startedMs) / 1000).toFixed(1)} s`;
    const end = mark ?? (step.cached ? green(t("CACHED")) : dim(seconds));
    if (this.#header) {
      this.#header = false;
      return `  ${end}\r\n`;
    }
    return `${this.#atStart ? "" : "\r\n"}${INDENT}${end}\r\n`;
  }

  #output(text: string): string {
    const start = this.#header ? "\r\n" : "";
    if (this.#header) this.#atStart = true;
    this.#header = false;
    const indented = indentOutput(text, this.#atStart);
    this.#atStart = text.endsWith("\n");
    return start + indented;
  }

  /** Layers of a base image report thousands of times; their beginning and end are enough here. */
  #pull(message: JsonMessage): string {
    if (message.progressDetail?.total !== undefined) return "";
    return this.#output(`${message.id ? `${message.id}: ` : ""}${message.status}\n`);
  }
}
