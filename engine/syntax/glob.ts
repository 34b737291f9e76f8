/**
 * Path patterns as Go writes them. `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, a backslash takes one
 * character literally; `**` crosses slashes where it is allowed (.dockerignore, `--exclude`, `--parents`).
 * @see https://pkg.go.dev/path/filepath#Match
 */

/** Whether a path component or path holds wildcards. */
export function hasWildcard(path: string): boolean {
  return /[*?[]/.test(path.replaceAll(/\\./g, ""));
}

/** A literal path out of a pattern without wildcards: removes the backslashes. */
export function unescapePattern(pattern: string): string {
  return pattern.replaceAll(/\\(.)/g, "$1");
}

/** A regular expression for the whole path, undefined for a malformed pattern (Go: `syntax error in pattern`). */
export function globToRegExp(pattern: string, options: { doubleStar: boolean }): RegExp | undefined {
  let source = "";
  for (let at = 0; at < pattern.length;) {
    const piece = readPiece(pattern, at, options.doubleStar);
    if (!piece) return undefined;
    source += piece.source;
    at = piece.end;
  }
  try {
    return new RegExp(`^${source}$`, "su");
  } catch {
    return undefined;
  }
}

function readPiece(pattern: string, at: number, doubleStar: boolean): { source: string; end: number } | undefined {
  const char = String.fromCodePoint(pattern.codePointAt(at)!);
  if (doubleStar && pattern.startsWith("**", at)) return readDoubleStar(pattern, at);
  if (char === "*") return { source: "[^/]*", end: at + 1 };
  if (char === "?") return { source: "[^/]", end: at + 1 };
  if (char === "[") return readClass(pattern, at);
  if (char !== "\\") return { source: literal(char), end: at + char.length };
  if (at + 1 >= pattern.length) return undefined;
  const next = String.fromCodePoint(pattern.codePointAt(at + 1)!);
  return { source: literal(next), end: at + 1 + next.length };
}

/** `**` at the end is everything below; `**` + `/` is any number of directories, none too. */
function readDoubleStar(pattern: string, at: number): { source: string; end: number } {
  let end = at + 2;
  if (pattern[end] === "/") end++;
  else if (end < pattern.length) return { source: ".*", end };
  return end >= pattern.length ? { source: ".*", end } : { source: "(?:.*/)?", end };
}

function readClass(pattern: string, at: number): { source: string; end: number } | undefined {
  const match = /^\[(\^?)((?:\\.|[^\]\\])+)\]/su.exec(pattern.slice(at));
  if (!match) return undefined;
  const members = match[2]!.replaceAll(/\\(.)|([[\]&^~|(){}/])/gsu, (_, escaped: string | undefined, special: string) =>
    escaped === undefined ? `\\${special}` : literal(escaped).replace(/^-$/, "\\-"),
  );
  // A class never matches the separator.
  return { source: `(?!/)[${match[1]}${members}]`, end: at + match[0].length };
}

function literal(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/, "\\$&");
}
