/** Words that several views share. */
import * as vscode from "vscode";

/** A tooltip with a bold title and lines `title: value`; what came from outside goes in as text. */
export function tooltip(title: string, note: string, lines: readonly (readonly [string, string | undefined])[]): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown("**").appendText(title).appendMarkdown("**");
  if (note) text.appendMarkdown(" — ").appendText(note);
  text.appendMarkdown("\n\n");
  for (const [name, value] of lines) if (value) text.appendMarkdown(`${name}: `).appendText(value).appendMarkdown("  \n");
  return text;
}
