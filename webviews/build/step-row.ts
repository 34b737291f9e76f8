/** One step of a build: what it does, when, and what came of it. Only what is another is drawn anew, so that the focus stays. */
import type { BuildRow, FromBuildPage } from "../protocol.ts";
import { link } from "../ui/controls.ts";
import { element, formatBytes, formatDuration, t } from "../ui/page.ts";

/** A step's log in the page; all of it is in the build's terminal. */
const MOST_LETTERS = 200_000;

const stateWords = (): Readonly<Record<BuildRow["state"], string>> => ({
  waiting: t("waiting"),
  running: t("running"),
  cached: t("cached"),
  done: t("done"),
  failed: t("failed"),
  skipped: t("not run"),
});

type Action = Exclude<FromBuildPage["type"], "ready">;

/** When the build began, and when it ended or now. */
export interface Span {
  readonly startedMs: number;
  readonly endMs: number;
}

/** Whether the output is shown, and who is told when somebody says otherwise. */
interface Folding {
  readonly open: boolean | undefined;
  readonly onToggle: (open: boolean) => void;
}

export class StepRow {
  readonly element = element("div", { role: "listitem" });
  readonly #say: (message: { type: Action; step: string }) => void;
  readonly #bar = element("div", { class: "bar" });
  readonly #took = element("span", { class: "number took" });
  readonly #more = element("div", { class: "more" });
  readonly #output = element("pre", { tabindex: "0", role: "region", hidden: true });
  #step: BuildRow | undefined;
  #log = "";
  readonly #onToggle: (open: boolean) => void;
  /** Undefined before anybody has said: then the output of what failed is shown. */
  #open: boolean | undefined;
  #drawn = "";

  constructor(say: (message: { type: Action; step: string }) => void, { open, onToggle }: Folding) {
    this.#say = say;
    this.#open = open;
    this.#onToggle = onToggle;
  }

  get state(): BuildRow["state"] {
    return this.#step?.state ?? "waiting";
  }

  set step(step: BuildRow) {
    if (step.state === "failed" && this.#step?.state !== "failed") this.#open ??= true;
    this.#step = step;
    const drawn = JSON.stringify({ ...step, startedMs: 0, endedMs: 0 });
    if (drawn === this.#drawn) return;
    this.#drawn = drawn;
    const { name, state, instruction, addedBytes } = step;
    this.element.className = `step ${state}`;
    this.#output.setAttribute("aria-label", t("Output of {0}", name));
    const head = element(
      "div",
      { class: "head" },
      element("span", { class: "state" }, stateWords()[state]),
      element("code", { title: instruction }, name),
      element("div", { class: "track", "aria-hidden": "true" }, this.#bar),
      this.#took,
      element("span", { class: "number" }, addedBytes > 0 ? `+${formatBytes(addedBytes)}` : ""),
    );
    this.#keepFocus(() => {
      this.element.replaceChildren(head, this.#more, this.#output);
      this.#drawMore();
    });
  }

  /** It printed this. */
  log(text: string): void {
    const first = this.#log === "";
    this.#log = (this.#log + text).slice(-MOST_LETTERS);
    if (first) this.#drawMore();
    if (this.#open) this.#drawOutput();
  }

  /** All that it printed is said once more. */
  forget(): void {
    this.#log = "";
  }

  /** Its place on the line of time, which grows while the build runs. */
  place({ startedMs, endMs }: Span): void {
    const { startedMs: began, endedMs, state } = this.#step ?? {};
    this.#bar.hidden = began === undefined;
    if (began === undefined) return void (this.#took.textContent = "");
    const total = Math.max(1, endMs - startedMs);
    const took = Math.max(0, (endedMs ?? endMs) - began);
    this.#bar.style.left = `${Math.max(0, (100 * (began - startedMs)) / total)}%`;
    this.#bar.style.width = `${(100 * took) / total}%`;
    const words = state === "cached" ? "" : formatDuration(took);
    if (this.#took.textContent !== words) this.#took.textContent = words;
  }

  #drawMore(): void {
    const step = this.#step;
    if (!step) return;
    const words = [step.why, step.error]
      .filter(Boolean)
      .map((text) => element("span", { class: text === step.error ? "error" : "quiet" }, text));
    this.#keepFocus(() => this.#more.replaceChildren(...words, ...this.#actions(step)));
    this.#drawOutput();
  }

  /** Who reads its end goes on reading its end. */
  #drawOutput(): void {
    this.#output.hidden = !this.#open || this.#log === "";
    if (this.#output.hidden || this.#output.textContent === this.#log) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#output;
    const atEnd = scrollHeight - scrollTop - clientHeight < 4;
    this.#output.textContent = this.#log;
    if (atEnd) this.#output.scrollTop = this.#output.scrollHeight;
  }

  #keepFocus(draw: () => void): void {
    const { activeElement } = document;
    const focused = activeElement && this.element.contains(activeElement) ? activeElement : undefined;
    draw();
    if (!focused || document.activeElement === focused) return;
    if (focused === this.#output) this.#output.focus();
    else (document.getElementById(focused.id) ?? this.#more.querySelector("button"))?.focus();
  }

  #actions({ id, name, line, shell, state }: BuildRow): HTMLElement[] {
    const action = (type: Action, text: string): HTMLElement =>
      link(text, () => this.#say({ type, step: id }), { id: `${type}-${id}`, "aria-label": `${text}: ${name}` });
    const words = this.#open ? t("Hide output") : t("Show output");
    const toggle = (): void => {
      this.#open = !this.#open;
      this.#onToggle(this.#open);
      this.#drawMore();
    };
    return [
      ...(this.#log
        ? [link(words, toggle, { id: `toggle-${id}`, "aria-expanded": String(this.#open ?? false), "aria-label": `${words}: ${name}` })]
        : []),
      ...(line === undefined ? [] : [action("reveal", t("Line {0}", line))]),
      ...(shell && !["waiting", "running", "skipped"].includes(state)
        ? [action("shell", t("Open shell here")), action("changes", t("Changed files"))]
        : []),
    ];
  }
}
