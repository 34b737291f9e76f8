/** The Stats page: curves of what containers use, and the same numbers as a table. */
import "./stats.css";
import type { FromStatsPage, StatsMark, StatsSample, StatsState, ToStatsPage } from "../protocol.ts";
import { checkbox } from "../ui/controls.ts";
import type { Memory } from "../ui/memory.ts";
import { element, formatBytes, startPage, t } from "../ui/page.ts";
import { Roving } from "../ui/roving.ts";
import { Chart, colorOf } from "./chart.ts";
import type { Curve } from "./chart.ts";

interface Subject {
  readonly samples: StatsSample[];
  /** Of its color. */
  readonly index: number;
  name: string;
  hidden: boolean;
}

interface Metric {
  readonly title: string;
  readonly format: (value: number) => string;
  /** The axis reaches at least so far: noise near nothing is not to look like mountains. */
  readonly least: number;
  /** A curve or two, the second one dashed; totals become rates. */
  readonly parts: readonly { readonly name: string; readonly of: (now: StatsSample, before: StatsSample | undefined) => number | null }[];
  /** A line that must not be crossed. */
  readonly limit?: (sample: StatsSample) => number;
}

const rate =
  (key: "received" | "sent" | "read" | "written") =>
  (now: StatsSample, before: StatsSample | undefined): number | null =>
    // A container that started anew counts from zero.
    before && now.time > before.time && now[key] >= before[key] ? ((now[key] - before[key]) * 1000) / (now.time - before.time) : null;

const bytesASecond = (value: number): string => `${formatBytes(value)}/s`;

const METRICS = (): readonly Metric[] => [
  { title: t("CPU"), least: 1, format: (value) => `${Number(value.toPrecision(3))} %`, parts: [{ name: "", of: (now) => now.cpu }] },
  { title: t("Memory"), least: 1e6, format: formatBytes, parts: [{ name: "", of: (now) => now.memory }], limit: ({ limit }) => limit },
  {
    title: t("Network"),
    least: 1000,
    format: bytesASecond,
    parts: [
      { name: t("received"), of: rate("received") },
      { name: t("sent"), of: rate("sent") },
    ],
  },
  {
    title: t("Disk"),
    least: 1000,
    format: bytesASecond,
    parts: [
      { name: t("read"), of: rate("read") },
      { name: t("written"), of: rate("written") },
    ],
  },
  { title: t("Processes"), least: 5, format: (value) => String(Math.round(value)), parts: [{ name: "", of: (now) => now.pids }] },
];

const RANGES = [
  ["5", 5],
  ["15", 15],
  ["60", 60],
  ["360", 360],
] as const;

/** What is older than this had ended: the engine keeps two samples a minute. */
const LONGEST_GAP_MS = 60_000;
/** Whose newest number is older than this does not run now: there is one every few seconds. */
const FRESH_MS = 20_000;

/** What was chosen. */
interface View {
  readonly minutes: number;
  readonly together: boolean;
  /** Ids of containers whose curves are not drawn. */
  readonly hidden: readonly string[];
}

startPage<ToStatsPage, FromStatsPage, View>((state, _say, memory) => new StatsPage(state, memory).hear);

class StatsPage {
  readonly #subjects = new Map<string, Subject>();
  readonly #marks: StatsMark[] = [];
  readonly #metrics = METRICS();
  readonly #charts: Chart[];
  readonly #note = element("span", { class: "quiet", role: "status" }, t("Waiting for the first numbers…"));
  readonly #body = element("tbody");
  readonly #legend = element("div", { class: "legend", role: "group", "aria-label": t("Shown in the charts") });
  readonly #memory: Memory<View>;
  #minutes: number;
  #together: boolean;
  readonly #roving = new Roving(this.#legend, { items: "button" });
  #queued = false;
  #known = false;

  constructor({ title }: StatsState, memory: Memory<View>) {
    this.#memory = memory;
    this.#minutes = RANGES.find(([, minutes]) => minutes === memory.before.minutes)?.[1] ?? 15;
    this.#together = memory.before.together ?? false;
    this.#charts = this.#metrics.map(({ title: name, format, least }) => new Chart(name, { format, least }));
    const charts = element("div", { class: "charts" }, ...this.#charts.map(({ element: chart }) => chart));
    const heads = [t("Container"), ...this.#metrics.map((metric) => metric.title), t("Events")];
    const table = element(
      "table",
      { "aria-label": t("Latest numbers") },
      element("thead", {}, element("tr", {}, ...heads.map((head) => element("th", { scope: "col" }, head)))),
      this.#body,
    );
    const numbers = element("div", { class: "numbers" }, table);
    const page = element(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": t("Charts and numbers") },
      this.#legend,
      charts,
      numbers,
    );
    document.querySelector("main")!.replaceChildren(this.#toolbar(title), page);
    new ResizeObserver(() => this.#queue()).observe(page);
    new MutationObserver(() => this.#redrawAll()).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  hear = (message: ToStatsPage): void => {
    if (message.type === "names") {
      for (const [id, name] of Object.entries(message.names)) this.#subject(id).name = name;
    } else if (message.type === "samples") this.#add(message.id, message.samples);
    else if (message.type === "marks")
      this.#marks.push(
        ...message.marks.filter(
          (mark) => !this.#marks.some((known) => known.time === mark.time && known.id === mark.id && known.action === mark.action),
        ),
      );
    else if (message.type === "known") this.#known = true;
    else if (message.type === "note") {
      this.#known = false;
      this.#say(message.text);
    }
    this.#queue();
  };

  #toolbar(title: string): HTMLElement {
    const range = element("select", { "aria-label": t("Time") });
    for (const [value, minutes] of RANGES)
      range.append(
        element(
          "option",
          { value, selected: minutes === this.#minutes },
          minutes < 60 ? t("{0} minutes", minutes) : minutes === 60 ? t("1 hour") : t("{0} hours", minutes / 60),
        ),
      );
    range.addEventListener("change", () => {
      this.#minutes = Number(range.value);
      this.#memory.keep({ minutes: this.#minutes });
      this.#queue();
    });
    const together = checkbox(t("Together"), this.#together, (on) => {
      this.#together = on;
      this.#memory.keep({ together: on });
      this.#redrawAll();
    });
    return element(
      "div",
      { class: "toolbar" },
      element("h1", {}, t("Stats: {0}", title)),
      range,
      together,
      element("span", { class: "grow" }),
      this.#note,
    );
  }

  #subject(id: string): Subject {
    const present = this.#subjects.get(id);
    if (present) return present;
    const made = {
      name: id.slice(0, 12),
      samples: [],
      index: this.#subjects.size,
      hidden: this.#memory.before.hidden?.includes(id) ?? false,
    };
    this.#subjects.set(id, made);
    return made;
  }

  /** The engine may repeat a sample, and repeats all after it was lost. */
  #add(id: string, samples: readonly StatsSample[]): void {
    const { samples: present } = this.#subject(id);
    for (const sample of samples) if (sample.time > (present.at(-1)?.time ?? 0)) present.push(sample);
  }

  /** Where it is heard, too: only when it is something else. */
  #say(text: string): void {
    if (this.#note.textContent !== text) this.#note.textContent = text;
  }

  #queue(): void {
    if (this.#queued) return;
    this.#queued = true;
    requestAnimationFrame(() => {
      this.#queued = false;
      this.#draw();
    });
  }

  /** Each container's color, and a press hides it. One alone needs none. */
  #drawLegend(subjects: readonly Subject[]): void {
    const names = subjects.map(({ name, hidden }) => `${name} ${hidden}`).join("\n");
    if (this.#legend.dataset["names"] === names) return;
    this.#legend.dataset["names"] = names;
    const focused = [...this.#legend.children].indexOf(document.activeElement!);
    this.#legend.replaceChildren(
      ...(subjects.length < 2 ? [] : subjects).map((subject) => {
        const swatch = element("span", { class: "swatch" });
        swatch.style.borderColor = colorOf(subject.index);
        const made = element("button", { type: "button", "aria-pressed": String(!subject.hidden) }, swatch, subject.name);
        made.addEventListener("click", () => {
          subject.hidden = !subject.hidden;
          this.#memory.keep({ hidden: [...this.#subjects].flatMap(([id, { hidden }]) => (hidden ? [id] : [])) });
          this.#queue();
        });
        return made;
      }),
      element("span", { class: "quiet" }, t("Dashed: sent, written, and limits")),
    );
    this.#roving.settle();
    if (focused >= 0) this.#legend.querySelectorAll("button")[focused]?.focus();
  }

  #redrawAll(): void {
    for (const chart of this.#charts) chart.forget();
    delete this.#legend.dataset["names"];
    this.#queue();
  }

  #draw(): void {
    const all = [...this.#subjects].map(([id, subject]) => ({ id, ...subject, last: subject.samples.at(-1) }));
    const newest = Math.max(Date.now(), ...all.map(({ last }) => last?.time ?? 0));
    const oldest = Math.min(newest, ...all.map(({ samples }) => samples[0]?.time ?? newest));
    // What is not known yet takes no room.
    const from = Math.max(newest - this.#minutes * 60_000, Math.min(oldest, newest - 60_000));
    const marks = this.#marks.filter(({ time }) => time >= from).toSorted((a, b) => a.time - b.time);
    // Others have ended before all that is looked at; only a container of its own panel is named all the same.
    const seen = new Set(all.filter(({ last }) => last !== undefined && last.time >= from).map(({ id }) => id));
    const subjects = [...this.#subjects].flatMap(([id, subject]) => (seen.has(id) ? [subject] : []));
    this.#drawLegend(subjects);
    const shown = subjects.filter(({ hidden }) => !hidden);
    const said = marks
      .filter(({ id }) => this.#subjects.get(id)?.hidden !== true)
      .map((mark) => ({ ...mark, words: this.#markWords(mark) }));
    this.#metrics.forEach((metric, index) => {
      const curves = shown.flatMap((subject) => curvesOf(metric, subject, from));
      this.#charts[index]!.draw(this.#together && metric.limit === undefined ? sumUp(curves) : curves, { from, to: newest, marks: said });
    });
    this.#drawTable(marks, { seen, newest });
    if (all.some(({ last }) => last !== undefined && newest - last.time < FRESH_MS)) this.#say("");
    else if (this.#known) this.#say(t("Nothing runs now: numbers come as soon as it does"));
  }

  /** Whose it is, where there are several. */
  #markWords({ id, action }: StatsMark): string {
    const name = this.#subjects.get(id)?.name;
    return name !== undefined && this.#subjects.size > 1 ? `${name} ${wordsOf(action)}` : wordsOf(action);
  }

  #drawTable(marks: readonly StatsMark[], { seen, newest }: { seen: ReadonlySet<string>; newest: number }): void {
    const rows = [...this.#subjects].map(([id, { name, samples }]) => {
      if (!seen.has(id)) return undefined;
      const [before, last] = [samples.at(-2), samples.at(-1)];
      const now = last && newest - last.time < FRESH_MS ? last : undefined;
      const cells = this.#metrics.map(({ parts, format, limit }) => {
        const values = now ? parts.map((part) => [part.name, format(part.of(now, before) ?? 0)].filter(Boolean).join(" ")) : ["–"];
        return element("td", {}, now && limit ? t("{0} of {1}", values[0]!, format(limit(now))) : values.join(", "));
      });
      const events = marks
        .filter((mark) => mark.id === id)
        .slice(-3)
        .map(({ time, action }) => `${new Date(time).toLocaleTimeString()} ${wordsOf(action)}`);
      const row = element("th", { scope: "row" }, name, ...(now ? [] : [element("span", { class: "quiet" }, ` ${t("not running")}`)]));
      return element("tr", {}, row, ...cells, element("td", {}, events.join("; ") || "–"));
    });
    this.#body.replaceChildren(...rows.filter((row) => row !== undefined));
  }
}

/** What the engine calls an event, for people. */
function wordsOf(action: string): string {
  const words: Readonly<Record<string, string>> = {
    start: t("started"),
    restart: t("restarted"),
    die: t("ended"),
    oom: t("out of memory"),
    "health_status: healthy": t("healthy"),
    "health_status: unhealthy": t("unhealthy"),
  };
  return words[action] ?? action;
}

function curvesOf({ parts, limit }: Metric, { name, samples, index: color }: Subject, from: number): Curve[] {
  const first = Math.max(
    1,
    samples.findIndex(({ time }) => time >= from),
  );
  if (samples.length === 0 || samples.at(-1)!.time < from) return [];
  const shown = samples.slice(first - 1);
  const curves: Curve[] = parts.map((part, at) => ({
    name: [name, part.name].filter(Boolean).join(" "),
    color,
    line: at === 0 ? "solid" : "dashed",
    points: shown.map((sample, index) => [sample.time, part.of(sample, shown[index - 1])] as const),
  }));
  const highest = Math.max(...shown.map(({ memory }) => memory));
  const last = shown.at(-1)!;
  // A limit far above all that is used would flatten the curve to nothing.
  if (limit && limit(last) > 0 && limit(last) < highest * 20)
    curves.push({ name: t("{0} limit", name), color, line: "limit", points: shown.map((sample) => [sample.time, limit(sample)] as const) });
  return curves;
}

/** All containers as one curve: what was known of each at a time, added. */
function sumUp(curves: readonly Curve[]): Curve[] {
  if (curves.length === 0) return [];
  const times = [...new Set(curves.flatMap(({ points }) => points.map(([time]) => Math.ceil(time / 5000) * 5000)))].toSorted(
    (a, b) => a - b,
  );
  const values = curves.map(({ points }) => valueAt(points));
  return [
    {
      name: t("all"),
      color: 0,
      line: "solid",
      points: times.map((time) => [time, values.reduce((sum, value) => sum + value(time), 0)] as const),
    },
  ];
}

/** Old samples are far apart, and not of the same moments: each counts until the next. Asked for growing times. */
function valueAt(points: Curve["points"]): (time: number) => number {
  let index = 0;
  return (time) => {
    while (index + 1 < points.length && points[index + 1]![0] <= time) index++;
    const [when, value] = points[index]!;
    return when <= time && time - when <= LONGEST_GAP_MS ? (value ?? 0) : 0;
  };
}
