/** Files as rows: folders are read when they are opened, a click opens a file in an editor. */
import * as vscode from "vscode";
import { placeOf } from "../files/uris.ts";
import { property } from "./node.ts";
import type { Node } from "./node.ts";

/** More rows than a person reads; the rest is said to be there. */
const MOST_ROWS = 1000;

/** What menus match on: in an image nothing can be written. */
function contextOf(what: "files" | "folder" | "file", uri: vscode.Uri): string {
  return placeOf(uri)?.kind === "image" ? `${what};readonly` : what;
}

/** The row that says Files. */
export function filesNode(id: string, uri: vscode.Uri, label = vscode.l10n.t("Files")): Node {
  return property(id, label, { icon: { id: "files" }, context: contextOf("files", uri), uri, children: async () => listFiles(id, uri) });
}

/** Rows of the folder `uri`, folders first. */
export async function listFiles(id: string, uri: vscode.Uri): Promise<Node[]> {
  const entries = await vscode.workspace.fs.readDirectory(uri);
  const folder = ([, type]: readonly [string, vscode.FileType]): number => (type & vscode.FileType.Directory ? 0 : 1);
  const sorted = entries.toSorted((a, b) => folder(a) - folder(b) || a[0].localeCompare(b[0]));
  const rows = sorted.slice(0, MOST_ROWS).map(([name, type]) => fileNode(`${id}/${name}`, vscode.Uri.joinPath(uri, name), type));
  const more = sorted.length - rows.length;
  return more > 0 ? [...rows, property(`${id} more`, vscode.l10n.t("… {0} more", more))] : rows;
}

function fileNode(id: string, uri: vscode.Uri, type: vscode.FileType): Node {
  const name = uri.path.split("/").at(-1)!;
  const link = type & vscode.FileType.SymbolicLink ? vscode.l10n.t("link") : "";
  if (type & vscode.FileType.Directory)
    return {
      ...property(id, name, { context: contextOf("folder", uri), uri, children: async () => listFiles(id, uri), description: link }),
      kind: "file",
    };
  const open = { command: "vscode.open", title: vscode.l10n.t("Open"), arguments: [uri] };
  return { ...property(id, name, { context: contextOf("file", uri), uri, open, description: link }), kind: "file" };
}
