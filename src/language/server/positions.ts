/** Positions and ranges, as the editor counts them: lines and UTF-16 units from 0, ends exclusive. */
import type { Position, Range } from "vscode-languageserver";

/** Negative when `a` is before `b`. */
export function comparePositions(a: Position, b: Position): number {
  return a.line - b.line || a.character - b.character;
}

/** Whether the position is in the range or touches its end. */
export function touches(range: Range, position: Position): boolean {
  return comparePositions(range.start, position) <= 0 && comparePositions(position, range.end) <= 0;
}

export function overlaps(a: Range, b: Range): boolean {
  return comparePositions(a.start, b.end) <= 0 && comparePositions(b.start, a.end) <= 0;
}

/** A range within one line. */
export function onLine(line: number, start: number, end: number): Range {
  return { start: { line, character: start }, end: { line, character: end } };
}

/** The text of a range. */
export function textIn(lines: readonly string[], { start, end }: Range): string {
  if (start.line === end.line) return (lines[start.line] ?? "").slice(start.character, end.character);
  const first = (lines[start.line] ?? "").slice(start.character);
  return [first, ...lines.slice(start.line + 1, end.line), (lines[end.line] ?? "").slice(0, end.character)].join("\n");
}

/** The word around a character of a line; `pattern` must be global and match whole words. */
export function wordAt(line: string, character: number, pattern: RegExp): { text: string; start: number; end: number } | undefined {
  for (const match of line.matchAll(pattern)) {
    const end = match.index + match[0].length;
    if (match.index <= character && character <= end) return { text: match[0], start: match.index, end };
  }
  return undefined;
}
