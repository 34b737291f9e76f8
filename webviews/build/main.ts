/** The Build page: the steps of a build on one line of time, with what they printed and why they ran. */
import "./build.css";
import type { BuildPageState, BuildRow, FromBuildPage, ToBuildPage } from "../protocol.ts";
import type { Memory } from "../ui/memory.ts";
import { element, formatDuration, startPage, t } from "../ui/page.ts";
import { Roving } from "../ui/roving.ts";
import { StepRow } from "./step-row.ts";

/** So often a running step grows. */
const GROW_MS = 500;

/** What was chosen: steps whose output is shown, or no longer is. */
interface View {
  readonly open: Readonly<Record<string, boolean>>;
}

startPage<ToBuildPage, FromBuildPage, View>((state, say, memory) => new BuildPage(state, say, memory).hear);

class BuildPage {
  readonly #say: (message: FromBuildPage) => void;
  readonly #title = element("h1");
  readonly #status = element("span", { class: "quiet", role: "status" });
  /** Not spoken: it is another one all the time. */
  readonly #progress = element("span", { class: "quiet" });
  readonly #list = element("div", { class: "scroll", role: "list", tabindex: "0", "aria-label": t("Steps") });
  readonly #roving = new Roving(this.#list, { items: ".more button", group: ".step" });
  readonly #rows = new Map<string, StepRow>();
  readonly #memory: Memory<View>;
  readonly #open: Record<string, boolean>;
  #startedMs = 0;
  #endedMs: number | undefined;
  #timer: number | undefined;
  #queued = false;
  /** Who has scrolled by hand is not taken to the step that runs. */
  #touched = false;

  constructor({ name }: BuildPageState, say: (message: FromBuildPage) => void, memory: Memory<View>) {
    this.#say = say;
    this.#memory = memory;
    this.#open = { ...memory.before.open };
    this.#title.textContent = t("Build: {0}", name);
    this.#status.textContent = t("Looking…");
    for (const touch of ["wheel", "pointerdown", "keydown"])
      this.#list.addEventListener(touch, () => (this.#touched = true), { passive: true });
    const toolbar = element("div", { class: "toolbar" }, this.#title, element("span", { class: "grow" }), this.#progress, this.#status);
    document.querySelector("main")!.replaceChildren(toolbar, this.#list);
  }

  hear = (message: ToBuildPage): void => {
    if (message.type === "build") this.#begin(message);
    else if (message.type === "steps") this.#take(message.steps);
    else if (message.type === "log") this.#row(message.step).log(message.text);
    else if (message.type === "again") for (const row of this.#rows.values()) row.forget();
    else if (message.type === "note") this.#tell(message.text);
    this.#queue();
  };

  #begin({ title, status, startedMs, endedMs }: Extract<ToBuildPage, { type: "build" }>): void {
    [this.#startedMs, this.#endedMs] = [startedMs, endedMs];
    this.#title.textContent = t("Build: {0}", title);
    const words = { running: t("running"), succeeded: t("succeeded"), failed: t("failed"), canceled: t("canceled") };
    this.#tell([words[status], endedMs ? formatDuration(endedMs - startedMs) : ""].filter(Boolean).join(" · "));
    clearInterval(this.#timer);
    if (!endedMs) this.#timer = window.setInterval(() => this.#queue(), GROW_MS);
  }

  /** What is said once more is not to be heard once more. */
  #tell(text: string): void {
    if (this.#status.textContent !== text) this.#status.textContent = text;
  }

  #take(steps: readonly BuildRow[]): void {
    const made = steps.map((step) => {
      const row = this.#row(step.id);
      row.step = step;
      return row;
    });
    const rows = made.map((row) => row.element);
    if (rows.some((row, at) => this.#list.children[at] !== row) || rows.length !== this.#list.childElementCount)
      this.#list.replaceChildren(...rows);
    const ended = steps.filter(({ state }) => state !== "waiting" && state !== "running" && state !== "skipped").length;
    this.#progress.textContent = ended < steps.length ? t("{0} of {1} steps", ended, steps.length) : "";
    const current = made.find(({ state }) => state === "failed") ?? made.findLast(({ state }) => state === "running");
    if (current && !this.#touched) current.element.scrollIntoView({ block: "nearest" });
  }

  /** What a step prints may come before the step itself. */
  #row(id: string): StepRow {
    const onToggle = (open: boolean): void => {
      this.#open[id] = open;
      this.#memory.keep({ open: this.#open });
    };
    const row = this.#rows.get(id) ?? new StepRow(this.#say, { open: this.#open[id], onToggle });
    this.#rows.set(id, row);
    return row;
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      const span = { startedMs: this.#startedMs, endMs: this.#endedMs ?? Date.now() };
      for (const row of this.#rows.values()) row.place(span);
      this.#roving.settle();
    });
  }
}
