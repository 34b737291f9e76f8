/** Where the cursor is in a compose file that is being typed: told by indentation, because the text is often broken there. */
import type { Position } from "vscode-languageserver";

export interface YamlCursor {
  /** Keys that enclose what is typed; `-` stands for an item of a list. */
  readonly path: readonly string[];
  /** The key whose value is typed on this line, when there is one. */
  readonly key: string | undefined;
  /** What is typed of the key or of the value. */
  readonly typed: string;
  /** Keys beside the one that is typed. */
  readonly siblings: ReadonlySet<string>;
}

interface Line {
  readonly indent: number;
  readonly item: boolean;
  readonly key: string | undefined;
  readonly value: string;
}

/** Undefined in a comment. */
export function cursorAt(lines: readonly string[], { line, character }: Position): YamlCursor | undefined {
  const before = (lines[line] ?? "").slice(0, character);
  if (/(^|\s)#/.test(before)) return undefined;
  const own = readLine(before.trim() === "" ? `${before}x` : before);
  if (!own) return undefined;
  const typed = before.trim() === "" ? "" : own.key === undefined ? own.value : own.value;
  const indent = own.indent + (own.item ? 2 : 0);
  const path = enclosing(lines, line, own.item ? own.indent + 1 : own.indent);
  const inside = own.item ? [...path, "-"] : path;
  return { path: inside, key: own.key, typed, siblings: siblingsOf(lines, { line, indent }) };
}

function readLine(text: string): Line | undefined {
  const match = /^(\s*)(-\s+|-$)?(?:("[^"]*"|'[^']*'|[^\s#:][^:#]*?):(?=\s|$)\s*)?(.*)$/.exec(text);
  if (!match) return undefined;
  const [, indent = "", item, key, value = ""] = match;
  return { indent: indent.length, item: item !== undefined, key: key?.replace(/^["']|["']$/g, "").trim(), value };
}

/** Keys of the lines above that are further left, from the outermost; lists add `-`. */
function enclosing(lines: readonly string[], line: number, indent: number): string[] {
  const path: string[] = [];
  let left = indent;
  for (let at = line - 1; at >= 0 && left > 0; at--) {
    const text = lines[at]!;
    if (/^\s*(#|$)/.test(text)) continue;
    const read = readLine(text);
    if (!read) continue;
    const keyIndent = read.indent + (read.item ? 2 : 0);
    if (read.key !== undefined && keyIndent < left) {
      path.unshift(read.key);
      left = keyIndent;
    }
    if (read.item && read.indent < left && keyIndent <= left) {
      path.unshift("-");
      left = read.indent + 1;
    }
  }
  return path;
}

function siblingsOf(lines: readonly string[], { line, indent }: { line: number; indent: number }): Set<string> {
  const keys = new Set<string>();
  for (const step of [-1, 1]) {
    for (let at = line + step; at >= 0 && at < lines.length; at += step) {
      const read = /^\s*(#|$)/.test(lines[at]!) ? undefined : readLine(lines[at]!);
      if (!read) continue;
      const own = read.indent + (read.item ? 2 : 0);
      if (own < indent || (step === 1 && read.item && own === indent)) break;
      if (own === indent && read.key !== undefined) keys.add(read.key);
      if (step === -1 && read.item && own === indent) break;
    }
  }
  return keys;
}
