/**
 * A build's progress as the classic builder prints it: `Step 1/7 : FROM busybox`. Steps may run in any order; they are shown
 * in the order of the Dockerfile, each whole, the first unfinished one live.
 */
import type { BuildProgress, BuildStep } from "../build/builder.ts";
import { Spill } from "./spill.ts";
import type { JsonMessage } from "./types/image.ts";

interface StepOutput {
  readonly step: BuildStep;
  readonly number: number;
  /** What it has printed before its turn. */
  readonly waiting: Spill;
  containerId: string | undefined;
  started: boolean;
  ended: boolean;
}

export class ClassicOutput {
  readonly #send: (message: JsonMessage) => unknown;
  readonly #directory: string;
  readonly #steps = new Map<string, StepOutput>();
  #order: StepOutput[] = [];
  #shown = 0;
  /** Said when the image is there, as the classic builder does. */
  readonly #warnings: string[] = [];

  /** Set while more is told than fits into memory: what comes meanwhile is told after it. */
  #telling: Promise<void> | undefined;

  /** @param directory for what does not fit into memory */
  constructor(send: (message: JsonMessage) => unknown, directory: string) {
    this.#send = send;
    this.#directory = directory;
  }

  /** Resolves when everything is told. */
  async end(): Promise<void> {
    await this.#telling;
    for (const { waiting } of this.#order) waiting.close();
  }

  /** Resolves when the client can take more. */
  readonly progress = (event: BuildProgress): unknown => {
    switch (event.type) {
      case "plan":
        return this.#plan(event.steps);
      case "start":
        return this.#start(event.step, event.containerId);
      case "log":
        return this.#print(event.step, { stream: event.stream === "stderr" ? `\u001b[91m${event.data}\u001b[0m` : event.data });
      case "pull":
        return this.#print(event.step, event.message);
      case "end":
        return this.#end(event);
      case "warning":
        // The classic builder has no build checks.
        return void (event.check === undefined && this.#warnings.push(event.message));
      case "image":
        return this.#image(event.id, event.tags);
      case "build":
      case "finish":
        return undefined;
    }
  };

  #plan(steps: readonly BuildStep[]): void {
    this.#order = steps
      .filter(({ kind }) => kind !== "export")
      .map((step, index) => ({
        step,
        waiting: new Spill(this.#directory),
        containerId: undefined,
        started: false,
        ended: false,
        // A second plan has more steps; what those that it knows have done so far still holds.
        ...this.#steps.get(step.id),
        number: index + 1,
      }));
    for (const output of this.#order) this.#steps.set(output.step.id, output);
  }

  #start(id: string, containerId: string | undefined): void {
    const output = this.#steps.get(id);
    if (!output || output.started) return;
    output.started = true;
    output.containerId = containerId;
    const headline = `Step ${output.number}/${this.#order.length} : ${output.step.instruction}`;
    this.#print(id, { stream: headline });
    this.#print(id, { stream: "\n" });
    if (containerId !== undefined) this.#print(id, { stream: ` ---> Running in ${containerId.slice(0, 12)}\n` });
  }

  #end(event: BuildProgress & { type: "end" }): void {
    const output = this.#steps.get(event.step);
    if (!output) return;
    this.#start(event.step, undefined);
    if (event.error === undefined) {
      const { containerId } = output;
      if (event.cached && output.step.kind !== "from") this.#print(event.step, { stream: " ---> Using cache\n" });
      else if (containerId !== undefined)
        this.#print(event.step, { stream: ` ---> Removed intermediate container ${containerId.slice(0, 12)}\n` });
      if (event.imageId !== undefined) this.#print(event.step, { stream: ` ---> ${shortId(event.imageId)}\n` });
      if (event.imageId !== undefined && this.#endsStage(output)) this.#print(event.step, { aux: { ID: event.imageId } });
    }
    output.ended = true;
    this.#show();
  }

  /** Whether the next step belongs to another stage; the last image has its own message. */
  #endsStage(output: StepOutput): boolean {
    const next = this.#order[output.number];
    return next !== undefined && next.step.stage !== output.step.stage;
  }

  #print(id: string, message: JsonMessage): unknown {
    const output = this.#steps.get(id);
    if (!output) return undefined;
    if (output === this.#order[this.#shown]) return this.#tell(message);
    output.waiting.push(message);
    return undefined;
  }

  #tell(message: JsonMessage): unknown {
    return this.#telling ? this.#after(async () => void (await this.#send(message))) : this.#send(message);
  }

  #after(work: () => Promise<void>): Promise<void> {
    const telling = (this.#telling ?? Promise.resolve()).then(work).finally(() => {
      if (this.#telling === telling) this.#telling = undefined;
    });
    this.#telling = telling;
    return telling;
  }

  /** Moves on to the next step that has not ended, and tells what it has printed already. */
  #show(): void {
    while (this.#order[this.#shown]?.ended) {
      this.#shown += 1;
      const waiting = this.#order[this.#shown]?.waiting;
      if (waiting?.isInMemory) for (const message of waiting.take()) void this.#tell(message);
      else if (waiting)
        void this.#after(async () => {
          for await (const message of waiting.read()) await this.#send(message);
        });
    }
  }

  #image(id: string, tags: readonly string[]): void {
    void this.#tell({ aux: { ID: id } });
    for (const warning of this.#warnings) void this.#tell({ stream: `[Warning] ${warning}\n` });
    void this.#tell({ stream: `Successfully built ${shortId(id)}\n` });
    for (const tag of tags) void this.#tell({ stream: `Successfully tagged ${tag}\n` });
  }
}

function shortId(digest: string): string {
  return digest.replace(/^sha256:/, "").slice(0, 12);
}
