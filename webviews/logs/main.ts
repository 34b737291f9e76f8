/** The Logs page: what a container printed, with a search that reaches back, following what comes. */
import "./logs.css";
import type { FromLogsPage, LogRecord, ToLogsPage } from "../protocol.ts";
import { registerControls } from "../ui/controls.ts";
import { matcher, MOST_LINES } from "./lines.ts";

declare function acquireVsCodeApi(): { postMessage(message: FromLogsPage): void };

registerControls();

const find = <T extends HTMLElement>(selector: string): T => document.querySelector<T>(selector)!;
const list = find<HTMLDivElement>(".lines");
const search = find<HTMLInputElement>("#search");
const follow = find<HTMLInputElement>("#follow");
const times = find<HTMLInputElement>("#times");
const count = find<HTMLSpanElement>(".count");

const records: LogRecord[] = [];
let shows = matcher("");

function row(record: LogRecord): HTMLElement {
  const line = document.createElement("div");
  line.className = `line ${record.stream}`;
  const time = document.createElement("span");
  time.className = "time";
  time.textContent = record.time.slice(11, 23);
  time.title = record.time;
  const text = document.createElement("span");
  text.textContent = record.text;
  line.append(time, text);
  return line;
}

function append(lines: readonly LogRecord[]): void {
  const page = document.createDocumentFragment();
  for (const record of lines) if (shows(record)) page.append(row(record));
  list.append(page);
  while (list.childElementCount > MOST_LINES) list.firstElementChild?.remove();
  count.textContent = `${list.childElementCount} / ${records.length}`;
  if (follow.checked) list.scrollTop = list.scrollHeight;
}

function redraw(): void {
  shows = matcher(search.value);
  list.replaceChildren();
  append(records);
}

function note(text: string): void {
  const line = document.createElement("div");
  line.className = "line note";
  line.textContent = text;
  list.append(line);
}

search.addEventListener("input", redraw);
times.addEventListener("change", () => list.classList.toggle("hide-times", !times.checked));
window.addEventListener("message", ({ data }: MessageEvent<ToLogsPage>) => {
  if (data.type === "note") return note(data.text);
  records.push(...data.lines);
  if (records.length > MOST_LINES) records.splice(0, records.length - MOST_LINES);
  append(data.lines);
});
acquireVsCodeApi().postMessage({ type: "ready" });
