/** The Logs page: what containers printed, with filters that reach back, following what comes. */
import "./logs.css";
import type { FromLogsPage, LogLines, LogsState, ToLogsPage } from "../protocol.ts";
import { button, checkbox, textField } from "../ui/controls.ts";
import type { Checkbox } from "../ui/controls.ts";
import { element, startPage, t } from "../ui/page.ts";
import { levelOf, LEVELS, matcher } from "./filter.ts";
import type { Filter, Level } from "./filter.ts";
import { LinesView } from "./lines-view.ts";
import { mayTakeForever } from "./pattern.ts";
import { Rows } from "./rows.ts";
import { SlowPattern } from "./slow-pattern.ts";

/** Letters of a name in front of a line; the whole of it is in its tooltip. */
const WIDEST_SOURCE = 16;

/** Filtering goes on for so long before the page draws again. */
const SLICE_MS = 12;
/** Lines that a worker tries at once. */
const BATCH = 500;

startPage<ToLogsPage, FromLogsPage>((state, say) => new LogsPage(state, say).hear);

class LogsPage {
  readonly #rows = new Rows();
  readonly #say: (message: FromLogsPage) => void;
  readonly #count = element("span", { class: "quiet count" });
  /** The same for those who hear it, but only when something was asked: lines may come all the time. */
  readonly #said = element("span", { class: "hidden-words", role: "status" });
  readonly #problem = element("span", { class: "error", role: "alert" });
  readonly #view: LinesView;
  #sources: readonly string[] = [];
  /** Indices of the rows that are shown. */
  #shown: number[] = [];
  #filter: Filter = { text: "", level: "", fields: "" };
  #matches: (line: { text: string }) => boolean = () => true;
  #highlight: RegExp | undefined;
  /** Tries the text where it could hang; `stuck` when it did. */
  #slow: SlowPattern | "stuck" | undefined;
  #filtered = 0;
  #filtering = false;
  #follow = true;
  #times = false;
  #reading = true;
  #generation = 0;

  constructor({ name }: LogsState, say: (message: FromLogsPage) => void) {
    this.#say = say;
    const lines = element("div", { class: "lines", role: "log", tabindex: "0", "aria-label": t("Log lines"), "aria-live": "off" });
    document.querySelector("main")!.replaceChildren(element("h1", { class: "hidden-words" }, t("Logs: {0}", name)), this.#toolbar(), lines);
    this.#view = new LinesView(lines, {
      draw: (index) => this.#draw(index),
      length: (index) => this.#width(this.#shown[index]!),
      onScroll: () => {},
    });
    lines.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#setFollow(false), { passive: true });
    lines.addEventListener("keydown", ({ key }) => ["ArrowUp", "PageUp", "Home"].includes(key) && this.#setFollow(false));
  }

  hear = (message: ToLogsPage): void => {
    if (message.type === "lines") this.#add(message.lines);
    else if (message.type === "sources") this.#sources = message.names;
    else if (message.type === "note") {
      this.#rows.addNote(message.text);
      this.#grown();
    } else if (message.type === "caughtUp") {
      this.#reading = false;
      this.#tell();
      this.#announce();
    }
  };

  #toolbar(): HTMLElement {
    const search = textField("", {
      id: "search",
      "aria-label": t("Search"),
      placeholder: t("Search (regular expression)"),
    });
    const fields = textField("", {
      id: "fields",
      "aria-label": t("JSON fields"),
      placeholder: t("JSON: {0}", "status>=500 path~api"),
      title: t("JSON fields: name=value, !=, >, <, ~ contains"),
    });
    const level = element("select", { id: "level", "aria-label": t("Least level") }, element("option", { value: "" }, t("All levels")));
    for (const each of LEVELS) level.append(element("option", { value: each }, each));
    const refilter = (): void => this.#refilter({ text: search.value, level: level.value as Level | "", fields: fields.value.trim() });
    search.addEventListener("input", refilter);
    fields.addEventListener("input", refilter);
    level.addEventListener("change", refilter);
    this.#followBox = checkbox(t("Follow"), true, (on) => this.#setFollow(on));
    return element(
      "div",
      { class: "toolbar", role: "toolbar", "aria-label": t("Filters") },
      search,
      fields,
      level,
      this.#followBox,
      checkbox(t("Times"), this.#times, (on) => {
        this.#times = on;
        this.#view.reset(this.#shown.length);
      }),
      checkbox(t("Wrap"), false, (on) => (this.#view.wrap = on)),
      button(t("Download"), () => this.#say({ type: "save", text: this.#shown.map((index) => this.#lineText(index)).join("\n") + "\n" })),
      this.#problem,
      element("span", { class: "grow" }),
      this.#count,
      this.#said,
    );
  }

  #followBox!: Checkbox;

  #setFollow(on: boolean): void {
    this.#follow = on;
    this.#followBox.checked = on;
    if (on) this.#view.toEnd();
  }

  #add(lines: LogLines): void {
    this.#rows.add(lines);
    this.#grown();
  }

  /** While older lines are still being filtered, the newer ones wait for their turn. */
  #grown(): void {
    if (!this.#filtering && this.#slow) void this.#filterAll(this.#generation, false);
    else if (!this.#filtering) this.#filterUpTo(this.#rows.length);
    this.#view.grow(this.#shown.length);
    this.#tell();
    if (this.#follow) this.#view.toEnd();
  }

  #filterUpTo(end: number): void {
    for (; this.#filtered < end; this.#filtered++) if (this.#passes(this.#filtered)) this.#shown.push(this.#filtered);
  }

  #passes(index: number): boolean {
    if (this.#everything) return true;
    return !this.#rows.isNote(index) && this.#matches({ text: this.#rows.text(index) });
  }

  get #everything(): boolean {
    const { text, level, fields } = this.#filter;
    return text === "" && level === "" && fields === "";
  }

  #refilter(filter: Filter): void {
    const slow = isExpression(filter.text) && mayTakeForever(filter.text);
    try {
      this.#matches = matcher(slow ? { ...filter, text: "" } : filter);
      this.#problem.textContent = "";
    } catch (error) {
      this.#problem.textContent = t("Cannot read {0}", (error as Error).message);
      return;
    }
    this.#filter = filter;
    if (this.#slow instanceof SlowPattern) this.#slow.end();
    this.#slow = slow ? new SlowPattern(filter.text) : undefined;
    this.#highlight = highlightOf(filter.text);
    this.#shown = [];
    this.#filtered = 0;
    this.#view.reset(0);
    void this.#filterAll(++this.#generation);
  }

  /** In slices, newest state first on the screen: a million lines take a moment, and typing must not wait for it. */
  async #filterAll(generation: number, asked = true): Promise<void> {
    this.#filtering = true;
    while (this.#filtered < this.#rows.length && this.#slow !== "stuck") {
      if (this.#slow) await this.#filterBatch(this.#slow, generation);
      if (generation !== this.#generation) return;
      const end = performance.now() + SLICE_MS;
      while (!this.#slow && this.#filtered < this.#rows.length && performance.now() < end)
        this.#filterUpTo(Math.min(this.#filtered + 200, this.#rows.length));
      this.#view.grow(this.#shown.length);
      this.#tell();
      if (this.#follow) this.#view.toEnd();
      await new Promise((resolve) => setTimeout(resolve));
      if (generation !== this.#generation) return;
    }
    this.#filtering = false;
    if (asked) this.#announce();
  }

  #announce(): void {
    this.#said.textContent = t("{0} of {1} lines", this.#shown.length.toLocaleString(), this.#rows.length.toLocaleString());
  }

  async #filterBatch(slow: SlowPattern, generation: number): Promise<void> {
    const from = this.#filtered;
    const indices = Array.from({ length: Math.min(BATCH, this.#rows.length - from) }, (_, at) => from + at);
    const verdicts = await slow.test(indices.map((index) => this.#rows.text(index)));
    if (generation !== this.#generation) return;
    if (!verdicts) {
      this.#slow = "stuck";
      this.#problem.textContent = t("This expression takes too long");
      return;
    }
    this.#shown.push(...indices.filter((index, at) => verdicts[at] && this.#passes(index)));
    this.#filtered += indices.length;
  }

  #tell(): void {
    const numbers = `${this.#shown.length.toLocaleString()} / ${this.#rows.length.toLocaleString()}`;
    this.#count.textContent = this.#reading ? t("{0}, reading…", numbers) : numbers;
  }

  #prefix(index: number): string {
    return this.#times ? `${this.#rows.time(index).slice(0, 23).replace("T", " ")} ` : "";
  }

  #sourceOf(index: number): string {
    return this.#sources.length > 1 ? (this.#sources[this.#rows.source(index)] ?? "") : "";
  }

  #lineText(index: number): string {
    const source = this.#rows.isNote(index) ? "" : this.#sourceOf(index);
    return `${this.#rows.time(index)} ${source && `${source} | `}${this.#rows.text(index)}`;
  }

  /** Letters of a line as it is drawn. */
  #width(index: number): number {
    const text = this.#rows.text(index);
    if (this.#rows.isNote(index)) return text.length + 6;
    const shown = text.includes("\u001b") ? text.replaceAll(ESCAPES, "") : text;
    return this.#prefix(index).length + (this.#sources.length > 1 ? this.#widest() + 3 : 0) + shown.length;
  }

  #draw(at: number): HTMLElement {
    const index = this.#shown[at]!;
    const text = this.#rows.text(index);
    if (this.#rows.isNote(index)) return element("div", { class: "line note" }, `── ${text} ──`);
    const line = element("div", { class: `line ${this.#rows.isError(index) ? "stderr" : "stdout"}` });
    if (this.#times) line.append(element("span", { class: "time" }, this.#prefix(index)));
    if (this.#sources.length > 1)
      line.append(
        element(
          "span",
          { class: `source source-${this.#rows.source(index) % 6}`, title: this.#sourceOf(index) },
          `${cut(this.#sourceOf(index), this.#widest())} │ `,
        ),
      );
    const words = element("span", { class: `text ${levelOf(text) ?? ""}` });
    words.append(...this.#marked(text.replaceAll(ESCAPES, "")));
    line.append(words);
    return line;
  }

  #widest(): number {
    return Math.min(WIDEST_SOURCE, Math.max(...this.#sources.map(({ length }) => length)));
  }

  #marked(text: string): (Node | string)[] {
    const found = this.#highlight?.exec(text);
    if (!found?.[0]) return [text];
    const end = found.index + found[0].length;
    return [text.slice(0, found.index), element("mark", {}, found[0]), text.slice(end)];
  }
}

/** Exactly so wide. */
function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** Colors of a terminal: this is none. */
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-9;?]*[a-zA-Z]/g;

function isExpression(text: string): boolean {
  try {
    return text !== "" && Boolean(new RegExp(text, "i"));
  } catch {
    return false;
  }
}

function highlightOf(text: string): RegExp | undefined {
  if (text === "") return undefined;
  try {
    return new RegExp(text, "i");
  } catch {
    return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  }
}
