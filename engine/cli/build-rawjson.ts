/** A build as BuildKit's raw JSON: one SolveStatus a line, for programs. @see buildx --progress=rawjson */
import { createHash } from "node:crypto";
import type { BuildEvent, PlannedStep } from "./build-events.ts";
import type { BuildScreen } from "./build-plain.ts";
import type { Output } from "./cli.ts";
import { fullName } from "../syntax/reference.ts";

interface Vertex {
  readonly digest: string;
  readonly inputs?: readonly string[];
  readonly name: string;
  readonly started?: string;
}

/** As BuildKit does: every step is announced, told again when it starts, and again when it ends. */
export class RawJsonScreen implements BuildScreen {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #vertexes = new Map<string, Vertex>();
  #exported = false;

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  show(event: BuildEvent): void {
    const timestamp = new Date(this.#now()).toISOString();
    switch (event.type) {
      case "plan":
        return event.steps.forEach((step) => this.#announce(step));
      case "warning":
        return this.#warn(event);
      case "image":
        return this.#export(event, timestamp);
      case "start": {
        const vertex = { ...(this.#vertexes.get(event.step) ?? this.#announce({ ...event, inputs: [] })), started: timestamp };
        this.#vertexes.set(event.step, vertex);
        return this.#write({ vertexes: [vertex] });
      }
      case "log": {
        const stream = event.stream === "stderr" ? 2 : 1;
        const data = Buffer.from(event.data).toString("base64");
        return this.#write({ logs: [{ vertex: this.#vertexes.get(event.step)?.digest, stream, data, timestamp }] });
      }
      case "end": {
        const end = {
          completed: timestamp,
          ...(event.cached && { cached: true }),
          ...(event.error !== undefined && { error: event.error }),
        };
        return this.#write({ vertexes: [{ ...this.#vertexes.get(event.step), ...end }] });
      }
    }
  }

  close(): void {}

  #announce({ step, name, inputs }: PlannedStep): Vertex {
    const known = this.#vertexes.get(step);
    if (known) return known;
    const needed = inputs.flatMap((input) => this.#vertexes.get(input)?.digest ?? []);
    const vertex = { digest: digestOf(`${step} ${name}`), ...(needed.length > 0 && { inputs: needed }), name };
    this.#vertexes.set(step, vertex);
    this.#write({ vertexes: [vertex] });
    return vertex;
  }

  #warn({ message, range, url }: BuildEvent & { type: "warning" }): void {
    const lines = range && { range: [{ start: { line: range.startLine }, end: { line: range.endLine } }] };
    const vertex = digestOf("[internal] load build definition");
    this.#write({ warnings: [{ vertex, level: 1, short: Buffer.from(message).toString("base64"), ...(url && { url }), ...lines }] });
  }

  #export({ id, tags }: BuildEvent & { type: "image" }, timestamp: string): void {
    if (this.#exported) return;
    this.#exported = true;
    const vertex = { digest: digestOf("exporting to image"), name: "exporting to image" };
    const times = { current: 0, timestamp, started: timestamp, completed: timestamp };
    this.#write({ vertexes: [vertex] });
    this.#write({ vertexes: [{ ...vertex, started: timestamp }] });
    for (const what of ["exporting layers", `writing image ${id}`, ...tags.map((tag) => `naming to ${fullName(tag)}`)])
      this.#write({ statuses: [{ id: what, vertex: vertex.digest, ...times }] });
    this.#write({ vertexes: [{ ...vertex, started: timestamp, completed: timestamp }] });
  }

  #write(status: object): void {
    this.#output.write(`${JSON.stringify(status)}\n`);
  }
}

function digestOf(text: string): string {
  return `sha256:${createHash("sha256").update(text).digest("hex")}`;
}
