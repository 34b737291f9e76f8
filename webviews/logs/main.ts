/** The Logs page: what containers printed, with filters that reach back, following what comes. */
import "./logs.css";
import type { FromLogsPage, LogRecord, LogsState, ToLogsPage } from "../protocol.ts";
import { button, checkbox, textField } from "../ui/controls.ts";
import type { Checkbox } from "../ui/controls.ts";
import { element, startPage, t } from "../ui/page.ts";
import { levelOf, LEVELS, matcher } from "./filter.ts";
import type { Filter, Level } from "./filter.ts";
import { LinesView } from "./lines-view.ts";

/** A line, or something that happened. */
type Row = LogRecord | { readonly note: string; readonly time: string; readonly text: string };

/** Filtering goes on for so long before the page draws again. */
const SLICE_MS = 12;

startPage<ToLogsPage, FromLogsPage>((state, say) => new LogsPage(state, say).hear);

class LogsPage {
  readonly #rows: Row[] = [];
  readonly #say: (message: FromLogsPage) => void;
  readonly #count = element("span", { class: "quiet", role: "status" });
  readonly #problem = element("span", { class: "error", role: "alert" });
  readonly #view: LinesView;
  #sources: readonly string[] = [];
  /** Indices of the rows that are shown. */
  #shown: number[] = [];
  #filter: Filter = { text: "", level: "", fields: "" };
  #matches: (line: { text: string }) => boolean = () => true;
  #highlight: RegExp | undefined;
  #filtered = 0;
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
      length: (index) => this.#prefix(this.#rows[this.#shown[index]!]!).length + this.#rows[this.#shown[index]!]!.text.length,
      onScroll: () => {},
    });
    lines.addEventListener("wheel", ({ deltaY }) => deltaY < 0 && this.#setFollow(false), { passive: true });
    lines.addEventListener("keydown", ({ key }) => ["ArrowUp", "PageUp", "Home"].includes(key) && this.#setFollow(false));
  }

  hear = (message: ToLogsPage): void => {
    if (message.type === "lines") this.#add(message.lines);
    else if (message.type === "sources") this.#sources = message.names;
    else if (message.type === "note") this.#add([{ note: message.text, time: new Date().toISOString(), text: message.text }]);
    else if (message.type === "caughtUp") {
      this.#reading = false;
      this.#tell();
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
      placeholder: "status>=500 path~api",
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
      level,
      fields,
      this.#followBox,
      checkbox(t("Times"), this.#times, (on) => {
        this.#times = on;
        this.#view.reset(this.#shown.length);
      }),
      checkbox(t("Wrap"), false, (on) => (this.#view.wrap = on)),
      button(t("Download"), () =>
        this.#say({ type: "save", text: this.#shown.map((index) => this.#lineText(this.#rows[index]!)).join("\n") + "\n" }),
      ),
      this.#problem,
      element("span", { class: "grow" }),
      this.#count,
    );
  }

  #followBox!: Checkbox;

  #setFollow(on: boolean): void {
    this.#follow = on;
    this.#followBox.checked = on;
    if (on) this.#view.toEnd();
  }

  #add(rows: readonly Row[]): void {
    for (const row of rows) this.#rows.push(row);
    if (this.#filtered === this.#rows.length - rows.length) {
      for (let index = this.#filtered; index < this.#rows.length; index++) if (this.#passes(this.#rows[index]!)) this.#shown.push(index);
      this.#filtered = this.#rows.length;
    }
    this.#view.grow(this.#shown.length);
    this.#tell();
    if (this.#follow) this.#view.toEnd();
  }

  #passes(row: Row): boolean {
    return "note" in row ? this.#filter.text === "" && this.#filter.level === "" && this.#filter.fields === "" : this.#matches(row);
  }

  #refilter(filter: Filter): void {
    try {
      this.#matches = matcher(filter);
      this.#problem.textContent = "";
    } catch (error) {
      this.#problem.textContent = t("Cannot read {0}", (error as Error).message);
      return;
    }
    this.#filter = filter;
    this.#highlight = highlightOf(filter.text);
    this.#shown = [];
    this.#filtered = 0;
    this.#view.reset(0);
    void this.#filterAll(++this.#generation);
  }

  /** In slices, newest state first on the screen: a million lines take a moment, and typing must not wait for it. */
  async #filterAll(generation: number): Promise<void> {
    while (this.#filtered < this.#rows.length) {
      const end = performance.now() + SLICE_MS;
      while (this.#filtered < this.#rows.length && performance.now() < end) {
        const last = Math.min(this.#filtered + 200, this.#rows.length);
        for (; this.#filtered < last; this.#filtered++) if (this.#passes(this.#rows[this.#filtered]!)) this.#shown.push(this.#filtered);
      }
      this.#view.grow(this.#shown.length);
      this.#tell();
      if (this.#follow) this.#view.toEnd();
      await new Promise((resolve) => setTimeout(resolve));
      if (generation !== this.#generation) return;
    }
  }

  #tell(): void {
    const numbers = `${this.#shown.length.toLocaleString()} / ${this.#rows.length.toLocaleString()}`;
    this.#count.textContent = this.#reading ? t("{0}, reading…", numbers) : numbers;
  }

  #prefix(row: Row): string {
    return this.#times ? `${row.time.slice(0, 23).replace("T", " ")} ` : "";
  }

  #lineText(row: Row): string {
    const source = "source" in row && this.#sources.length > 1 ? `${this.#sources[row.source] ?? ""} | ` : "";
    return `${row.time} ${source}${row.text}`;
  }

  #draw(index: number): HTMLElement {
    const row = this.#rows[this.#shown[index]!]!;
    if ("note" in row) return element("div", { class: "line note" }, `── ${row.text} ──`);
    const line = element("div", { class: `line ${row.stream}` });
    if (this.#times) line.append(element("span", { class: "time" }, this.#prefix(row)));
    if (this.#sources.length > 1)
      line.append(
        element("span", { class: `source source-${row.source % 6}` }, `${(this.#sources[row.source] ?? "").padEnd(this.#widest())} │ `),
      );
    const text = element("span", { class: `text ${levelOf(row.text) ?? ""}` });
    text.append(...this.#marked(row.text.replaceAll(ESCAPES, "")));
    line.append(text);
    return line;
  }

  #widest(): number {
    return Math.min(20, Math.max(...this.#sources.map(({ length }) => length)));
  }

  #marked(text: string): (Node | string)[] {
    const found = this.#highlight?.exec(text);
    if (!found?.[0]) return [text];
    const end = found.index + found[0].length;
    return [text.slice(0, found.index), element("mark", {}, found[0]), text.slice(end)];
  }
}

/** Colors of a terminal: this is none. */
// oxlint-disable-next-line no-control-regex
const ESCAPES = /\u001b\[[0-9;?]*[a-zA-Z]/g;

function highlightOf(text: string): RegExp | undefined {
  if (text === "") return undefined;
  try {
    return new RegExp(text, "i");
  } catch {
    return new RegExp(text.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
  }
}
