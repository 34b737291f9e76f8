/** Messages that wait for their turn: a few in memory, more in a file that goes with this process. */
import { closeSync, createReadStream, openSync, unlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import { randomBytes } from "node:crypto";
import { createInterface } from "node:readline";
import type { JsonMessage } from "./types/image.ts";

const IN_MEMORY = 256 << 10;

export class Spill {
  readonly #directory: string;
  #memory: JsonMessage[] = [];
  #bytes = 0;
  #file: number | undefined;
  #clipped = false;

  /** @param directory for what does not fit into memory */
  constructor(directory: string) {
    this.#directory = directory;
  }

  get isInMemory(): boolean {
    return this.#file === undefined;
  }

  push(message: JsonMessage): void {
    if (this.#clipped) return;
    this.#memory.push(message);
    this.#bytes += message.stream?.length ?? 200;
    if (this.#bytes > IN_MEMORY) this.#write();
  }

  /** Takes what is there, when it is all in memory. */
  take(): JsonMessage[] {
    return this.#memory.splice(0);
  }

  /** Everything in order, once. */
  async *read(): AsyncGenerator<JsonMessage> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) {
      const lines = createInterface({ input: createReadStream("", { fd: file, start: 0 }) });
      for await (const line of lines) yield JSON.parse(line) as JsonMessage;
    }
    yield* this.take();
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #write(): void {
    const text = this.#memory.map((message) => `${JSON.stringify(message)}\n`).join("");
    try {
      this.#file ??= this.#open();
      writeSync(this.#file, text);
      this.#memory = [];
    } catch {
      // A disk that is full must not end a build that does not need it.
      this.#clipped = true;
      this.#memory = [{ stream: "\n[output clipped: the disk is full]\n" }];
    }
    this.#bytes = 0;
  }

  /** Without a name: whatever happens to this process, nothing is left. */
  #open(): number {
    const path = join(this.#directory, `output-${randomBytes(8).toString("hex")}`);
    const file = openSync(path, "wx+", 0o600);
    unlinkSync(path);
    return file;
  }
}
