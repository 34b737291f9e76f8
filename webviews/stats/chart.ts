/** One chart: curves over time, with a mark where something happened. Drawn anew only when its curves are others. */
import UPlot from "uplot";
import type { StatsMark } from "../protocol.ts";
import { element, t } from "../ui/page.ts";

export interface Curve {
  readonly name: string;
  /** Curves of one container have one color, in all charts. */
  readonly color: number;
  readonly line: "solid" | "dashed" | "limit";
  /** Milliseconds since the epoch, and a value or a gap. */
  readonly points: readonly (readonly [number, number | null])[];
}

export interface Window {
  readonly from: number;
  readonly to: number;
  /** In order of time, with what is written beside them. */
  readonly marks: readonly (StatsMark & { readonly words: string })[];
}

const HEIGHT = 170;
/** The theme's; its orange is made for something else, and hard to see on a dark ground. */
const COLORS = ["charts-blue", "charts-green", "charts-purple", "charts-yellow", "charts-red", "terminal-ansiCyan"];

/** The color of a container, by the order in which they came. */
export const colorOf = (index: number): string => color(`--vscode-${COLORS[index % COLORS.length]}`, "#48f");

const color = (name: string, or: string): string => getComputedStyle(document.body).getPropertyValue(name).trim() || or;

export class Chart {
  readonly element: HTMLElement;
  readonly #format: (value: number) => string;
  readonly #title: string;
  readonly #plot = element("div", { class: "plot" });
  readonly #tip = element("div", { class: "tip", hidden: true });
  #drawn: UPlot | undefined;
  #names = "";
  #window: Window = { from: 0, to: 0, marks: [] };

  readonly #least: number;

  constructor(title: string, { format, least }: { format: (value: number) => string; least: number }) {
    this.#least = least;
    this.#title = title;
    this.#format = format;
    this.element = element("section", { class: "chart", "aria-label": title }, element("h2", {}, title), this.#plot, this.#tip);
    this.#plot.setAttribute("role", "img");
  }

  /** Colors may have changed. */
  forget(): void {
    this.#names = "";
  }

  draw(curves: readonly Curve[], window: Window): void {
    this.#window = window;
    const data = aligned(curves);
    this.#plot.setAttribute("aria-label", this.#words(curves));
    const names = curves.map(({ name, color: ink, line }) => `${name} ${ink} ${line}`).join("\n");
    const width = Math.max(200, this.element.clientWidth);
    if (this.#drawn && names === this.#names) {
      if (this.#drawn.width !== width) this.#drawn.setSize({ width, height: HEIGHT });
      this.#drawn.setData(data);
      return;
    }
    this.#names = names;
    this.#drawn?.destroy();
    this.#drawn = new UPlot(this.#options(curves, width), data, this.#plot);
  }

  #options(curves: readonly Curve[], width: number): UPlot.Options {
    const ink = color("--vscode-foreground", "#888");
    // The lines of high contrast themes are as strong as what they are behind.
    const strong = document.body.classList.contains("vscode-high-contrast");
    const grid = strong ? "#8886" : "#8884";
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    return {
      width,
      height: HEIGHT,
      // Room for the words of the marks, where no curve and no line goes through them.
      padding: [22, null, null, null],
      scales: {
        x: { time: true, range: () => [this.#window.from / 1000, this.#window.to / 1000] },
        y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, this.#least)] },
      },
      axes: [
        { ...axis, size: 32, space: 80, values: (_plot, times) => clockWords(times) },
        { ...axis, size: 74, values: (_plot, values) => values.map((value) => this.#format(value)) },
      ],
      series: [{}, ...curves.map((curve) => this.#series(curve))],
      // One for all charts is above them.
      legend: { show: false },
      hooks: { draw: [(plot) => this.#drawMarks(plot)], setCursor: [(plot) => this.#showTip(plot, curves)] },
    };
  }

  #series({ name: label, color: index, line }: Curve): UPlot.Series {
    const dashes = { solid: [], dashed: [2, 3], limit: [8, 4] }[line];
    return { label, stroke: colorOf(index), width: 1.5, dash: dashes, spanGaps: true, points: { show: false } };
  }

  /** What the curves are where the mouse is. */
  #showTip(plot: UPlot, curves: readonly Curve[]): void {
    const { idx, left = 0 } = plot.cursor;
    const values = curves.flatMap(({ name, color: ink }, index) => {
      const value = idx === null || idx === undefined ? undefined : plot.data[index + 1]?.[idx];
      return typeof value === "number" ? [{ name, ink, value }] : [];
    });
    this.#tip.hidden = left < 0 || values.length === 0;
    if (this.#tip.hidden) return;
    const rows = values.map(({ name, ink, value }) => {
      const swatch = element("span", { class: "swatch" });
      swatch.style.borderColor = colorOf(ink);
      return element("div", {}, swatch, `${name} `, element("b", {}, this.#format(value)));
    });
    this.#tip.replaceChildren(element("div", { class: "quiet" }, new Date(plot.data[0]![idx!]! * 1000).toLocaleTimeString()), ...rows);
    const onRight = left > plot.over.clientWidth / 2;
    this.#tip.style.left = onRight ? "" : `${plot.over.offsetLeft + left + 12}px`;
    this.#tip.style.right = onRight ? `${this.element.clientWidth - plot.over.offsetLeft - left + 12}px` : "";
  }

  #drawMarks(plot: UPlot): void {
    const { ctx, bbox } = plot;
    let free = 0;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    // The axes leave theirs behind.
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    for (const { time, action, words } of this.#window.marks) {
      const x = plot.valToPos(time / 1000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const bad = /oom|die|unhealthy/.test(action);
      ctx.strokeStyle = ctx.fillStyle = bad ? color("--vscode-errorForeground", "#f44") : color("--vscode-descriptionForeground", "#888");
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      const size = 3 * devicePixelRatio;
      ctx.beginPath();
      ctx.moveTo(x - size, bbox.top - 2 * size);
      ctx.lineTo(x + size, bbox.top - 2 * size);
      ctx.lineTo(x, bbox.top);
      ctx.fill();
      ctx.font = `${10 * devicePixelRatio}px ${color("--vscode-font-family", "sans-serif")}`;
      // Words that would lie over others, or be cut off, are left out; the table has them.
      if (x < free || x + ctx.measureText(words).width + 2 * size > bbox.left + bbox.width) continue;
      ctx.fillStyle = color("--vscode-foreground", "#888");
      ctx.fillText(words, x + 2 * size, bbox.top - 3 * size);
      free = x + ctx.measureText(words).width + 4 * size;
    }
    ctx.restore();
  }

  /** The chart for those who cannot see it: the latest and the highest value of each curve. */
  #words(curves: readonly Curve[]): string {
    const words = curves.map(({ name, points }) => {
      const values = points.flatMap(([, value]) => (value === null ? [] : [value]));
      return values.length === 0
        ? name
        : t("{0}: now {1}, at most {2}", name, this.#format(values.at(-1)!), this.#format(Math.max(...values)));
    });
    return [this.#title, ...words].join(". ");
  }
}

/** Times of day, with seconds only where minutes would be the same. */
function clockWords(times: readonly number[]): string[] {
  const seconds = times.some((time) => time % 60 !== 0);
  const format = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit", ...(seconds ? { second: "2-digit" } : {}) });
  return times.map((time) => format.format(time * 1000));
}

/** As uPlot wants them: all times, and each curve's value or nothing at each. */
function aligned(curves: readonly Curve[]): UPlot.AlignedData {
  if (curves.length === 0) return [[]];
  return UPlot.join(curves.map(({ points }) => [points.map(([time]) => time / 1000), points.map(([, value]) => value)]));
}
