/**
 * Progress of pulls, pushes, loads and imports: moving bars on a terminal, plain lines elsewhere.
 */
import type { JsonMessage } from "../api/types/image.ts";
import type { Cli, Output } from "./cli.ts";
import { humanSize } from "../syntax/size.ts";

/** A failure that the engine tells in the middle of a stream. */
export class StreamError extends Error {
  /** Exit status of the command that failed, where one did. */
  readonly code: number | undefined;

  constructor(message: string, code?: number) {
    super(message);
    this.code = code;
  }
}

/** Prints messages until they end. @throws {StreamError} */
export async function showProgress(
  cli: Cli,
  messages: AsyncIterable<JsonMessage>,
  options: { output?: Output; onAux?: (aux: Record<string, unknown>) => void } = {},
): Promise<void> {
  const screen = new ProgressScreen(options.output ?? cli.stdout);
  for await (const message of messages) {
    if (message.aux) options.onAux?.(message.aux);
    else screen.show(message);
  }
}

/** Throws what a message tells as a failure. */
export function throwFailure(message: JsonMessage): void {
  if (!message.error && !message.errorDetail) return;
  const { code, message: text } = message.errorDetail ?? { code: undefined, message: message.error ?? "" };
  if (code === 401) throw new StreamError("authentication is required");
  throw new StreamError(text || message.error || "", code);
}

/** Lines by id that are written over as they progress. */
export class ProgressScreen {
  readonly #output: Output;
  readonly #lines = new Map<string, number>();

  constructor(output: Output) {
    this.#output = output;
  }

  show(message: JsonMessage): void {
    throwFailure(message);
    const bar = message.progressDetail ? progressBar(message.progressDetail, this.#output.columns ?? 200) : undefined;
    if (!this.#output.isTTY) return this.#plain(message, bar);
    if (!message.id || !message.progressDetail) {
      // A line that does not move ends the block of lines that do.
      this.#lines.clear();
      this.#output.write(plainText(message));
      return;
    }
    this.#moving(message, bar ?? "");
  }

  #plain(message: JsonMessage, bar: string | undefined): void {
    if (!bar) this.#output.write(plainText(message));
  }

  #moving(message: JsonMessage, bar: string): void {
    const id = message.id ?? "";
    const known = this.#lines.get(id);
    if (known === undefined) {
      this.#lines.set(id, this.#lines.size);
      this.#output.write("\n");
    }
    const up = this.#lines.size - (known ?? this.#lines.size - 1);
    const text = `${id}: ${message.status ?? ""}${bar ? ` ${bar}` : ""}`.slice(0, this.#output.columns ?? Infinity);
    this.#output.write(`\x1b[${up}A\x1b[2K\r${text}\r\x1b[${up}B`);
  }
}

function plainText(message: JsonMessage): string {
  const id = message.id ? `${message.id}: ` : "";
  if (message.stream) return id + message.stream;
  return `${id}${message.status ?? ""}\n`;
}

const BAR = 50;

/** `[=====>    ]  1.2MB/3.4MB`; empty when nothing is known. */
export function progressBar({ current = 0, total = 0 }: { current?: number; total?: number }, columns: number): string {
  if (current <= 0 && total <= 0) return "";
  const done = humanSize(current).padStart(8);
  if (total <= 0) return done;
  const filled = Math.min(BAR, Math.trunc(Math.trunc((current / total) * 100) / 2));
  const box = columns > 110 ? `[${"=".repeat(filled)}>${" ".repeat(BAR - filled)}] ` : "";
  return current > total ? box + done : `${box}${done}/${humanSize(total)}`;
}
