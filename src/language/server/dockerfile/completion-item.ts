/** What completions share: the question, and items that replace what is typed. */
import type { CompletionItem, Position } from "vscode-languageserver";
import { onLine } from "../positions.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Cursor, DockerfileDocument } from "./document.ts";

/** What a completion function is given. */
export interface Asked {
  readonly document: DockerfileDocument;
  readonly position: Position;
  readonly cursor: Cursor;
  readonly surroundings: Surroundings;
}

/** An item that replaces the last `typed.length` characters before the cursor. */
export function item({ position }: Pick<Asked, "position">, typed: string, fields: CompletionItem): CompletionItem {
  const range = onLine(position.line, Math.max(0, position.character - typed.length), position.character);
  return { ...fields, textEdit: { range, newText: fields.insertText ?? fields.label } };
}
