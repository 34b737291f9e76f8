/** Outline, folding and links of a compose file. */
import { existsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import type { DocumentLink, DocumentSymbol, FoldingRange } from "vscode-languageserver";
import { FoldingRangeKind, SymbolKind } from "vscode-languageserver";
import type { YamlNode } from "../../../../engine/syntax/compose-tree.ts";
import { parseReference } from "../../../../engine/syntax/reference.ts";
import { imageUrl } from "../image-url.ts";
import { entriesOf, placesOf, rangeOf, scalarText } from "./document.ts";
import type { ComposeDocument } from "./document.ts";
import { isPath } from "./navigation.ts";

const kinds: Readonly<Record<string, SymbolKind>> = {
  services: SymbolKind.Class,
  networks: SymbolKind.Interface,
  volumes: SymbolKind.Struct,
  secrets: SymbolKind.Key,
  configs: SymbolKind.File,
};

/** Two levels below what is at the top: services with their keys. */
export function symbols(document: ComposeDocument): DocumentSymbol[] {
  return children(document, document.root, { depth: 0, kind: SymbolKind.Namespace });
}

function children(
  document: ComposeDocument,
  node: YamlNode | undefined,
  { depth, kind }: { depth: number; kind: SymbolKind },
): DocumentSymbol[] {
  if (depth > 3 || node?.kind !== "map") return [];
  return node.entries.flatMap(({ key, value }) => {
    const name = scalarText(key);
    if (!name) return [];
    const inner = depth === 0 ? (kinds[name] ?? SymbolKind.Property) : SymbolKind.Property;
    const end = Math.max(key.end, value?.end ?? 0);
    return [
      {
        name,
        detail: detailOf(value),
        kind,
        range: rangeOf(document, { start: key.start, end }),
        selectionRange: rangeOf(document, key),
        children: children(document, value, { depth: depth + 1, kind: inner }),
      },
    ];
  });
}

function detailOf(value: YamlNode | undefined): string {
  const image = scalarText(entriesOf(value).find(({ key }) => scalarText(key) === "image")?.value);
  const text = image ?? scalarText(value) ?? "";
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}

export function folding(document: ComposeDocument): FoldingRange[] {
  const blocks = [...placesOf(document)].flatMap(({ key, node }): FoldingRange[] => {
    if (!key || !node || node.kind === "alias") return [];
    const startLine = document.positionAt(key.start).line;
    const text = document.text.slice(0, node.end).trimEnd();
    const endLine = document.positionAt(Math.max(text.length, key.end)).line;
    return endLine > startLine ? [{ startLine, endLine }] : [];
  });
  return [...blocks, ...comments(document.lines)];
}

function comments(lines: readonly string[]): FoldingRange[] {
  const blocks: FoldingRange[] = [];
  for (let line = 0; line < lines.length; line++) {
    const startLine = line;
    while (/^\s*#/.test(lines[line] ?? "") && /^\s*#/.test(lines[line + 1] ?? "")) line++;
    if (line > startLine) blocks.push({ startLine, endLine: line, kind: FoldingRangeKind.Comment });
  }
  return blocks;
}

/** Images lead to their pages, files to themselves. */
export function links(document: ComposeDocument, path: string): DocumentLink[] {
  return [...placesOf(document)].flatMap(({ path: keys, node }) => {
    const text = scalarText(node);
    if (!node || !text || text.includes("$")) return [];
    const target = keys.length === 3 && keys[0] === "services" && keys[2] === "image" ? pageOf(text) : fileOf(keys, text, path);
    return target === undefined ? [] : [{ range: rangeOf(document, node), target }];
  });
}

function pageOf(image: string): string | undefined {
  const read = parseReference(image);
  return "reference" in read ? imageUrl(read.reference) : undefined;
}

function fileOf(keys: readonly (string | number)[], text: string, path: string): string | undefined {
  const file = isPath(keys) ? resolve(dirname(path), text) : undefined;
  return file !== undefined && existsSync(file) ? pathToFileURL(file).href : undefined;
}
