/**
 * A build as lines, for logs and pipes: BuildKit's plain form with what each step added beside it.
 */
import type { Output } from "./cli.ts";
import type { BuildEvent } from "./build-events.ts";
import { humanSize } from "../syntax/size.ts";

interface Step {
  readonly number: number;
  readonly name: string;
  readonly started: number;
  /** The end of a line that has not come to its end yet. */
  rest: string;
  ended: boolean;
}

/** Draws a build; `close` is called once, whatever its end. */
export interface BuildScreen {
  show(event: BuildEvent): void;
  close(): void;
}

/** One block a step; a step that goes on after another has spoken is named again. */
export class PlainScreen implements BuildScreen {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #steps = new Map<string, Step>();
  #current: Step | undefined;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  show(event: BuildEvent): void {
    if (event.type === "plan" || event.type === "image") return;
    if (event.type === "warning") return this.#write(`WARNING: ${event.message}`);
    if (event.type === "start") return this.#start(event.step, event.name);
    const step = this.#steps.get(event.step);
    if (!step) return;
    if (event.type === "log") this.#log(step, event.data);
    else this.#end(step, event);
  }

  close(): void {
    for (const step of this.#steps.values()) {
      if (step.ended) continue;
      if (step.rest !== "") this.#log(step, "\n");
      this.#switchTo(step);
      this.#write(`#${step.number} CANCELED`);
    }
  }

  #start(id: string, name: string): void {
    const step: Step = { number: this.#steps.size + 1, name, started: this.#now(), rest: "", ended: false };
    this.#steps.set(id, step);
    this.#switchTo(step);
  }

  #switchTo(step: Step): void {
    if (this.#current === step) return;
    if (this.#current) this.#output.write("\n");
    this.#current = step;
    this.#write(`#${step.number} ${step.name}`);
  }

  #log(step: Step, data: string): void {
    const lines = (step.rest + data).split(/\r?\n/);
    step.rest = lines.pop() ?? "";
    if (lines.length === 0) return;
    this.#switchTo(step);
    const seconds = ((this.#now() - step.started) / 1000).toFixed(3);
    for (const line of lines) this.#write(`#${step.number} ${seconds} ${line}`);
  }

  #end(step: Step, event: BuildEvent & { type: "end" }): void {
    if (step.rest !== "") this.#log(step, "\n");
    step.ended = true;
    this.#switchTo(step);
    if (event.reason && !event.cached) this.#write(`#${step.number} not cached: ${event.reason}`);
    this.#write(`#${step.number} ${outcome(event)}`);
  }

  #write(line: string): void {
    this.#output.write(`${line}\n`);
  }
}

/** `CACHED`, `DONE 0.2s · +41 MB`, `ERROR: …`. */
export function outcome(event: BuildEvent & { type: "end" }): string {
  if (event.error) return `ERROR: ${event.error}`;
  const added = event.addedBytes > 0 ? ` · +${humanSize(event.addedBytes, 3)}` : "";
  return event.cached ? `CACHED${added}` : `DONE ${(event.durationMs / 1000).toFixed(1)}s${added}`;
}
