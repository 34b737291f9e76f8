/**
 * Formatting of a Dockerfile: names of instructions in one case, one space behind them, continued lines indented, nothing
 * behind the last character. Heredocs, and lines that begin inside a quoted text, stay as they are: there white space counts.
 */
import type { FormattingOptions, Range, TextEdit } from "vscode-languageserver";
import { keywordOf } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Instruction } from "../../../../engine/syntax/dockerfile/tree.ts";
import { onLine } from "../positions.ts";
import type { DockerfileDocument } from "./document.ts";

/** Edits of the lines that the range touches, or of all. */
export function format(document: DockerfileDocument, options: FormattingOptions, range?: Range): TextEdit[] {
  const wanted = formatted(document, options);
  return document.lines.flatMap((line, index) => {
    if (range && (index < range.start.line || index > range.end.line)) return [];
    const text = wanted[index]!;
    return text === line ? [] : [{ range: onLine(index, 0, line.length), newText: text }];
  });
}

function formatted({ tree, lines }: DockerfileDocument, options: FormattingOptions): string[] {
  const indent = options.insertSpaces ? " ".repeat(options.tabSize) : "\t";
  const result = [...lines];
  const toCase = caseOf(tree.instructions);
  for (const { range } of tree.comments) result[range.start.line] = result[range.start.line]!.trimEnd();
  for (const instruction of tree.instructions) {
    const first = instruction.range.start.line;
    const open = new Quotes(tree.escape);
    for (let line = first; line <= instruction.range.end.line; line++) {
      if (inHeredoc(instruction, line)) continue;
      const text = lines[line]!;
      const inside = open.inside;
      const isComment = /^\s*#/.test(text);
      if (!isComment) open.read(text);
      if (inside) continue;
      result[line] = line === first ? firstLine(text, instruction, toCase) : continued(text, indent, tree.escape);
      if (open.inside) result[line] += trailing(text);
    }
  }
  for (const [line, text] of result.entries())
    if (/^[ \t]+$/.test(text) && !tree.instructions.some((one) => inHeredoc(one, line))) result[line] = "";
  return result;
}

/** White space at the end of a line belongs to a quoted text that goes on. */
const trailing = (text: string): string => /[ \t]*$/.exec(text)![0];

function inHeredoc({ heredocs }: Instruction, line: number): boolean {
  return heredocs.some(({ contentRange: { start, end } }) => start.line <= line && line <= end.line);
}

function caseOf(instructions: readonly Instruction[]): (name: string) => string {
  const lower = instructions.filter(({ name }) => name === name.toLowerCase()).length;
  return lower > instructions.length / 2 ? (name) => name.toLowerCase() : (name) => name.toUpperCase();
}

function firstLine(text: string, { name }: Instruction, toCase: (name: string) => string): string {
  const rest = text.trimStart().slice(name.length);
  const cased = keywordOf(name) ? toCase(name) : name;
  const arguments_ = rest.trim();
  return arguments_ === "" ? cased : `${cased} ${arguments_}`;
}

/** Deeper indentation is kept: people align what belongs together. A line that ends its instruction's text at the margin is indented too. */
function continued(text: string, indent: string, escape: string): string {
  const own = /^[ \t]*/.exec(text)![0];
  const rest = text.slice(own.length).trimEnd();
  if (rest === "" || rest === escape) return rest;
  return (width(own) < width(indent) ? indent : own) + rest;
}

const width = (indent: string): number => indent.replaceAll("\t", "    ").length;

/** Whether a quoted text is open at the end of the lines read so far. */
class Quotes {
  readonly #escape: string;
  #quote = "";

  constructor(escape: string) {
    this.#escape = escape;
  }

  get inside(): boolean {
    return this.#quote !== "";
  }

  read(line: string): void {
    const text = line.trimEnd();
    for (let at = 0; at < text.length; at++) {
      const char = text[at]!;
      if (char === this.#escape && this.#quote !== "'") at++;
      else if (this.#quote !== "" ? char === this.#quote : char === "'" || char === '"') this.#quote = this.#quote === "" ? char : "";
    }
  }
}
