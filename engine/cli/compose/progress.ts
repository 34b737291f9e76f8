/**
 * Progress of compose operations: a picture that moves on a terminal, one line an event elsewhere, or JSON.
 */
import type { OnProgress, ProgressEvent } from "../../compose/progress.ts";
import type { Output } from "../cli.ts";

/** Takes events until it is closed. */
export interface Progress {
  readonly event: OnProgress;
  close(): void;
}

export interface ProgressOptions {
  readonly output: Output;
  /** `auto`, `tty`, `plain`, `json` or `quiet`. */
  readonly mode: string;
  readonly ansi: "never" | "always" | "auto";
  /** `Running`, `Pulling`: the headline of the picture. */
  readonly title: string;
  readonly dryRun: boolean;
  readonly now: () => number;
}

export function openProgress(options: ProgressOptions): Progress {
  const { mode, output, ansi } = options;
  if (mode === "quiet") return { event: () => {}, close: () => {} };
  if (mode === "json") return jsonProgress(options);
  const tty = mode === "tty" || (mode === "auto" && ansi !== "never" && (output.isTTY === true || ansi === "always"));
  return tty ? new TerminalProgress(options) : plainProgress(options);
}

function plainProgress({ output, dryRun }: ProgressOptions): Progress {
  const prefix = dryRun ? " DRY-RUN MODE - " : "";
  const event = ({ id, text = "", status, current, parent }: ProgressEvent): void => {
    if (current === undefined || parent === undefined) output.write(`${prefix} ${id} ${text} ${status}\n`);
  };
  return { event, close: () => {} };
}

function jsonProgress({ output, dryRun }: ProgressOptions): Progress {
  const event = ({ id, text, status, state, parent, current, total }: ProgressEvent): void => {
    const line = {
      ...(dryRun ? { "dry-run": true } : {}),
      id,
      ...(parent ? { parent_id: parent } : {}),
      text: text ?? "",
      status: state,
      details: status,
      current,
      total,
    };
    output.write(`${JSON.stringify(line)}\n`);
  };
  return { event, close: () => {} };
}

interface Line {
  event: ProgressEvent;
  readonly started: number;
  ended?: number;
}

const FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏";
const FRAME_MS = 100;
const COLOR = { working: "\x1b[34m", done: "\x1b[32m", warning: "\x1b[33m", error: "\x1b[31m" } as const;
const MARK = { done: "✔", warning: "!", error: "✘" } as const;

/** Lines that are written over as their objects change. */
class TerminalProgress implements Progress {
  readonly #options: ProgressOptions;
  readonly #lines = new Map<string, Line>();
  readonly #timer: NodeJS.Timeout;
  #drawn = 0;
  #dirty = false;

  constructor(options: ProgressOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#draw(), FRAME_MS);
    this.#timer.unref();
  }

  readonly event: OnProgress = (event) => {
    const now = this.#options.now();
    const line = this.#lines.get(event.id);
    if (event.parent && !line && event.state === "done") return;
    if (line) {
      line.event = event;
      if (event.state === "working") delete line.ended;
      else line.ended ??= now;
    } else this.#lines.set(event.id, { event, started: now, ...(event.state === "working" ? {} : { ended: now }) });
    this.#dirty = true;
  };

  close(): void {
    clearInterval(this.#timer);
    if (this.#dirty || this.#drawn > 0) this.#draw();
  }

  #draw(): void {
    if (this.#lines.size === 0) return;
    const { output, title, dryRun } = this.#options;
    const { rows = 24, columns = 80 } = output;
    const own = [...this.#lines.values()].filter(({ event }) => !event.parent);
    const done = own.filter(({ ended }) => ended !== undefined).length;
    const width = Math.max(...[...this.#lines.values()].map(({ event }) => `${event.id} ${event.text ?? ""}`.length));
    const head = `[+] ${title} ${done}/${own.length}${dryRun ? " (dry run)" : ""}`;
    const lines = [head, ...[...this.#lines.values()].map((line) => this.#line(line, width, columns)).slice(-(rows - 2))];
    const up = this.#drawn > 0 ? `\x1b[${this.#drawn}A\x1b[J` : "";
    output.write(`\x1b[?25l${up}${lines.map((line) => `${line}\n`).join("")}\x1b[?25h`);
    this.#drawn = lines.length;
  }

  #line({ event, started, ended }: Line, width: number, columns: number): string {
    const { state, id, text = "", status, current, total } = event;
    const now = this.#options.now();
    const mark = state === "working" ? FRAMES[Math.floor(now / FRAME_MS) % FRAMES.length]! : MARK[state];
    const seconds = `${(((ended ?? now) - started) / 1000).toFixed(1)}s`;
    const part = total && current !== undefined ? ` ${Math.floor((current / total) * 100)}%` : "";
    const body = ` ${event.parent ? "  " : ""}${mark} ${`${id} ${text}`.trimEnd().padEnd(width)} ${status}${part}`;
    const room = columns - seconds.length - 2;
    const fitted = body.length > room ? body.slice(0, room) : body.padEnd(room);
    return `${COLOR[state]}${fitted}\x1b[0m \x1b[34m${seconds}\x1b[0m`;
  }
}
