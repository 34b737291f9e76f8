/** One version of a compose file: its tree, and where every key stands. */
import type { Position, Range } from "vscode-languageserver";
import { parseComposeTree } from "../../../../engine/syntax/compose-tree.ts";
import type { ComposeTree, YamlEntry, YamlMap, YamlNode } from "../../../../engine/syntax/compose-tree.ts";

export interface ComposeDocument {
  readonly text: string;
  readonly lines: readonly string[];
  readonly tree: ComposeTree;
  readonly root: YamlMap | undefined;
  positionAt(offset: number): Position;
  offsetAt(position: Position): number;
}

/** A node with the keys that lead to it; indexes of lists are numbers. */
export interface Place {
  readonly path: readonly (string | number)[];
  readonly node: YamlNode | undefined;
  /** Absent for items of a list. */
  readonly key?: YamlNode;
}

export function readCompose(text: string): ComposeDocument {
  const tree = parseComposeTree(text);
  const starts = [0];
  for (let at = text.indexOf("\n"); at >= 0; at = text.indexOf("\n", at + 1)) starts.push(at + 1);
  const [root] = tree.documents;
  return {
    text,
    tree,
    lines: text.split(/\r?\n/),
    root: root?.kind === "map" ? root : undefined,
    positionAt: (offset) => {
      const { line, column } = tree.positionAt(Math.max(0, offset));
      return { line: line - 1, character: column - 1 };
    },
    offsetAt: ({ line, character }) => Math.min((starts[line] ?? text.length) + character, text.length),
  };
}

export function rangeOf({ positionAt }: ComposeDocument, { start, end }: Pick<YamlNode, "start" | "end">): Range {
  return { start: positionAt(start), end: positionAt(end) };
}

export const scalarText = (node: YamlNode | undefined): string | undefined => (node?.kind === "scalar" ? node.text : undefined);

/** Entries of a map, none of anything else; an alias is followed. */
export function entriesOf(node: YamlNode | undefined): readonly YamlEntry[] {
  const real = node?.kind === "alias" ? node.target : node;
  return real?.kind === "map" ? real.entries : [];
}

export function child(node: YamlNode | undefined, name: string): YamlNode | undefined {
  return entryOf(node, name)?.value;
}

export function entryOf(node: YamlNode | undefined, name: string): YamlEntry | undefined {
  return entriesOf(node).find(({ key }) => scalarText(key) === name);
}

/** The node at the end of a path. */
export function follow(node: YamlNode | undefined, path: readonly string[]): YamlNode | undefined {
  return path.reduce<YamlNode | undefined>((at, name) => child(at, name), node);
}

/** All nodes of the tree with their paths, in order; aliases are not followed. */
export function* placesOf({ root }: Pick<ComposeDocument, "root">): Generator<Place> {
  if (root) yield* below(root, []);
}

function* below(node: YamlNode, path: readonly (string | number)[]): Generator<Place> {
  if (node.kind === "map") {
    for (const { key, value } of node.entries) {
      const place = { path: [...path, scalarText(key) ?? ""], node: value, key };
      yield place;
      if (value) yield* below(value, place.path);
    }
  }
  if (node.kind === "seq") {
    for (const [index, item] of node.items.entries()) {
      yield { path: [...path, index], node: item };
      yield* below(item, [...path, index]);
    }
  }
}

/** The deepest place whose key or value holds the offset. */
export function placeAt(document: ComposeDocument, offset: number): Place | undefined {
  let found: Place | undefined;
  for (const place of placesOf(document)) {
    const first = place.key ?? place.node;
    const last = place.node ?? place.key;
    if (first && last && first.start <= offset && offset <= Math.max(first.end, last.end)) found = place;
  }
  return found;
}

/** Whether the offset is in the place's key rather than in its value. */
export function onKey({ key }: Place, offset: number): boolean {
  return key !== undefined && key.start <= offset && offset <= key.end;
}
