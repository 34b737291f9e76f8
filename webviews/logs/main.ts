/** The Logs page: what containers printed, with filters that reach back, following what comes. */
import "./logs.css";
import type { FromLogsPage, LogLines, LogsState, ToLogsPage } from "../protocol.ts";
import { button, checkbox, textField } from "../ui/controls.ts";
import type { Checkbox } from "../ui/controls.ts";
import type { Memory } from "../ui/memory.ts";
import { element, startPage, t } from "../ui/page.ts";
import { levelOf, LEVELS, matcher } from "./filter.ts";
import type { Filter, Level } from "./filter.ts";
import { drawLine } from "./line.ts";
import { Inks } from "./inks.ts";
import { LinesView } from "./lines-view.ts";
import { mayTakeForever } from "./pattern.ts";
import { Rows } from "./rows.ts";
import { SlowPattern } from "./slow-pattern.ts";

/** Letters of a name in front of a line, where there is room; the whole of it is in its tooltip. */
const WIDEST_SOURCE = 16;
/** Of the terminal's colors: bright cyan, green, magenta, yellow, blue and red. */
const SOURCE_INKS = [14, 10, 13, 11, 12, 9] as const;
/** Letters of a line that are drawn; all of them are searched and downloaded. */
const MOST_LETTERS = 20_000;
/** Lines of a piece of a download. */
const SAVED_LINES = 20_000;

/** Filtering goes on for so long before the page draws again. */
const SLICE_MS = 12;
/** Lines that a worker tries at once. */
const BATCH = 500;

/** What was chosen. */
interface View extends Filter {
  readonly times: boolean;
  readonly wrap: boolean;
}

startPage<ToLogsPage, FromLogsPage, View>((state, say, memory) => new LogsPage(state, say, memory).hear);

class LogsPage {
  readonly #rows = new Rows();
  readonly #say: (message: FromLogsPage) => void;
  readonly #memory: Memory<View>;
  readonly #count = element("span", { class: "quiet count" });
  /** The same for those who hear it, but only when something was asked: lines may come all the time. */
  readonly #said = element("span", { class: "hidden-words", role: "status" });
  readonly #problem = element("span", { class: "error", role: "alert" });
  /** Said where lines would be. */
  readonly #empty = element("p", { class: "quiet empty", hidden: true });
  readonly #inks = new Inks();
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
  #times = false;
  #reading = true;
  #generation = 0;

  constructor({ name }: LogsState, say: (message: FromLogsPage) => void, memory: Memory<View>) {
    this.#say = say;
    this.#memory = memory;
    this.#times = memory.before.times ?? false;
    const lines = element("div", { class: "lines", role: "log", tabindex: "0", "aria-label": t("Log lines"), "aria-live": "off" });
    document
      .querySelector("main")!
      .replaceChildren(element("h1", { class: "hidden-words" }, t("Logs: {0}", name)), this.#toolbar(), this.#empty, lines);
    this.#view = new LinesView(lines, {
      draw: (index) => this.#draw(index),
      length: (index) => this.#width(this.#shown[index]!),
      indent: () => this.#indent(),
      onScroll: (toEnd) => this.#setFollow(toEnd),
    });
    lines.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#setFollow(false), { passive: true });
    lines.addEventListener("keydown", ({ key }) => ["ArrowUp", "PageUp", "Home"].includes(key) && this.#setFollow(false));
    lines.addEventListener("keydown", (event) => {
      if (event.key !== "End") return;
      // The browser's own way to the end stops where the list ended a moment ago.
      event.preventDefault();
      this.#setFollow(true);
    });
    // What VS Code would find is in the page, where only the lines in sight are.
    window.addEventListener("keydown", (event) => {
      if (event.key.toLowerCase() !== "f" || !(event.ctrlKey || event.metaKey) || event.shiftKey || event.altKey) return;
      event.preventDefault();
      this.#search.focus();
    });
    const { text = "", level = "", fields = "", wrap = false } = memory.before;
    this.#view.wrap = wrap;
    if (text || level || fields) this.#refilter({ text, level, fields });
    new MutationObserver(() => {
      this.#inks.forget();
      this.#view.reset(this.#shown.length);
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  hear = (message: ToLogsPage): void => {
    if (message.type === "lines") this.#add(message.lines);
    else if (message.type === "sources") {
      this.#sources = message.names;
      // The names' column may be wider.
      this.#view.reset(this.#shown.length);
    } else if (message.type === "note") {
      this.#rows.addNote(message.text);
      this.#grown();
    } else if (message.type === "caughtUp") {
      this.#reading = false;
      this.#tell();
      this.#announce();
    }
  };

  #toolbar(): HTMLElement {
    const search = this.#search;
    const { before } = this.#memory;
    search.value = before.text ?? "";
    const fields = textField(before.fields ?? "", {
      id: "fields",
      "aria-label": t("JSON fields"),
      placeholder: t("JSON: {0}", "status>=500 path~api"),
      title: t("JSON fields: name=value, !=, >, <, ~ contains"),
    });
    const level = element("select", { id: "level", "aria-label": t("Least level") }, element("option", { value: "" }, t("All levels")));
    for (const each of LEVELS) level.append(element("option", { value: each, selected: each === before.level }, each));
    const refilter = (): void => this.#refilter({ text: search.value, level: level.value as Level | "", fields: fields.value.trim() });
    for (const field of [search, fields]) {
      field.addEventListener("input", refilter);
      field.addEventListener("keydown", ({ key }) => {
        if (key !== "Escape" || field.value === "") return;
        field.value = "";
        refilter();
      });
    }
    level.addEventListener("change", refilter);
    this.#followBox = checkbox(t("Follow"), true, (on) => this.#setFollow(on));
    return element(
      "div",
      { class: "toolbar", role: "search", "aria-label": t("Filters") },
      search,
      fields,
      level,
      this.#followBox,
      checkbox(t("Times"), this.#times, (on) => {
        this.#times = on;
        this.#memory.keep({ times: on });
        this.#view.reset(this.#shown.length);
      }),
      checkbox(t("Wrap"), before.wrap ?? false, (on) => {
        this.#view.wrap = on;
        this.#memory.keep({ wrap: on });
      }),
      button(t("Download"), () => void this.#download()),
      this.#problem,
      element("span", { class: "grow" }),
      this.#count,
      this.#said,
    );
  }

  readonly #search = textField("", { id: "search", "aria-label": t("Search"), placeholder: t("Search (regular expression)") });
  #followBox!: Checkbox;

  #setFollow(on: boolean): void {
    this.#followBox.checked = on;
    this.#view.following = on;
  }

  /** What is shown, in pieces: all at once would be a second in which nothing else happens. */
  async #download(): Promise<void> {
    const shown = [...this.#shown];
    for (let from = 0; from === 0 || from < shown.length; from += SAVED_LINES) {
      const lines = shown.slice(from, from + SAVED_LINES).map((index) => `${this.#lineText(index)}\n`);
      this.#say({ type: "save", text: lines.join(""), more: from + SAVED_LINES < shown.length });
      await new Promise((resolve) => setTimeout(resolve));
    }
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
  }

  #filterUpTo(end: number): void {
    for (; this.#filtered < end; this.#filtered++) if (this.#passes(this.#filtered)) this.#shown.push(this.#filtered);
  }

  #passes(index: number): boolean {
    if (this.#everything) return true;
    return !this.#rows.isNote(index) && this.#matches({ text: this.#rows.plain(index) });
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
    this.#memory.keep(filter);
    if (this.#slow instanceof SlowPattern) this.#slow.end();
    this.#slow = slow ? new SlowPattern(filter.text) : undefined;
    this.#highlight = highlightOf(filter.text, slow);
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
      await new Promise((resolve) => setTimeout(resolve));
      if (generation !== this.#generation) return;
    }
    this.#filtering = false;
    this.#tell();
    if (asked) this.#announce();
  }

  #announce(): void {
    this.#said.textContent = t("{0} of {1} lines", this.#shown.length.toLocaleString(), this.#rows.length.toLocaleString());
  }

  async #filterBatch(slow: SlowPattern, generation: number): Promise<void> {
    const from = this.#filtered;
    const indices = Array.from({ length: Math.min(BATCH, this.#rows.length - from) }, (_, at) => from + at);
    const verdicts = await slow.test(indices.map((index) => this.#rows.plain(index)));
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
    this.#empty.hidden = this.#shown.length > 0 || this.#filtering || (this.#reading && this.#rows.length === 0);
    if (!this.#empty.hidden) this.#empty.textContent = this.#everything ? t("Nothing was printed yet") : t("No line passes the filters");
  }

  #prefix(index: number): string {
    return this.#times ? `${localTime(this.#rows.time(index))} ` : "";
  }

  #sourceOf(index: number): string {
    return this.#sources.length > 1 ? (this.#sources[this.#rows.source(index)] ?? "") : "";
  }

  #lineText(index: number): string {
    const source = this.#rows.isNote(index) ? "" : this.#sourceOf(index);
    return `${this.#rows.time(index)} ${source && `${source} | `}${this.#rows.text(index)}`;
  }

  /** Letters of a line as it is drawn, without those in front of it. */
  #width(index: number): number {
    return Math.min(this.#rows.plain(index).length, MOST_LETTERS) + (this.#rows.isNote(index) ? 6 : 0);
  }

  #indent(): number {
    return (this.#times ? 24 : 0) + (this.#sources.length > 1 ? this.#widest() + 3 : 0);
  }

  #draw(at: number): HTMLElement {
    const index = this.#shown[at]!;
    const text = this.#rows.text(index);
    if (this.#rows.isNote(index)) return element("div", { class: "line note" }, `── ${text} ──`);
    const line = element("div", { class: `line ${this.#rows.isError(index) ? "stderr" : "stdout"}` });
    if (this.#times) line.append(element("span", { class: "time", title: this.#rows.time(index) }, this.#prefix(index)));
    if (this.#sources.length > 1) {
      const name = this.#sourceOf(index);
      const source = element("span", { class: "source", title: name }, `${cut(name, this.#widest())} │ `);
      source.style.color = this.#inks.ink(SOURCE_INKS[this.#rows.source(index) % SOURCE_INKS.length]!);
      line.append(source);
    }
    const words = drawLine(text, { most: MOST_LETTERS, highlight: this.#highlight, inks: this.#inks });
    words.classList.add(levelOf(this.#rows.plain(index)) ?? "none");
    line.append(words);
    return line;
  }

  #widest(): number {
    const room = Math.max(6, Math.floor(this.#view.columns / 5));
    return Math.min(WIDEST_SOURCE, room, Math.max(...this.#sources.map(({ length }) => length)));
  }
}

/** Exactly so wide. */
function cut(text: string, width: number): string {
  return text.length > width ? `${text.slice(0, width - 1)}…` : text.padEnd(width);
}

/** `2026-11-21 20:07:14.559`, of the reader's own clock. */
function localTime(stamp: string): string {
  const time = new Date(stamp);
  if (Number.isNaN(time.getTime())) return stamp.slice(0, 23).padEnd(23);
  const local = new Date(time.getTime() - time.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, 23).replace("T", " ");
}

function isExpression(text: string): boolean {
  try {
    return text !== "" && Boolean(new RegExp(text, "i"));
  } catch {
    return false;
  }
}

/** @param once one place a line: another one could take for ever */
function highlightOf(text: string, once: boolean): RegExp | undefined {
  if (text === "") return undefined;
  const flags = once ? "i" : "gi";
  try {
    return new RegExp(text, flags);
  } catch {
    return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"), flags);
  }
}
