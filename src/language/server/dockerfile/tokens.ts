/** Semantic tokens of a Dockerfile. */
import type { Range } from "vscode-languageserver";
import type { Instruction } from "../../../../engine/syntax/dockerfile/tree.ts";
import { onLine } from "../positions.ts";
import type { DockerfileDocument } from "./document.ts";
import { occurrences, variableUses } from "./names.ts";

export const tokenTypes = ["keyword", "comment", "variable", "parameter", "property", "class", "string", "macro", "operator"] as const;
export const tokenModifiers = ["declaration", "deprecated"] as const;

type TokenType = (typeof tokenTypes)[number];

export interface Token {
  readonly range: Range;
  readonly type: TokenType;
  readonly modifier?: (typeof tokenModifiers)[number];
}

/** One line each, in order, never overlapping. */
export function tokens(document: DockerfileDocument): Token[] {
  const { tree } = document;
  const found = [
    ...tree.directives.map(({ range }): Token => ({ range, type: "macro" })),
    ...tree.comments.map(({ range }): Token => ({ range, type: "comment" })),
    ...occurrences(document).map(({ kind, definition, range }): Token => {
      const type = kind === "stage" ? "class" : "variable";
      return definition ? { range, type, modifier: "declaration" } : { range, type };
    }),
    ...tree.instructions.flatMap((instruction) => instructionTokens(document, instruction)),
  ];
  return withoutOverlaps(found.filter(({ range }) => range.start.line === range.end.line && range.end.character > range.start.character));
}

function instructionTokens(document: DockerfileDocument, instruction: Instruction): Token[] {
  const name: Token = {
    range: instruction.nameRange,
    type: "keyword",
    ...(instruction.kind === "MAINTAINER" && { modifier: "deprecated" as const }),
  };
  const uses = variableUses(document, instruction).map(({ range }): Token => ({ range, type: "variable" }));
  return [name, ...uses, ...flagTokens(document, instruction), ...ownTokens(instruction)];
}

function flagTokens({ lines }: DockerfileDocument, { flags }: Instruction): Token[] {
  return flags.map(({ name, range: { start } }): Token => {
    const length = (lines[start.line] ?? "").startsWith(`--${name}`, start.character) ? name.length + 2 : 0;
    return { range: onLine(start.line, start.character, start.character + length), type: "parameter" };
  });
}

function ownTokens(instruction: Instruction): Token[] {
  const heredocs = instruction.heredocs.flatMap(({ range, contentRange: { end }, name }): Token[] => [
    { range, type: "operator" },
    { range: onLine(end.line, Math.max(0, end.character - name.length), end.character), type: "operator" },
  ]);
  switch (instruction.kind) {
    case "ONBUILD":
      return [{ range: instruction.trigger.nameRange, type: "keyword" }];
    case "FROM": {
      const as = instruction.words[1];
      return [{ range: instruction.image.range, type: "class" }, ...(as ? [{ range: as.range, type: "keyword" as const }] : [])];
    }
    case "LABEL":
      return instruction.pairs.map(({ key, range: { start } }) => ({
        range: onLine(start.line, start.character, start.character + key.length),
        type: "property",
      }));
    default:
      return instruction.json ? instruction.words.map(({ range }) => ({ range, type: "string" })) : heredocs;
  }
}

function withoutOverlaps(found: Token[]): Token[] {
  const kept: Token[] = [];
  const byPlace = (a: Token, b: Token): number =>
    a.range.start.line - b.range.start.line || a.range.start.character - b.range.start.character;
  // The sort is stable: of two that begin together the first in the list, which says more, is kept.
  for (const token of found.toSorted(byPlace)) {
    const last = kept.at(-1)?.range;
    if (last?.start.line === token.range.start.line && last.end.character > token.range.start.character) continue;
    kept.push(token);
  }
  return kept;
}
