/** A build as BuildKit's raw JSON: one SolveStatus a line, for programs. @see buildx --progress=rawjson */
import { createHash } from "node:crypto";
import type { BuildEvent } from "./build-events.ts";
import type { BuildScreen } from "./build-plain.ts";
import type { Output } from "./cli.ts";

export class RawJsonScreen implements BuildScreen {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #vertexes = new Map<string, { digest: string; name: string; started: string }>();

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
  }

  show(event: BuildEvent): void {
    if (event.type === "warning") return this.#write({ warnings: [{ level: 1, short: Buffer.from(event.message).toString("base64") }] });
    const time = new Date(this.#now()).toISOString();
    if (event.type === "start") {
      const digest = `sha256:${createHash("sha256").update(`${event.step} ${event.name}`).digest("hex")}`;
      const vertex = { digest, name: event.name, started: time };
      this.#vertexes.set(event.step, vertex);
      return this.#write({ vertexes: [vertex] });
    }
    const vertex = this.#vertexes.get(event.step);
    if (!vertex) return;
    if (event.type === "log") {
      const data = Buffer.from(event.data).toString("base64");
      return this.#write({ logs: [{ vertex: vertex.digest, stream: 1, data, timestamp: time }] });
    }
    const end = { completed: time, ...(event.cached && { cached: true }), ...(event.error !== undefined && { error: event.error }) };
    this.#write({ vertexes: [{ ...vertex, ...end }] });
  }

  close(): void {}

  #write(status: object): void {
    this.#output.write(`${JSON.stringify(status)}\n`);
  }
}
