/** Semantic tokens as the protocol sends them: five numbers each, relative to the token before. */
import { tokenModifiers, tokenTypes } from "./dockerfile/tokens.ts";
import type { Token } from "./dockerfile/tokens.ts";

export function encodeTokens(tokens: readonly Token[]): number[] {
  let line = 0;
  let character = 0;
  return tokens.flatMap(({ range: { start, end }, type, modifier }) => {
    const delta = [start.line - line, start.line === line ? start.character - character : start.character];
    [line, character] = [start.line, start.character];
    const modifiers = modifier === undefined ? 0 : 1 << tokenModifiers.indexOf(modifier);
    return [...delta, end.character - start.character, tokenTypes.indexOf(type), modifiers];
  });
}
