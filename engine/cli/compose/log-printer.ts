/**
 * Output of many containers as one: whole lines, each with the name of its container in its color.
 */
import { StringDecoder } from "node:string_decoder";
import type { Output } from "../cli.ts";

export interface PrinterOptions {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly color: boolean;
  readonly prefix: boolean;
  readonly timestamps?: boolean;
}

const COLORS = [36, 33, 32, 35, 34, 96, 93, 92, 95, 94];

/** Prints lines of containers by name. Names registered early are lined up. */
export class LogPrinter {
  readonly #options: PrinterOptions;
  readonly #colors = new Map<string, number>();
  readonly #rests = new Map<string, { text: string; decoder: StringDecoder }>();
  #width = 0;

  constructor(options: PrinterOptions) {
    this.#options = options;
  }

  register(name: string): void {
    if (!this.#colors.has(name)) this.#colors.set(name, COLORS[this.#colors.size % COLORS.length]!);
    this.#width = Math.max(this.#width, name.length);
  }

  /** Prints the whole lines in what a container wrote; the end of a line that has not come yet waits for its rest. */
  write(name: string, stream: "stdout" | "stderr", data: Buffer): void {
    const key = `${stream} ${name}`;
    const rest = this.#rests.get(key) ?? { text: "", decoder: new StringDecoder("utf8") };
    const lines = (rest.text + rest.decoder.write(data)).split("\n");
    rest.text = lines.pop() ?? "";
    this.#rests.set(key, rest);
    for (const line of lines) this.#line(name, stream, line);
  }

  /** A container's stream ended: its last line may lack a newline. */
  flush(name: string): void {
    for (const stream of ["stdout", "stderr"] as const) {
      const rest = this.#rests.get(`${stream} ${name}`);
      if (rest?.text) this.#line(name, stream, rest.text);
      this.#rests.delete(`${stream} ${name}`);
    }
  }

  /** Says something of a container, not by it. */
  say(text: string): void {
    this.#options.stdout.write(`${this.#options.color ? "\x1b[K" : ""}${text}\n`);
  }

  #line(name: string, stream: "stdout" | "stderr", line: string): void {
    const output = this.#options[stream];
    // A moved cursor would break the prefix of the next line.
    const text = line.replace(/\r$/, "");
    const stamp = this.#options.timestamps ? `${new Date().toISOString()} ` : "";
    output.write(`${this.#options.prefix ? this.#prefix(name) : ""}${stamp}${text}\n`);
  }

  #prefix(name: string): string {
    this.register(name);
    const text = `${name.padEnd(this.#width)}  | `;
    return this.#options.color ? `\x1b[${this.#colors.get(name)}m${text}\x1b[0m` : text;
  }
}

/** What a container is called in logs: its name without the project's. */
export function logName(project: string, name: string): string {
  return name.startsWith(`${project}-`) ? name.slice(project.length + 1) : name;
}
