/**
 * YAML text → tree with ranges and problems, for compose files. Never throws, whatever the text.
 * Words: a document is what stands between `---`; an alias (`*a`) points at the node that carries the anchor (`&a`).
 * Offsets count UTF-16 units from 0, as editors do.
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseAllDocuments } from "yaml";
import type { Document, Node, Pair, ParsedNode, YAMLMap } from "yaml";

interface NodeBase {
  readonly start: number;
  /** Behind the last character of the node itself, without trailing comments. */
  readonly end: number;
  /** `!reset`, `!override`, `!!str`, …; missing when none was written. */
  readonly tag?: string;
  readonly anchor?: string;
}

export interface YamlScalar extends NodeBase {
  readonly kind: "scalar";
  /** Without quotes and escapes. */
  readonly text: string;
  /** Only a plain scalar can be a number, a boolean, null or a timestamp. */
  readonly plain: boolean;
}

export interface YamlEntry {
  readonly key: YamlNode;
  /** Missing when nothing follows the colon. */
  readonly value: YamlNode | undefined;
}

export interface YamlMap extends NodeBase {
  readonly kind: "map";
  readonly entries: readonly YamlEntry[];
  readonly flow: boolean;
}

export interface YamlSeq extends NodeBase {
  readonly kind: "seq";
  readonly items: readonly YamlNode[];
  readonly flow: boolean;
}

export interface YamlAlias extends NodeBase {
  readonly kind: "alias";
  readonly name: string;
  /** Missing when no such anchor stands before it. */
  readonly target: YamlNode | undefined;
}

export type YamlNode = YamlScalar | YamlMap | YamlSeq | YamlAlias;

export interface YamlProblem {
  readonly message: string;
  readonly start: number;
  readonly end: number;
}

export interface ComposeTree {
  readonly text: string;
  /** Roots; undefined for an empty document. */
  readonly documents: readonly (YamlNode | undefined)[];
  readonly problems: readonly YamlProblem[];
  /** Line and column of an offset, both from 1. */
  positionAt(offset: number): { line: number; column: number };
}

/** Loading a project reads the same text more than once, and an editor once more: the last tree is kept. */
let last: ComposeTree | undefined;

/** Parses the text of a compose file. What is broken becomes a problem; the rest is still a tree. */
export function parseComposeTree(text: string): ComposeTree {
  if (last?.text !== text) last = parse(text);
  return last;
}

function parse(text: string): ComposeTree {
  const lines = new LineCounter();
  const problems: YamlProblem[] = [];
  const documents: (YamlNode | undefined)[] = [];
  for (const document of parseDocuments(text, lines, problems)) {
    for (const error of document.errors) {
      problems.push({ message: firstLine(error.message), start: error.pos[0], end: error.pos[1] });
    }
    const conversion: Conversion = { anchors: new Map(), problems, depth: 0 };
    documents.push(document.contents ? convert(document.contents, conversion) : undefined);
  }
  return {
    text,
    documents,
    problems: problems.sort((a, b) => a.start - b.start),
    positionAt: (offset) => {
      const { line, col } = lines.linePos(Math.min(offset, text.length));
      return { line: Math.max(line, 1), column: Math.max(col, 1) };
    },
  };
}

function parseDocuments(text: string, lineCounter: LineCounter, problems: YamlProblem[]): Document.Parsed[] {
  try {
    if (isTooDeep(text)) throw new RangeError();
    const documents = parseAllDocuments(text, {
      schema: "failsafe",
      merge: false,
      uniqueKeys: false,
      strict: false,
      prettyErrors: false,
      logLevel: "silent",
      lineCounter,
    });
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    // Nesting thousands deep overflows the parser's stack.
    problems.push({ message: error instanceof RangeError ? "exceeded max depth" : String(error), start: 0, end: text.length });
    return [];
  }
}

/** Thousands of open brackets cost the parser seconds. */
function isTooDeep(text: string): boolean {
  let depth = 0;
  for (const { 0: bracket } of text.matchAll(/[[\]{}]/g)) {
    depth = bracket === "[" || bracket === "{" ? depth + 1 : Math.max(0, depth - 1);
    if (depth > 2 * MAX_DEPTH) return true;
  }
  return false;
}

function firstLine(message: string): string {
  return message.split("\n")[0] ?? message;
}

/** Deeper than any file that a person wrote, and shallow enough for the stack. */
const MAX_DEPTH = 500;

interface Conversion {
  depth: number;
  readonly anchors: Map<string, YamlNode>;
  readonly problems: YamlProblem[];
}

function convert(node: ParsedNode | Node, conversion: Conversion): YamlNode {
  const [start, end] = node.range ?? [0, 0];
  if (conversion.depth > MAX_DEPTH) {
    conversion.problems.push({ message: "exceeded max depth", start, end });
    return { kind: "scalar", start, end, text: "", plain: true };
  }
  conversion.depth++;
  try {
    return convertNode(node, conversion);
  } finally {
    conversion.depth--;
  }
}

function convertNode(node: ParsedNode | Node, conversion: Conversion): YamlNode {
  const [start, end] = node.range ?? [0, 0];
  if (isAlias(node)) return convertAlias(node.source, { start, end }, conversion);
  const base = {
    start,
    end,
    ...(node.tag ? { tag: node.tag } : {}),
    ...("anchor" in node && node.anchor ? { anchor: node.anchor } : {}),
  };
  let result: YamlNode;
  if (isMap(node)) {
    result = { kind: "map", ...base, entries: convertEntries(node, conversion), flow: Boolean(node.flow) };
  } else if (isSeq(node)) {
    const items = node.items.map((item) => convertItem(item, end, conversion));
    result = { kind: "seq", ...base, items, flow: Boolean(node.flow) };
  } else {
    const value = isScalar(node) ? node.value : "";
    const plain = isScalar(node) && (node.type === "PLAIN" || node.type === undefined);
    result = { kind: "scalar", ...base, text: typeof value === "string" ? value : value == null ? "" : String(value), plain };
  }
  if (base.anchor) conversion.anchors.set(base.anchor, result);
  return result;
}

function convertAlias(name: string, range: { start: number; end: number }, conversion: Conversion): YamlAlias {
  const target = conversion.anchors.get(name);
  if (!target) conversion.problems.push({ message: `unknown anchor '${name}' referenced`, ...range });
  return { kind: "alias", ...range, name, target };
}

function convertEntries(map: YAMLMap | YAMLMap.Parsed, conversion: Conversion): YamlEntry[] {
  return map.items.map((pair) => convertPair(pair, map.range?.[1] ?? 0, conversion));
}

function convertPair(pair: Pair, end: number, conversion: Conversion): YamlEntry {
  const key = convertItem(pair.key, end, conversion);
  return { key, value: pair.value == null ? undefined : convertItem(pair.value, end, conversion) };
}

/** A sequence may hold a lone pair (`[a: b]`), and a broken text leaves gaps. */
function convertItem(item: unknown, end: number, conversion: Conversion): YamlNode {
  if (isMap(item) || isSeq(item) || isScalar(item) || isAlias(item)) return convert(item, conversion);
  return { kind: "scalar", start: end, end, text: "", plain: true };
}
