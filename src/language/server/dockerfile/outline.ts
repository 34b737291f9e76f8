/** Outline, folding and links of a Dockerfile. */
import type { DocumentLink, DocumentSymbol, FoldingRange } from "vscode-languageserver";
import { FoldingRangeKind, SymbolKind } from "vscode-languageserver";
import { parseReference } from "../../../../engine/syntax/reference.ts";
import type { Instruction, Stage } from "../../../../engine/syntax/dockerfile/tree.ts";
import { imageUrl } from "../image-url.ts";
import type { DockerfileDocument } from "./document.ts";
import { stageCalled } from "./names.ts";

export function symbols({ tree }: DockerfileDocument): DocumentSymbol[] {
  return [...tree.globalArgs.map(instructionSymbol), ...tree.stages.map(stageSymbol)];
}

function stageSymbol(stage: Stage): DocumentSymbol {
  return {
    name: stage.name ?? stage.from.image.text,
    detail: stage.name === undefined ? `stage ${stage.index}` : stage.from.image.text,
    kind: SymbolKind.Class,
    range: stage.range,
    selectionRange: stage.from.stageRange ?? stage.from.image.range,
    children: stage.instructions.map(instructionSymbol),
  };
}

const kinds: Partial<Record<Instruction["kind"], SymbolKind>> = {
  RUN: SymbolKind.Function,
  COPY: SymbolKind.File,
  ADD: SymbolKind.File,
  ARG: SymbolKind.Variable,
  ENV: SymbolKind.Variable,
  CMD: SymbolKind.Event,
  ENTRYPOINT: SymbolKind.Event,
  EXPOSE: SymbolKind.Interface,
  LABEL: SymbolKind.String,
};

function instructionSymbol(instruction: Instruction): DocumentSymbol {
  const rest = instruction.rest.replaceAll(/\s+/g, " ").trim();
  return {
    name: instruction.name.toUpperCase(),
    detail: rest.length > 60 ? `${rest.slice(0, 59)}…` : rest,
    kind: kinds[instruction.kind] ?? SymbolKind.Property,
    range: instruction.range,
    selectionRange: instruction.nameRange,
  };
}

/** Stages, instructions and heredocs of several lines, blocks of comments, `#region`. */
export function folding({ tree, lines }: DockerfileDocument): FoldingRange[] {
  const fold = (startLine: number, endLine: number, kind?: FoldingRangeKind): FoldingRange[] =>
    endLine > startLine ? [{ startLine, endLine, ...(kind && { kind }) }] : [];
  return [
    ...tree.stages.flatMap(({ range }) => fold(range.start.line, range.end.line)),
    ...tree.instructions.flatMap(({ range }) => fold(range.start.line, range.end.line)),
    ...commentBlocks(lines).flatMap(([start, end]) => fold(start, end, FoldingRangeKind.Comment)),
    ...regions(tree.comments.map(({ text, range }) => ({ text, line: range.start.line }))).flatMap(([start, end]) =>
      fold(start, end, FoldingRangeKind.Region),
    ),
  ];
}

function commentBlocks(lines: readonly string[]): [number, number][] {
  const blocks: [number, number][] = [];
  for (let line = 0; line < lines.length; line++) {
    const start = line;
    while (line + 1 < lines.length && /^\s*#/.test(lines[line]!) && /^\s*#/.test(lines[line + 1]!)) line++;
    if (line > start) blocks.push([start, line]);
  }
  return blocks;
}

function regions(comments: readonly { text: string; line: number }[]): [number, number][] {
  const open: number[] = [];
  return comments.flatMap(({ text, line }): [number, number][] => {
    if (/^region\b/.test(text)) open.push(line);
    const start = /^endregion\b/.test(text) ? open.pop() : undefined;
    return start === undefined ? [] : [[start, line]];
  });
}

/** Images lead to their registry's page, URLs of ADD to themselves. */
export function links({ tree }: DockerfileDocument): DocumentLink[] {
  const images = tree.stages.flatMap(({ from, index }) => {
    const { text, range } = from.image;
    if (text === "scratch" || text.includes("$") || stageCalled(tree, text, index)) return [];
    const read = parseReference(text);
    const target = "reference" in read ? imageUrl(read.reference) : undefined;
    return target === undefined ? [] : [{ range, target, tooltip: text }];
  });
  const remote = tree.instructions.flatMap((instruction) =>
    instruction.kind === "ADD"
      ? instruction.sources.filter(({ text }) => /^https?:\/\/[^$]+$/.test(text)).map(({ text, range }) => ({ range, target: text }))
      : [],
  );
  return [...images, ...remote];
}
