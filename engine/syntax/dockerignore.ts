/**
 * .dockerignore: which paths of a context do not belong to the build. Later lines win over earlier ones, `!` brings
 * back, and a pattern that matches a directory matches everything in it.
 * @see https://docs.docker.com/build/concepts/context/#dockerignore-files
 */
import { globToRegExp } from "./glob.ts";

export interface IgnorePattern {
  /** Cleaned: no leading slash, no `.` or `..` components. */
  readonly pattern: string;
  readonly negated: boolean;
  /** 0-based line of the file. */
  readonly line: number;
}

export interface IgnoreProblem {
  readonly message: string;
  readonly line: number;
}

export interface Dockerignore {
  readonly patterns: readonly IgnorePattern[];
  readonly problems: readonly IgnoreProblem[];
}

/** Reads the lines; `#` begins a comment only in the first column. */
export function parseDockerignore(text: string): Dockerignore {
  const patterns: IgnorePattern[] = [];
  const problems: IgnoreProblem[] = [];
  for (const [line, raw] of text
    .replace(/^\uFEFF/, "")
    .split(/\r?\n/)
    .entries()) {
    if (raw.startsWith("#")) continue;
    const trimmed = raw.trim();
    if (trimmed === "") continue;
    const negated = trimmed.startsWith("!");
    const pattern = cleanPattern(negated ? trimmed.slice(1).trim() : trimmed);
    if (negated && trimmed.length === 1) problems.push({ message: 'illegal exclusion pattern: "!"', line });
    else if (!globToRegExp(pattern, { doubleStar: true })) problems.push({ message: "syntax error in pattern", line });
    else patterns.push({ pattern, negated, line });
  }
  return { patterns, problems };
}

/** Go's `filepath.Clean` below a root: no empty, `.` or `..` components, no leading slash. */
export function cleanPattern(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/") || ".";
}

/** Answers which paths are excluded. Paths are relative to the context, with slashes, without a leading one. */
export class IgnoreMatcher {
  readonly #patterns: readonly { expression: RegExp; pattern: IgnorePattern }[];
  readonly #hasExceptions: boolean;

  constructor(patterns: readonly IgnorePattern[]) {
    this.#patterns = patterns.flatMap((pattern) => {
      const expression = globToRegExp(pattern.pattern, { doubleStar: true });
      return expression ? [{ expression, pattern }] : [];
    });
    this.#hasExceptions = patterns.some((pattern) => pattern.negated);
  }

  /** No pattern at all: nothing is excluded. */
  get empty(): boolean {
    return this.#patterns.length === 0;
  }

  /** There are negations. */
  get hasExceptions(): boolean {
    return this.#hasExceptions;
  }

  /** The pattern that excludes the path, undefined when the path belongs to the build. */
  excludedBy(path: string): IgnorePattern | undefined {
    const paths = withParents(path);
    let excluded: IgnorePattern | undefined;
    for (const { expression, pattern } of this.#patterns) {
      if (pattern.negated !== (excluded !== undefined)) continue;
      if (paths.some((candidate) => expression.test(candidate))) excluded = pattern.negated ? undefined : pattern;
    }
    return excluded;
  }

  /** Whether an excluded directory has to be looked into because a later `!` may bring something in it back. */
  mayHoldExceptions(directory: string): boolean {
    if (!this.#hasExceptions) return false;
    return this.#patterns.some(({ pattern }) => pattern.negated && reachesInto(pattern.pattern, directory));
  }
}

/** `a/b/c` → `a/b/c`, `a`, `a/b`. */
function withParents(path: string): string[] {
  const parts = path.split("/");
  return [path, ...parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"))];
}

/** Could the pattern match something below the directory? Compared component by component up to the first `**`. */
function reachesInto(pattern: string, directory: string): boolean {
  const wanted = pattern.split("/");
  for (const [index, part] of directory.split("/").entries()) {
    const component = wanted[index];
    if (component === undefined) return false;
    if (component.includes("**")) return true;
    if (globToRegExp(component, { doubleStar: false })?.test(part) !== true) return false;
  }
  return true;
}
