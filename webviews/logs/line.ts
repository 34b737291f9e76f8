/** What a container printed, as one element: its colors, and what was searched for. */
import { element, t } from "../ui/page.ts";
import type { Inks } from "./inks.ts";
import { runsOf } from "./terminal-text.ts";
import type { Run } from "./terminal-text.ts";

/** Letters that are left in front of what was found far behind. */
const BEFORE_FOUND = 200;

export interface LineLooks {
  /** Letters that are drawn: a page is no place for a line of a megabyte. */
  readonly most: number;
  /** Without `g`, only the first place that it finds is marked. */
  readonly highlight: RegExp | undefined;
  readonly inks: Inks;
}

/** Letters run in their own direction without turning those of what stands before them. */
export function drawLine(line: string, { most, highlight, inks }: LineLooks): HTMLElement {
  const runs = runsOf(line);
  const text = runs.map((run) => run.text).join("");
  const found = placesOf(text, highlight);
  const start = text.length > most && (found[0]?.[0] ?? 0) > most ? found[0]![0] - BEFORE_FOUND : 0;
  const end = Math.min(text.length, start + most);
  const words = element("span", { class: "text", dir: "auto" });
  if (start > 0) words.append(hidden(start));
  let at = 0;
  for (const run of runs) {
    const [from, to] = [Math.max(at, start), Math.min(at + run.text.length, end)];
    if (from < to) words.append(...inked(run, marked(text, [from, to], found), inks));
    at += run.text.length;
  }
  if (end < text.length) words.append(hidden(text.length - end));
  return words;
}

function hidden(letters: number): HTMLElement {
  return element("span", { class: "quiet" }, ` ${t("… {0} more", letters.toLocaleString())} `);
}

type Place = readonly [from: number, to: number];

/** More of them than anybody sees would only take time. */
const MOST_PLACES = 200;

function placesOf(text: string, pattern: RegExp | undefined): Place[] {
  if (!pattern) return [];
  pattern.lastIndex = 0;
  const found: Place[] = [];
  for (let match = pattern.exec(text); match && found.length < MOST_PLACES; match = pattern.global ? pattern.exec(text) : null) {
    if (match[0] === "") pattern.lastIndex += 1;
    else found.push([match.index, match.index + match[0].length]);
  }
  return found;
}

/** A part of the text, with what was found of it in marks. */
function marked(text: string, [from, to]: Place, found: readonly Place[]): (Node | string)[] {
  const parts: (Node | string)[] = [];
  let at = from;
  for (const [start, end] of found) {
    const [first, last] = [Math.max(start, at), Math.min(end, to)];
    if (first >= last) continue;
    if (first > at) parts.push(text.slice(at, first));
    parts.push(element("mark", {}, text.slice(first, last)));
    at = last;
  }
  if (at < to) parts.push(text.slice(at, to));
  return parts;
}

function inked({ ink, ground, looks }: Run, parts: readonly (Node | string)[], inks: Inks): readonly (Node | string)[] {
  if (ink === undefined && ground === undefined && looks.length === 0) return parts;
  const made = element("span", { class: [ground === undefined ? "inked" : "grounded", ...looks].join(" ") }, ...parts);
  if (ground !== undefined) made.style.backgroundColor = inks.ground(ground);
  if (ink !== undefined) made.style.color = inks.ink(ink, ground);
  else if (ground !== undefined) made.style.color = inks.onGround(ground);
  return [made];
}
