/** One chart: curves over time, with a mark where something happened. Drawn anew only when its curves are others. */
import UPlot from "uplot";
import type { StatsMark } from "../protocol.ts";
import { element, t } from "../ui/page.ts";

export interface Curve {
  readonly name: string;
  readonly dashed: boolean;
  /** Milliseconds since the epoch, and a value or a gap. */
  readonly points: readonly (readonly [number, number | null])[];
}

export interface Window {
  readonly from: number;
  readonly to: number;
  readonly marks: readonly StatsMark[];
}

const HEIGHT = 170;
/** The theme's; its orange is made for something else, and hard to see on a dark ground. */
const COLORS = ["charts-blue", "charts-green", "charts-purple", "charts-yellow", "charts-red", "terminal-ansiCyan"];

const color = (name: string, or: string): string => getComputedStyle(document.body).getPropertyValue(name).trim() || or;

export class Chart {
  readonly element: HTMLElement;
  readonly #format: (value: number) => string;
  readonly #title: string;
  readonly #plot = element("div");
  #drawn: UPlot | undefined;
  #names = "";
  #window: Window = { from: 0, to: 0, marks: [] };

  readonly #least: number;

  constructor(title: string, { format, least }: { format: (value: number) => string; least: number }) {
    this.#least = least;
    this.#title = title;
    this.#format = format;
    this.element = element("section", { class: "chart", "aria-label": title }, element("h2", {}, title), this.#plot);
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
    const names = curves.map(({ name }) => name).join("\n");
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
    const grid = strong ? "#8886" : color("--vscode-editorIndentGuide-background1", color("--vscode-panel-border", "#8884"));
    const axis = { stroke: ink, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1 } };
    return {
      width,
      height: HEIGHT,
      scales: {
        x: { time: true, range: () => [this.#window.from / 1000, this.#window.to / 1000] },
        y: { range: (_plot, _low, high) => [0, Math.max(high * 1.1, this.#least)] },
      },
      axes: [
        { ...axis, space: 80, values: (_plot, times) => clockWords(times) },
        { ...axis, size: 74, values: (_plot, values) => values.map((value) => this.#format(value)) },
      ],
      series: [{}, ...curves.map(({ name, dashed }, index) => this.#series(name, { dashed, index }))],
      hooks: { draw: [(plot) => this.#drawMarks(plot)] },
    };
  }

  #series(label: string, { dashed, index }: { dashed: boolean; index: number }): UPlot.Series {
    const stroke = dashed ? color("--vscode-errorForeground", "#f44") : color(`--vscode-${COLORS[index % COLORS.length]}`, "#48f");
    return {
      label,
      stroke,
      width: 1.5,
      ...(dashed ? { dash: [6, 4] } : {}),
      spanGaps: true,
      points: { show: false },
      value: (_plot, value: number | null) => (value === null ? "–" : this.#format(value)),
    };
  }

  #drawMarks(plot: UPlot): void {
    const { ctx, bbox } = plot;
    let free = 0;
    ctx.save();
    ctx.lineWidth = devicePixelRatio;
    // The axes leave theirs behind.
    ctx.textAlign = "left";
    ctx.textBaseline = "alphabetic";
    for (const { time, action } of this.#window.marks) {
      const x = plot.valToPos(time / 1000, "x", true);
      if (x < bbox.left || x > bbox.left + bbox.width) continue;
      const bad = /oom|die|unhealthy/.test(action);
      ctx.strokeStyle = ctx.fillStyle = bad ? color("--vscode-errorForeground", "#f44") : color("--vscode-descriptionForeground", "#888");
      ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
      ctx.font = `${10 * devicePixelRatio}px sans-serif`;
      // Words that would lie over others are left out; the table has them.
      if (x < free) continue;
      const words = action.replace("health_status: ", "");
      ctx.fillText(words, x + 3 * devicePixelRatio, bbox.top + 10 * devicePixelRatio);
      free = x + ctx.measureText(words).width + 6 * devicePixelRatio;
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
