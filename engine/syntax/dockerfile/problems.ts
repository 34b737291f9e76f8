/**
 * The sentences for what is wrong in a Dockerfile: BuildKit's, because people search for them.
 * @see https://github.com/moby/buildkit/tree/v0.23.0/frontend/dockerfile/instructions
 */
import type { Problem } from "./tree.ts";

export const keywords = [
  "ADD",
  "ARG",
  "CMD",
  "COPY",
  "ENTRYPOINT",
  "ENV",
  "EXPOSE",
  "FROM",
  "HEALTHCHECK",
  "LABEL",
  "MAINTAINER",
  "ONBUILD",
  "RUN",
  "SHELL",
  "STOPSIGNAL",
  "USER",
  "VOLUME",
  "WORKDIR",
] as const;

export type Keyword = (typeof keywords)[number];

/** Narrows a word, in any case, to the keyword it is. */
export function keywordOf(word: string): Keyword | undefined {
  const upper = word.toUpperCase();
  return keywords.find((keyword) => keyword === upper);
}

/** What `docker build` prints for a problem of the Dockerfile. */
export function problemSentence(problem: Pick<Problem, "message" | "range">): string {
  return `dockerfile parse error on line ${problem.range.start.line + 1}: ${problem.message}`;
}

export const unknownInstruction = (name: string): string => withSuggestion(`unknown instruction: ${name}`, name, keywords);
export const unknownFlag = (name: string, known: readonly string[]): string => withSuggestion(`unknown flag: --${name}`, name, known);
export const exactlyOneArgument = (keyword: string): string => `${keyword} requires exactly one argument`;
export const atLeastOneArgument = (keyword: string): string => `${keyword} requires at least one argument`;
export const noDestination = (keyword: string): string =>
  `${keyword} requires at least two arguments, but only one was provided. Destination could not be determined`;
export const notJson = (keyword: string): string => `${keyword} requires the arguments to be in JSON form`;
export const notStrings = "when using JSON array syntax, arrays must be comprised of strings only";
export const blankNames = (keyword: string): string => `${keyword} names can not be blank`;
export const twoArguments = (keyword: string): string => `${keyword} must have two arguments`;
export const noEquals = (word: string): string => `Syntax error - can't find = in ${JSON.stringify(word)}. Must be of the form: name=value`;
export const fromArguments = "FROM requires either one or three arguments";
export const badStageName = (name: string): string =>
  `invalid name for build stage: ${JSON.stringify(name)}, name can't start with a number or contain symbols`;
export const noStage = "no build stage in current context";
export const unterminatedHeredoc = "unterminated heredoc";

/** Appends `(did you mean X?)` when one edit or two lead from `word` to one of `options`. */
export function withSuggestion(message: string, word: string, options: readonly string[]): string {
  const best = closest(word, options);
  return best === undefined ? message : `${message} (did you mean ${inCaseOf(word, best)}?)`;
}

/** What `word` was probably meant to be; undefined when nothing is near, or it is one of `options` already. */
export function closest(word: string, options: readonly string[]): string | undefined {
  const lower = word.toLowerCase();
  let best: string | undefined;
  let least = 3;
  for (const option of options) {
    const distance = editDistance(lower, option.toLowerCase());
    if (distance === 0) return undefined;
    if (distance < least) [best, least] = [option, distance];
  }
  return best;
}

function inCaseOf(word: string, option: string): string {
  if (word === word.toLowerCase()) return option.toLowerCase();
  return word === word.toUpperCase() ? option.toUpperCase() : option.toLowerCase();
}

/** Insertions, deletions, replacements and swaps of neighbors, each counted once. */
function editDistance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, index) => index)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const above = rows[i - 1]!;
      const replaced = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1] ? rows[i - 2]![j - 2]! + 1 : Infinity;
      row.push(Math.min(replaced, above[j]! + 1, row[j - 1]! + 1, swapped));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}
