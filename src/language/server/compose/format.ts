/**
 * Formatting of a compose file: indentation, spaces and line ends. Nothing is read as a number, so none is written another
 * way; comments and anchors stay. A result that does not say the same is thrown away.
 */
import type { FormattingOptions, Range, TextEdit } from "vscode-languageserver";
import { isAlias, isMap, isScalar, isSeq, parseAllDocuments } from "yaml";
import type { Document, Node } from "yaml";
import { onLine } from "../positions.ts";
import type { ComposeDocument } from "./document.ts";

const reading = { schema: "failsafe", merge: false, uniqueKeys: false, logLevel: "silent", keepSourceTokens: false } as const;

/** Edits of whole lines; none for a text with errors. */
export function format(document: ComposeDocument, { tabSize }: FormattingOptions, range?: Range): TextEdit[] {
  const formatted = formatText(document.text, Math.min(Math.max(tabSize, 2), 8));
  if (formatted === undefined || formatted === document.text) return [];
  const before = document.text.split("\n");
  const after = formatted.split("\n");
  if (before.length !== after.length) {
    if (range) return [];
    return [
      {
        range: { start: { line: 0, character: 0 }, end: { line: before.length - 1, character: before.at(-1)!.length } },
        newText: formatted,
      },
    ];
  }
  return before.flatMap((line, index) => {
    if (after[index] === line || (range && (index < range.start.line || index > range.end.line))) return [];
    return [{ range: onLine(index, 0, line.length), newText: after[index]! }];
  });
}

/** undefined when the text cannot be read, or would not say the same. */
export function formatText(text: string, indent: number): string | undefined {
  try {
    const documents = parseAllDocuments(text, reading);
    if (!Array.isArray(documents) || documents.length !== 1 || documents[0]!.errors.length > 0) return undefined;
    const result = documents[0]!.toString({ indent, lineWidth: 0, flowCollectionPadding: false, indentSeq: true, minContentWidth: 0 });
    return meaning(result) === meaning(text) && commentsOf(result) === commentsOf(text) ? result : undefined;
  } catch {
    return undefined;
  }
}

/** Everything but white space and comments. */
function meaning(text: string): string {
  const documents = parseAllDocuments(text, reading);
  return JSON.stringify((Array.isArray(documents) ? documents : []).map((document: Document) => plain(document.contents as Node | null)));
}

function plain(node: unknown): unknown {
  if (isAlias(node)) return ["*", node.source];
  if (isScalar(node)) return ["s", node.tag, node.anchor, node.type, node.value];
  if (isSeq(node)) return ["l", node.tag, node.anchor, ...node.items.map(plain)];
  if (isMap(node)) return ["m", node.tag, node.anchor, ...node.items.map(({ key, value }) => [plain(key), plain(value)])];
  return null;
}

const commentsOf = (text: string): string => [...text.matchAll(/(?:^|\s)#[^\n]*/g)].map((match) => match[0].trim()).join("\n");
