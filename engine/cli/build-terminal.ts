/**
 * A build on a terminal: one line a step that is written over as it goes on, and the last words of those that run.
 */
import type { BuildEvent } from "./build-events.ts";
import { outcome } from "./build-plain.ts";
import type { BuildScreen } from "./build-plain.ts";
import type { Output } from "./cli.ts";
import { cutToWidth, fitToWidth, textWidth } from "./text-width.ts";

interface Step {
  readonly name: string;
  readonly started: number;
  end?: BuildEvent & { type: "end" };
  rest: string;
  readonly tail: string[];
}

const FRAME_MS = 100;
/** Lines of a running step that are shown. */
const TAIL = 6;
const RESET = "\x1b[0m";

/** Redraws ten times a second. */
export class TerminalScreen implements BuildScreen {
  readonly #output: Output;
  readonly #now: () => number;
  readonly #started: number;
  readonly #steps = new Map<string, Step>();
  readonly #warnings: string[] = [];
  readonly #timer: NodeJS.Timeout;
  /** Widths of the lines on the screen. */
  #drawn: readonly number[] = [];

  constructor(output: Output, now: () => number) {
    this.#output = output;
    this.#now = now;
    this.#started = now();
    this.#timer = setInterval(() => this.redraw(), FRAME_MS);
    this.#timer.unref();
  }

  show(event: BuildEvent): void {
    if (event.type === "plan" || event.type === "image") return;
    if (event.type === "warning") return void this.#warnings.push(event.message);
    if (event.type === "start") {
      this.#steps.set(event.step, { name: plain(event.name.replaceAll(/\r?\n/g, " ")), started: this.#now(), rest: "", tail: [] });
      return;
    }
    const step = this.#steps.get(event.step);
    if (!step) return;
    if (event.type === "end") step.end = event;
    else keepTail(step, event.data);
  }

  redraw(): void {
    this.#draw(false);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#draw(true);
    for (const warning of this.#warnings) this.#output.write(`WARNING: ${warning}\n`);
  }

  #draw(last: boolean): void {
    // A terminal that does not know its size says 0.
    const [columns, rows] = [this.#output.columns || 80, this.#output.rows || 24];
    const steps = [...this.#steps.values()];
    const done = steps.filter(({ end }) => end).length;
    const head = `[+] Building ${this.#seconds(this.#started)} (${done}/${steps.length})${last ? " FINISHED" : ""}`;
    const body = steps.flatMap((step) => this.#stepLines(step, columns, last));
    // What is higher than the screen cannot be written over: the oldest lines make room, until the end shows all.
    const lines = [cutToWidth(head, columns - 1), ...(last ? body : body.slice(-(rows - 2)))];
    // A terminal that has become narrower has broken the lines that are too wide for it now.
    const drawn = this.#drawn.reduce((sum, width) => sum + Math.max(1, Math.ceil(width / columns)), 0);
    const up = drawn > 0 ? `\x1b[${drawn}A\x1b[J` : "";
    this.#output.write(`\x1b[?25l${up}${lines.map((line) => `${line}\n`).join("")}\x1b[?25h`);
    this.#drawn = lines.map((line) => textWidth(withoutColors(line)));
  }

  #stepLines(step: Step, columns: number, last: boolean): string[] {
    const state = step.end ? outcome({ ...step.end, ...(step.end.error ? { error: "" } : {}) }) : this.#seconds(step.started);
    const failed = step.end?.error !== undefined;
    const right = failed ? `ERROR ${seconds(step.end!.durationMs)}` : last && !step.end ? `CANCELED ${state}` : state;
    const room = Math.max(10, columns - right.length - 2);
    const cut = fitToWidth(` => ${step.name}`, room, "…");
    const color = failed ? "\x1b[31m" : step.end ? "\x1b[34m" : "";
    const line = `${color}${cut} ${right}${color ? RESET : ""}`;
    if (step.end && !failed) return [line];
    return last && !failed ? [line] : [line, ...step.tail.map((text) => cutToWidth(` => => ${text}`, columns - 1))];
  }

  #seconds(since: number): string {
    return seconds(this.#now() - since);
  }
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`;
}

function withoutColors(line: string): string {
  // oxlint-disable-next-line no-control-regex
  return line.replace(/\x1b\[[\d;?]*[A-Za-z]/g, "");
}

/** Colors, moves of the cursor, and tabs, which are wider than they are long, would break the picture. */
function plain(line: string): string {
  return (
    withoutColors(line)
      .replaceAll("\t", "    ")
      // oxlint-disable-next-line no-control-regex
      .replace(/[\x00-\x1f\x7f]/g, "")
  );
}

function keepTail(step: Step, data: string): void {
  const lines = (step.rest + data).split(/\r?\n|\r/);
  step.rest = lines.pop() ?? "";
  step.tail.push(...lines.map(plain));
  step.tail.splice(0, step.tail.length - TAIL);
}
