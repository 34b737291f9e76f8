/**
 * Help text, laid out as docker's.
 */
import type { Flag, FlagTable } from "./flags.ts";

/** Lines of `Options:`, wrapped to `columns`. */
export function flagLines(table: FlagTable, columns = 80): string[] {
  const shown = Object.entries(table)
    .filter(([, flag]) => !flag.hidden)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const heads = shown.map(([name, flag]) => `  ${flag.short ? `-${flag.short}, ` : "    "}--${name}${flag.type ? ` ${flag.type}` : ""}`);
  const indent = Math.max(0, ...heads.map((head) => head.length)) + 3;
  return shown.map(([, flag], at) => heads[at]!.padEnd(indent) + wrap(describe(flag), indent, columns - 1));
}

function describe(flag: Flag<unknown>): string {
  if (flag.defaultText !== undefined) return `${flag.help} (default ${flag.defaultText})`;
  if (flag.initial === true) return `${flag.help} (default true)`;
  if (flag.type === "string" && flag.initial) return `${flag.help} (default ${JSON.stringify(flag.initial)})`;
  return flag.help;
}

/** pflag lets a line run over by this much rather than leave an orphan. */
const SLOP = 5;
const NARROWEST = 24;

/** pflag's wrapping: `indent` columns are taken already. */
export function wrap(text: string, indent: number, columns: number): string {
  let left = indent;
  let lines = "";
  if (columns - left < NARROWEST) {
    left = 16;
    lines = `\n${" ".repeat(left)}`;
  }
  const margin = `\n${" ".repeat(left)}`;
  const width = columns - left - SLOP;
  let rest = text;
  for (;;) {
    const [line, more] = cut(rest, width);
    lines += line.replaceAll("\n", margin);
    if (more === "") return lines;
    lines += margin;
    rest = more;
  }
}

function cut(text: string, width: number): [line: string, rest: string] {
  if (width + SLOP > text.length) return [text, ""];
  const head = text.slice(0, width);
  const space = Math.max(head.lastIndexOf(" "), head.lastIndexOf("\t"), head.lastIndexOf("\n"));
  if (space <= 0) return [text, ""];
  const newline = head.lastIndexOf("\n");
  if (newline > 0 && newline < space) return [text.slice(0, newline), text.slice(newline + 1)];
  return [text.slice(0, space), text.slice(space + 1)];
}

export interface HelpPage {
  /** `berth run`. */
  readonly path: string;
  /** What follows the path; several lines for several forms. */
  readonly usage: string;
  readonly about: string;
  /** Full paths of the same command. */
  readonly aliases: readonly string[];
  readonly flags: FlagTable;
}

/** The page of one command. */
export function commandHelp(page: HelpPage, columns?: number): string {
  const aliases = page.aliases.length > 1 ? `Aliases:\n  ${page.aliases.join(", ")}\n\n` : "";
  const lines = flagLines(page.flags, columns);
  const options = lines.length > 0 ? `Options:\n${lines.join("\n")}\n` : "";
  return `${usageLine(page)}\n\n${page.about}\n\n${aliases}${options}`.trimEnd() + "\n";
}

/** `Usage:  berth run [OPTIONS] …`; the second form of a command goes below the first. */
export function usageLine(page: Pick<HelpPage, "path" | "usage">): string {
  return `Usage:  ${page.usage
    .split("\n")
    .map((form) => `${page.path} ${form}`.trimEnd())
    .join("\n\t")}`;
}

/** `  name        summary` lines under a title. */
export function commandLines(title: string, entries: readonly { name: string; summary: string }[]): string {
  const width = Math.max(11, ...entries.map(({ name }) => name.length));
  return `${title}:\n${entries.map(({ name, summary }) => `  ${name.padEnd(width)} ${summary}`).join("\n")}\n`;
}

/** The names that are nearest to what was typed, if they are one or two keystrokes away. */
export function suggest(typed: string, names: readonly string[]): string[] {
  const near = names.map((name) => ({ name, distance: editDistance(typed, name) }));
  const best = Math.min(...near.map(({ distance }) => distance));
  return near
    .filter(({ name, distance }) => distance === best && distance <= 2 && distance < Math.max(typed.length, name.length) - 1)
    .map(({ name }) => name);
}

/** Insertions, deletions, replacements and swaps of neighbors between two words. */
export function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_row, i) =>
    Array.from({ length: b.length + 1 }, (_cell, j) => (i === 0 ? j : j === 0 ? i : 0)),
  );
  for (let i = 1; i <= a.length; i++)
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let best = Math.min(rows[i - 1]![j]! + 1, rows[i]![j - 1]! + 1, rows[i - 1]![j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) best = Math.min(best, rows[i - 2]![j - 2]! + 1);
      rows[i]![j] = best;
    }
  return rows[a.length]![b.length]!;
}
