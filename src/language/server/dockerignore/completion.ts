/** Completion of paths in a .dockerignore. */
import type { CompletionItem, Position } from "vscode-languageserver";
import { CompletionItemKind } from "vscode-languageserver";
import { onLine } from "../positions.ts";
import type { ContextEntry } from "../surroundings.ts";

const usual = ["node_modules", ".git", "**/.DS_Store", "**/__pycache__", "*.log", "dist", ".env*"];

export async function completePath(
  text: string,
  { line, character }: Position,
  list: (folder: string) => Promise<readonly ContextEntry[]>,
): Promise<CompletionItem[]> {
  const typed = (text.split(/\r?\n/)[line] ?? "").slice(0, character);
  if (typed.startsWith("#")) return [];
  const path = typed.replace(/^!?\s*\/?/, "");
  const slash = path.lastIndexOf("/") + 1;
  const range = onLine(line, character - (path.length - slash), character);
  const item = (label: string, kind: CompletionItemKind): CompletionItem => ({ label, kind, textEdit: { range, newText: label } });
  const entries = await list(path.slice(0, slash));
  const found = entries.map(({ name, directory }) => item(name, directory ? CompletionItemKind.Folder : CompletionItemKind.File));
  const names = new Set(entries.map(({ name }) => name));
  return [
    ...found,
    ...(slash === 0 ? usual.filter((pattern) => !names.has(pattern)).map((pattern) => item(pattern, CompletionItemKind.Snippet)) : []),
  ];
}
