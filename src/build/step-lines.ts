/**
 * A build of our own engine as lines of a terminal, one a step, with what it took, what it added and why it ran:
 *
 *     [2/4] COPY . .  CACHED · +1.5 kB
 *     [3/4] RUN make  1.2 s · +41 MB — main.c has changed
 *     [4/4] RUN make test
 *           ok
 *           0.2 s
 *
 * Steps that run side by side are named again when they speak in turns.
 */
import type { BuildProgress } from "../../engine/api/types/builds.ts";
import { humanBytes, humanDuration } from "../language/server/numbers.ts";
import { t } from "../language/server/words.ts";
import { bold, cyan, dim, green, INDENT, indentOutput, red, terminal, yellow } from "./paint.ts";

interface Shown {
  readonly number: number;
  readonly name: string;
  readonly instruction: string;
}

type End = BuildProgress & { readonly type: "end" };

export class StepLines {
  #steps = new Map<string, Shown>();
  #current: string | undefined;
  #header = false;
  #atStart = true;
  #cached = 0;
  #latest: Shown | undefined;

  /** The step that was begun last. */
  get step(): { number: number; total: number; instruction: string } | undefined {
    return this.#latest && { number: this.#latest.number, total: this.#steps.size, instruction: this.#latest.instruction };
  }

  get cachedSteps(): number {
    return this.#cached;
  }

  /** @returns what to write, with `\r\n` */
  tell(event: BuildProgress): string {
    switch (event.type) {
      case "plan":
        this.#steps = new Map(
          event.steps.filter(isShown).map(({ id, name, instruction }, at) => [id, { number: at + 1, name, instruction }]),
        );
        return "";
      case "start":
        return this.#start(event.step);
      case "log":
        return this.#output(event.step, event.data);
      case "pull":
        return this.#pull(event);
      case "end":
        return this.#end(event);
      case "warning":
        return this.#alone(
          yellow(t("Warning: {0}", [event.message, event.range && t("line {0}", event.range.startLine)].filter(Boolean).join(", "))),
        );
      default:
        return "";
    }
  }

  /** A line of its own. */
  #alone(text: string): string {
    return `${this.close()}${terminal(text)}\r\n`;
  }

  #start(id: string): string {
    const step = this.#steps.get(id);
    if (!step) return "";
    this.#latest = step;
    return this.#turnTo(id);
  }

  /** The heading of a step, unless it has the word already. */
  #turnTo(id: string): string {
    if (this.#current === id) return "";
    const before = this.close();
    const { name } = this.#steps.get(id)!;
    const [, where = "", what = name] = /^(\[[^\]]*\])\s*(.*)$/s.exec(name) ?? [];
    this.#current = id;
    this.#header = true;
    return `${before}${cyan(where)} ${bold(what.replaceAll("\n", " "))}`;
  }

  /** Ends a line that is open: something else has the word. */
  close(): string {
    const open = this.#current !== undefined && (this.#header || !this.#atStart);
    this.#current = undefined;
    this.#header = false;
    this.#atStart = true;
    return open ? "\r\n" : "";
  }

  #output(id: string, data: string): string {
    if (data === "" || !this.#steps.has(id)) return "";
    const heading = this.#turnTo(id) + (this.#header ? "\r\n" : "");
    this.#header = false;
    const text = indentOutput(data, this.#atStart);
    this.#atStart = data.endsWith("\n");
    return heading + text;
  }

  /** Layers report thousands of times; their beginning and end are enough here. */
  #pull({ step, message: { id, status, progressDetail } }: BuildProgress & { readonly type: "pull" }): string {
    if (!status || progressDetail?.total !== undefined) return "";
    return this.#output(step, `${id ? `${id}: ` : ""}${status}\n`);
  }

  #end(end: End): string {
    if (!this.#steps.has(end.step)) return "";
    if (end.cached) this.#cached += 1;
    const heading = this.#turnTo(end.step);
    const gap = this.#header ? "  " : `${this.#atStart ? "" : "\r\n"}${INDENT}`;
    this.#current = undefined;
    this.#header = false;
    this.#atStart = true;
    return `${heading}${gap}${outcome(end)}\r\n`;
  }
}

/** As `berth build`: what only sets a value takes no time, and has no line. */
function isShown({ kind, name }: { kind: string; name: string }): boolean {
  return kind !== "config" && kind !== "arg" && name !== "";
}

/** `CACHED · 0.2 s · +41 MB`; of what ran, why. On a first build nobody asks. */
function outcome({ cached, durationMs, addedBytes, reason, causes, error }: End): string {
  const took = cached && durationMs < 50 ? undefined : humanDuration(durationMs);
  const added = addedBytes > 0 ? `+${humanBytes(addedBytes)}` : undefined;
  const rest = [took, added].filter(Boolean).join(" · ");
  if (error !== undefined) return [red(t("FAILED")), took && dim(took)].filter(Boolean).join(dim(" · "));
  const first = cached ? green(t("CACHED")) : "";
  const asked = !cached && reason !== undefined && causes?.[0]?.kind !== "first";
  return [first, dim(rest)].filter((part) => part !== "" && part !== dim("")).join(dim(" · ")) + (asked ? dim(` — ${reason}`) : "");
}
