/** Sample texts with a mark where the cursor is. */
import type { Position, TextEdit } from "vscode-languageserver";

/** Takes the first `¦` out and gives its place. */
export function marked(sample: string): { text: string; position: Position } {
  const at = sample.indexOf("¦");
  if (at < 0) throw new Error(`There is no ¦ in ${JSON.stringify(sample)}`);
  const before = sample.slice(0, at).split("\n");
  return { text: sample.slice(0, at) + sample.slice(at + 1), position: { line: before.length - 1, character: before.at(-1)!.length } };
}

/** The text after edits that do not overlap. */
export function applyEdits(text: string, edits: readonly TextEdit[]): string {
  const starts = [0];
  for (const match of text.matchAll(/\n/g)) starts.push(match.index + 1);
  const offset = ({ line, character }: Position): number => Math.min((starts[line] ?? text.length) + character, text.length);
  return edits
    .map(({ range, newText }) => ({ from: offset(range.start), to: offset(range.end), newText }))
    .toSorted((a, b) => b.from - a.from)
    .reduce((result, { from, to, newText }) => result.slice(0, from) + newText + result.slice(to), text);
}
