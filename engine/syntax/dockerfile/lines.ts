/**
 * Physical lines and logical lines. A logical line is one instruction: its physical lines joined at the escape
 * character, comment lines and empty lines between them left out, and a map back to where each character stands.
 */
import type { Position, Range } from "./tree.ts";

/** A physical line; `end` is its line end as written, empty for a last line without one. */
export interface SourceLine {
  readonly text: string;
  readonly end: string;
}

interface Piece {
  readonly offset: number;
  readonly line: number;
  readonly character: number;
}

/** Splits at `\n` and `\r\n`; a byte order mark at the start is not part of the first line. */
export function splitLines(text: string): SourceLine[] {
  const lines: SourceLine[] = [];
  for (const match of text.replace(/^\uFEFF/, "").matchAll(/([^\n]*?)(\r?\n|$)/g)) {
    if (match[0] === "") break;
    lines.push({ text: match[1]!, end: match[2]! });
  }
  return lines;
}

/** The range of a whole physical line, without its end. */
export function lineRange(line: number, text: string): Range {
  return { start: { line, character: 0 }, end: { line, character: text.length } };
}

/** One instruction's text and where each of its characters comes from. */
export class LogicalLine {
  text = "";
  readonly #pieces: Piece[] = [];

  append(text: string, line: number, character: number): void {
    this.#pieces.push({ offset: this.text.length, line, character });
    this.text += text;
  }

  /** Where the character at `offset` stands. */
  position(offset: number): Position {
    return this.#locate(offset, (piece) => piece.offset <= offset);
  }

  /** Offsets in `text`, end exclusive, as a range of the file. */
  range(start: number, end: number): Range {
    return { start: this.position(start), end: this.#locate(end, (piece) => piece.offset < end || piece.offset === 0) };
  }

  #locate(offset: number, before: (piece: Piece) => boolean): Position {
    const piece = this.#pieces.findLast(before) ?? { offset: 0, line: 0, character: 0 };
    return { line: piece.line, character: piece.character + offset - piece.offset };
  }
}

export function isComment(text: string): boolean {
  return /^\s*#/.test(text);
}

/** The line without its continuation, or undefined when it does not continue. An escaped escape does not continue. */
export function withoutContinuation(text: string, escape: "\\" | "`"): string | undefined {
  const match = /[ \t]*$/.exec(text)!;
  const last = match.index - 1;
  if (text[last] !== escape || text[last - 1] === escape) return undefined;
  return text.slice(0, last);
}
