/** One version of a Dockerfile's text with what the parser made of it; every feature reads from here. */
import type { Position } from "vscode-languageserver";
import { parseDockerfile } from "../../../../engine/syntax/dockerfile/parse.ts";
import { keywordOf } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Keyword } from "../../../../engine/syntax/dockerfile/problems.ts";
import type { Dockerfile, Instruction, Stage } from "../../../../engine/syntax/dockerfile/tree.ts";
import type { OpenDocument } from "../feature.ts";
import { comparePositions } from "../positions.ts";

export interface DockerfileDocument {
  readonly lines: readonly string[];
  readonly tree: Dockerfile;
}

/** Parses once; callers keep the result as long as the text is the same. */
export function readDocument(text: string): DockerfileDocument {
  const tree = parseDockerfile(text);
  return { tree, lines: text.replace(/^\uFEFF/, "").split(/\r?\n/) };
}

const read = new WeakMap<OpenDocument, DockerfileDocument>();

/** The tree of an open document; each version is parsed once, whoever asks. */
export function documentOf(document: OpenDocument): DockerfileDocument {
  const known = read.get(document) ?? readDocument(document.text);
  read.set(document, known);
  return known;
}

/** The stage that a line belongs to; undefined before the first FROM. */
export function stageAt({ tree }: DockerfileDocument, line: number): Stage | undefined {
  return tree.stages.findLast((stage) => stage.range.start.line <= line);
}

/** The instruction whose text, heredocs included, holds the position. */
export function instructionAt({ tree }: DockerfileDocument, position: Position): Instruction | undefined {
  const found = tree.instructions.findLast(({ range }) => comparePositions(range.start, position) <= 0);
  return found && position.line <= found.range.end.line ? found : undefined;
}

/** What stands before the cursor in the instruction that is being typed. */
export interface Cursor {
  /** Undefined while the instruction's own name is typed. */
  readonly keyword: Keyword | undefined;
  /** Behind ONBUILD. */
  readonly trigger: boolean;
  /** From the instruction's name (or the trigger's) to the cursor, continuation lines joined. */
  readonly before: string;
  /** The piece between white space that ends at the cursor. */
  readonly word: string;
  /** Whole words of the arguments before `word`, flags left out. */
  readonly words: readonly string[];
  readonly instruction: Instruction | undefined;
}

/** Undefined in comments, in heredocs and behind the end of a line that nobody continues. */
export function cursorAt(document: DockerfileDocument, position: Position): Cursor | undefined {
  const { lines, tree } = document;
  const own = (lines[position.line] ?? "").slice(0, position.character);
  if (/^\s*#/.test(own)) return undefined;
  const start = startOf(document, position.line);
  const instruction = tree.instructions.findLast(({ range }) => range.start.line <= position.line);
  if (inHeredoc(instruction, position.line)) return undefined;
  const parts = lines.slice(start, position.line).filter((line) => !/^\s*(#|$)/.test(line));
  const before = [...parts.map((line) => line.replace(/[\\`][ \t]*$/, "")), own].join("").trimStart();
  return readCursor(before, instruction && instruction.range.start.line === start ? instruction : undefined);
}

function readCursor(before: string, instruction: Instruction | undefined): Cursor {
  const onbuild = /^onbuild\s+/i.exec(before);
  const text = onbuild ? before.slice(onbuild[0].length) : before;
  const pieces = text.split(/\s+/);
  const word = pieces.at(-1) ?? "";
  const named = pieces.length > 1;
  const words = pieces.slice(1, -1).filter((piece) => !piece.startsWith("--"));
  return { keyword: named ? keywordOf(pieces[0]!) : undefined, trigger: onbuild !== null, before: text, word, words, instruction };
}

/** First line of the instruction that a line continues; the line itself when nothing continues into it. */
function startOf({ lines, tree }: DockerfileDocument, line: number): number {
  let start = line;
  for (let at = line - 1; at >= 0; at--) {
    const text = lines[at]!;
    if (/^\s*(#|$)/.test(text)) continue;
    if (!text.trimEnd().endsWith(tree.escape)) break;
    start = at;
  }
  return start;
}

function inHeredoc(instruction: Instruction | undefined, line: number): boolean {
  return instruction?.heredocs.some(({ contentRange: { start, end } }) => start.line <= line && line <= end.line) ?? false;
}
