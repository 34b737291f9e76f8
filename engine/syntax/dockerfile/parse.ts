/** Reads a Dockerfile. Pure, and never throws: whatever the text, there is a tree and a list of problems. */
import type { HeredocStart } from "./heredoc.ts";
import { opensHeredocs, readBase, readInstruction } from "./instructions.ts";
import { isComment, lineRange, LogicalLine, splitLines, withoutContinuation } from "./lines.ts";
import type { SourceLine } from "./lines.ts";
import { noStage, unterminatedHeredoc } from "./problems.ts";
import type { Comment, Directive, Dockerfile, From, Heredoc, Instruction, Problem, Range, Stage, Variables } from "./tree.ts";
import { splitBlank } from "./words.ts";

/** Parses the text of a Dockerfile. */
export function parseDockerfile(text: string): Dockerfile {
  return new Parser(text).parse();
}

class Parser {
  readonly #text: string;
  readonly #lines: SourceLine[];
  readonly #directives: Directive[] = [];
  readonly #comments: Comment[] = [];
  readonly #instructions: Instruction[] = [];
  readonly #problems: Problem[] = [];
  #escape: "\\" | "`" = "\\";
  #at = 0;
  #above: string[] = [];

  constructor(text: string) {
    this.#text = text;
    this.#lines = splitLines(text);
  }

  parse(): Dockerfile {
    this.#readDirectives();
    while (this.#at < this.#lines.length) this.#readNext();
    if (this.#instructions.length === 0 && this.#problems.length === 0) {
      this.#problem("file with no instructions", lineRange(0, this.#lines[0]?.text ?? ""));
    }
    const { globalArgs, stages, problems } = group(this.#instructions);
    return {
      text: this.#text,
      escape: this.#escape,
      directives: this.#directives,
      comments: this.#comments,
      instructions: this.#instructions,
      globalArgs,
      stages,
      problems: [...this.#problems, ...problems].toSorted(byPlace),
    };
  }

  /** Directives are `# name=value` lines at the very top; the first line that is none ends them. */
  #readDirectives(): void {
    for (; this.#at < this.#lines.length; this.#at++) {
      const line = this.#lines[this.#at]!.text;
      const match = /^\s*#\s*([a-zA-Z][a-zA-Z0-9]*)\s*=\s*(.+?)\s*$/.exec(line);
      const name = match?.[1]!.toLowerCase();
      if (name !== "syntax" && name !== "escape" && name !== "check") return;
      this.#addDirective(name, match![2]!, this.#at);
    }
  }

  #addDirective(name: Directive["name"], value: string, line: number): void {
    const text = this.#lines[line]!.text;
    const range = lineRange(line, text);
    const start = text.lastIndexOf(value);
    const valueRange = { start: { line, character: start }, end: { line, character: start + value.length } };
    if (this.#directives.some((directive) => directive.name === name)) {
      this.#problem(`only one ${name} parser directive can be used`, range);
    } else if (name === "escape" && value !== "`" && value !== "\\") {
      this.#problem(`invalid escape token '${value}' does not match \` or \\`, valueRange);
    } else if (name === "escape") {
      this.#escape = value as "\\" | "`";
    }
    this.#directives.push({ name, value, range, valueRange });
  }

  #readNext(): void {
    const source = this.#lines[this.#at]!.text;
    if (isComment(source)) {
      this.#comment(source);
      this.#at++;
      return;
    }
    const line = this.#readLogicalLine();
    if (line.text.trim() === "") {
      this.#above = [];
      return;
    }
    this.#readLine(line);
    this.#above = [];
  }

  #comment(source: string): void {
    const text = source.trim().slice(1).trim();
    if (text === "") this.#above = [];
    else this.#above.push(text);
    const start = source.indexOf("#");
    this.#comments.push({
      text,
      range: { start: { line: this.#at, character: start }, end: { line: this.#at, character: source.length } },
    });
  }

  #readLogicalLine(): LogicalLine {
    const line = new LogicalLine();
    let source = this.#lines[this.#at]!.text;
    const indent = source.length - source.trimStart().length;
    source = source.slice(indent);
    let joined = withoutContinuation(source, this.#escape);
    line.append(joined ?? source, this.#at++, indent);
    let empty = false;
    while (joined !== undefined && this.#at < this.#lines.length) {
      source = this.#lines[this.#at]!.text;
      if (isComment(source)) this.#continuedComment(source);
      else if (source.trim() === "") empty = true;
      else {
        joined = withoutContinuation(source, this.#escape);
        line.append(joined ?? source, this.#at, 0);
      }
      this.#at++;
    }
    if (empty) this.#warn("Empty continuation line", line.range(0, line.text.length));
    return line;
  }

  #continuedComment(source: string): void {
    const above = this.#above;
    this.#comment(source);
    this.#above = above;
  }

  #readLine(line: LogicalLine): void {
    const parts = readBase(line, 0, this.#above);
    const starts = opensHeredocs(line, parts.base, { rest: parts.rest, escape: this.#escape });
    const heredocs = starts.map((start) => this.#readHeredoc(line, start));
    const last = heredocs.at(-1);
    const range = { start: parts.base.range.start, end: last?.contentRange.end ?? parts.base.range.end };
    const base = { ...parts.base, range };
    const read = readInstruction(line, { base, rest: parts.rest }, { escape: this.#escape, heredocs });
    if ("kind" in read) {
      this.#instructions.push(read);
    } else {
      this.#problem(read.message, read.range ?? range, range);
      const words = splitBlank(line.text, parts.rest).map(({ text, start, end }) => ({ text, range: line.range(start, end) }));
      this.#instructions.push({ ...base, words, heredocs, kind: "INVALID" });
    }
  }

  #readHeredoc(line: LogicalLine, start: HeredocStart): Heredoc {
    const range = line.range(start.span.start, start.span.end);
    const first = this.#at;
    let content = "";
    for (; this.#at < this.#lines.length; this.#at++) {
      const { text, end } = this.#lines[this.#at]!;
      if ((start.chomp ? text.replace(/^\t+/, "") : text) === start.name) {
        const contentRange = { start: { line: first, character: 0 }, end: { line: this.#at, character: text.length } };
        this.#at++;
        return { name: start.name, expand: start.expand, chomp: start.chomp, content, range, contentRange };
      }
      content += text + end;
    }
    this.#problem(unterminatedHeredoc, range, line.range(0, line.text.length));
    const end = { line: Math.max(first, this.#lines.length - 1), character: this.#lines.at(-1)?.text.length ?? 0 };
    return { name: start.name, expand: start.expand, chomp: start.chomp, content, range, contentRange: { start: range.end, end } };
  }

  /** BuildKit counts from the first line of the instruction, so a range on a later line is widened to begin there. */
  #problem(message: string, range: Range, instruction: Range = range): void {
    const start = range.start.line === instruction.start.line ? range.start : instruction.start;
    this.#problems.push({ message, range: { start, end: range.end }, severity: "error" });
  }

  #warn(message: string, range: Range): void {
    this.#problems.push({ message, range, severity: "warning" });
  }
}

function byPlace(a: Problem, b: Problem): number {
  return a.range.start.line - b.range.start.line || a.range.start.character - b.range.start.character;
}

/** Sorts instructions into global ARGs and stages. */
function group(instructions: readonly Instruction[]): { globalArgs: Variables[]; stages: Stage[]; problems: Problem[] } {
  const globalArgs: Variables[] = [];
  const problems: Problem[] = [];
  const stages: { from: From; instructions: Instruction[] }[] = [];
  let broken = false;
  for (const instruction of instructions) {
    const stage = stages.at(-1);
    if (instruction.kind === "FROM") stages.push({ from: instruction, instructions: [] });
    else if (stage) stage.instructions.push(instruction);
    else if (instruction.kind === "ARG") globalArgs.push(instruction);
    else if (instruction.kind === "INVALID") broken = true;
    else if (!broken) problems.push({ message: noStage, range: instruction.range, severity: "error" });
  }
  return { globalArgs, problems, stages: stages.map(toStage) };
}

function toStage({ from, instructions }: { from: From; instructions: Instruction[] }, index: number): Stage {
  const end = (instructions.at(-1) ?? from).range.end;
  return { index, name: from.stage, from, instructions, range: { start: from.range.start, end } };
}
