/** What the client is shown: vertexes, their logs and transfers, kept so that whoever asks later sees them. */
import { createHash } from "node:crypto";
import type { JsonMessage } from "../../api/types/image.ts";
import type { BuildProgress, BuildStep } from "../builder.ts";
import type { Timestamp } from "./messages.ts";
import type { StatusFeed } from "./status-feed.ts";

export function timestamp(ms: number = Date.now()): Timestamp {
  return { seconds: Math.floor(ms / 1000), nanos: Math.floor((ms % 1000) * 1e6) };
}

/** Transfers are shown this often. */
const TRANSFER_MS = 100;

/** One line of the output; it is numbered when it is announced. */
export class Vertex {
  readonly digest: string;
  readonly #feed: StatusFeed;
  readonly #head: { digest: string; name: string; inputs: readonly string[] };
  #started: Timestamp | undefined;
  #completed = false;

  /** @param id unique among all builds */
  constructor(feed: StatusFeed, id: string, { name, inputs = [] }: { name: string; inputs?: readonly string[] }) {
    this.digest = `sha256:${createHash("sha256").update(id).digest("hex")}`;
    this.#feed = feed;
    this.#head = { digest: this.digest, name, inputs };
    feed.push({ vertexes: [this.#head] });
  }

  get isOpen(): boolean {
    return this.#started !== undefined && !this.#completed;
  }

  start(): void {
    if (this.#started) return;
    this.#started = timestamp();
    this.#feed.push({ vertexes: [{ ...this.#head, started: this.#started }] });
  }

  end(result: { cached?: boolean; error?: string } = {}): void {
    this.start();
    if (this.#completed) return;
    this.#completed = true;
    const started = this.#started!;
    this.#feed.push({ vertexes: [{ ...this.#head, started, completed: result.cached ? started : timestamp(), ...result }] });
  }

  /** Runs something as this line. */
  async during<T>(work: () => Promise<T>): Promise<T> {
    this.start();
    try {
      const result = await work();
      this.end();
      return result;
    } catch (error) {
      this.end({ error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  }

  /** Resolves when the client can take more. */
  log(stream: "stdout" | "stderr", data: string): Promise<void> | undefined {
    const msg = Buffer.from(data);
    return this.#feed.print(
      { logs: [{ vertex: this.digest, timestamp: timestamp(), stream: stream === "stdout" ? 1 : 2, msg }] },
      msg.length,
    );
  }

  status(id: string, values: { name?: string; current?: number; total?: number; started?: Timestamp; completed?: Timestamp }): void {
    this.#feed.push({ statuses: [{ ID: id, vertex: this.digest, timestamp: timestamp(), ...values }] });
  }

  /** Something that is done at once. */
  did(id: string): void {
    this.status(id, { started: timestamp(), completed: timestamp() });
  }

  /** Shows bytes as they come; `done` shows the last number. */
  transfer(id: string): { progress: (bytes: number) => void; done: (bytes: number) => void } {
    const started = timestamp();
    let shownMs = 0;
    this.status(id, { name: "transferring", started });
    return {
      progress: (bytes) => {
        if (Date.now() - shownMs < TRANSFER_MS) return;
        shownMs = Date.now();
        this.status(id, { name: "transferring", current: bytes, started });
      },
      done: (bytes) => this.status(id, { name: "transferring", current: bytes, started, completed: timestamp() }),
    };
  }

  warn(warning: Omit<BuildProgress & { type: "warning" }, "type">, source: { filename: string; data: Buffer }): void {
    const { message, check, url, range } = warning;
    const line = range ? ` (line ${range.startLine})` : "";
    this.#feed.push({
      warnings: [
        {
          vertex: this.digest,
          level: 1,
          short: Buffer.from(check ? `${check}: ${message}${line}` : message),
          ...(url && { url }),
          ...(range && {
            info: { ...source, language: "Dockerfile" },
            ranges: [{ start: { line: range.startLine }, end: { line: range.endLine } }],
          }),
        },
      ],
    });
  }
}

/** The builder's progress as vertexes. */
export class BuildStatus {
  readonly #feed: StatusFeed;
  readonly #id: string;
  readonly #steps = new Map<string, BuildStep>();
  readonly #vertexes = new Map<string, Vertex>();
  readonly #warn: (warning: BuildProgress & { type: "warning" }) => void;

  /** @param id unique among all builds */
  constructor(feed: StatusFeed, id: string, warn: (warning: BuildProgress & { type: "warning" }) => void) {
    this.#feed = feed;
    this.#id = id;
    this.#warn = warn;
  }

  /** Resolves when the client can take more. */
  readonly progress = (event: BuildProgress): Promise<void> | undefined => {
    if (event.type === "log") return this.vertex(event.step)?.log(event.stream, event.data);
    this.#tell(event);
    return undefined;
  };

  #tell(event: BuildProgress): void {
    if (event.type === "plan") this.#announce(event.steps);
    else if (event.type === "start") this.vertex(event.step)?.start();
    else if (event.type === "pull") this.#pull(event.step, event.message);
    else if (event.type === "end") this.#end(event);
    else if (event.type === "warning") this.#warn(event);
  }

  vertex(step: string): Vertex | undefined {
    return this.#vertexes.get(step);
  }

  step(id: string): BuildStep | undefined {
    return this.#steps.get(id);
  }

  /** A build that ends early leaves steps open, which a client would wait for. */
  close(error: string): void {
    for (const vertex of this.#vertexes.values()) if (vertex.isOpen) vertex.end({ error });
  }

  #announce(steps: readonly BuildStep[]): void {
    for (const step of steps) this.#steps.set(step.id, step);
    for (const step of steps) {
      if (step.name === "" || this.#vertexes.has(step.id)) continue;
      const inputs = [...new Set(step.inputs.flatMap((input) => this.#shown(input)))];
      this.#vertexes.set(step.id, new Vertex(this.#feed, `${this.#id} ${step.id}`, { name: step.name, inputs }));
    }
  }

  /** Steps without a line stand for those before them. */
  #shown(step: string): string[] {
    const vertex = this.#vertexes.get(step);
    return vertex ? [vertex.digest] : (this.#steps.get(step)?.inputs ?? []).flatMap((input) => this.#shown(input));
  }

  #end({ step, cached, error }: BuildProgress & { type: "end" }): void {
    // A base image that is here did not run, but neither does BuildKit call it cached when it only had to be found.
    this.vertex(step)?.end(error === undefined ? { cached } : { error: buildkitMessage(error) });
  }

  #pull(step: string, { id, status, progressDetail }: JsonMessage): void {
    if (!id || !status) return;
    const { current = 0, total = 0 } = progressDetail ?? {};
    const isDone = /complete|exists/i.test(status);
    this.vertex(step)?.status(id, { name: status, current, total, started: timestamp(), ...(isDone && { completed: timestamp() }) });
  }
}

/** The classic builder's sentence for a command that failed, as BuildKit says it. */
export function buildkitMessage(text: string): string {
  const failed = /^The command '(.*)' returned a non-zero code: (\d+)$/s.exec(text);
  return failed ? `process ${JSON.stringify(failed[1])} did not complete successfully: exit code: ${failed[2]}` : text;
}
