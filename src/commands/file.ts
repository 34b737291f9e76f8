/** Files of containers and volumes: upload, download, new, rename, delete, compare. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { folderOf } from "../files/drops.ts";
import { download, upload } from "../files/transfer.ts";
import { placeOf, SCHEME } from "../files/uris.ts";
import type { Node } from "../tree/node.ts";
import { VIEWS } from "../tree/trees.ts";
import type { Command } from "./command.ts";
import { confirmed, say } from "./operation.ts";

function rows(args: readonly unknown[]): Node[] {
  const [row, all] = args as [Node | undefined, readonly Node[] | undefined];
  return row?.shown ? [...(all && all.length > 0 ? all : [row])] : [];
}

function redraw(context: Context): void {
  for (const view of VIEWS) if (view !== "registries" && view !== "endpoints") context[view].refresh();
}

async function uploadTo(context: Context, ...args: unknown[]): Promise<void> {
  const [row] = rows(args);
  const folder = row && folderOf(row);
  if (!folder) return;
  const files = await vscode.window.showOpenDialog({
    canSelectMany: true,
    canSelectFiles: true,
    canSelectFolders: true,
    openLabel: vscode.l10n.t("Upload"),
  });
  if (!files) return;
  await upload(context.engine, files, folder);
  for (const { fsPath } of files) sayCopy(context, fsPath, folder);
  redraw(context);
}

async function downloadFrom(context: Context, ...args: unknown[]): Promise<void> {
  const uris = rows(args).flatMap((row) => folderOrFile(row));
  const folder = uris.length > 0 ? await download(context.engine, uris) : undefined;
  if (folder) for (const uri of uris) sayCopy(context, uri, folder.fsPath);
}

/** Only a container's files have such a command. @param from a path is one of this machine */
function sayCopy(context: Context, from: vscode.Uri | string, to: vscode.Uri | string): void {
  const inside = (end: vscode.Uri | string): string | undefined => {
    if (typeof end === "string") return end;
    const place = placeOf(end);
    return place?.kind === "container" ? `${place.name}:${place.path}` : undefined;
  };
  const [source, target] = [inside(from), inside(to)];
  if (source !== undefined && target !== undefined) say(context, ["cp", source, target]);
}

const folderOrFile = (row: Node): vscode.Uri[] => (row.uri ? [row.uri] : []);

/** @param create makes what is at the URI */
function making(title: string, create: (uri: vscode.Uri) => Promise<unknown>): Command {
  return {
    handler: async (context, ...args) => {
      const [row] = rows(args);
      const folder = row && folderOf(row);
      const name = folder && (await vscode.window.showInputBox({ title, prompt: folder.path, validateInput: nameProblem }));
      if (!folder || !name) return;
      await create(vscode.Uri.joinPath(folder, name));
      redraw(context);
    },
  };
}

function nameProblem(name: string): string | undefined {
  return name === "" || name === "." || name === ".." || name.includes("\0") ? vscode.l10n.t("This is no name of a file") : undefined;
}

async function newFile(uri: vscode.Uri): Promise<void> {
  // Creating only: what is there already must not become empty.
  const edit = new vscode.WorkspaceEdit();
  edit.createFile(uri, { overwrite: false, ignoreIfExists: false });
  if (!(await vscode.workspace.applyEdit(edit)))
    throw new Error(vscode.l10n.t("Cannot create {0}: it may exist, or nothing may be written there", uri.path));
  await vscode.window.showTextDocument(uri);
}

async function rename(context: Context, ...args: unknown[]): Promise<void> {
  const [row] = rows(args);
  if (!row?.uri) return;
  const value = row.shown.label;
  const name = await vscode.window.showInputBox({ title: vscode.l10n.t("Rename {0}", value), value, validateInput: nameProblem });
  if (!name || name === value) return;
  await vscode.workspace.fs.rename(row.uri, vscode.Uri.joinPath(row.uri, "..", name), { overwrite: false });
  redraw(context);
}

async function remove(context: Context, ...args: unknown[]): Promise<void> {
  const files = rows(args).filter(({ uri, kind }) => uri && kind === "file");
  const message = vscode.l10n.t("Delete {0}?", files.map(({ shown }) => shown.label).join(", "));
  if (files.length === 0 || !(await confirmed({ message, detail: files[0]!.uri!.path, yes: vscode.l10n.t("Delete") }))) return;
  for (const { uri } of files) await vscode.workspace.fs.delete(uri!, { recursive: true, useTrash: false });
  redraw(context);
}

/** Two chosen files, or one and a file of this machine, or the one that was chosen before. */
let compared: vscode.Uri | undefined;

async function compare(_context: Context, ...args: unknown[]): Promise<void> {
  const uris = rows(args).flatMap(folderOrFile);
  const [first, second = compared] = uris;
  if (!first) return;
  if (!second || second.toString() === first.toString()) {
    compared = first;
    const choose = vscode.l10n.t("Choose a File…");
    const answer = await vscode.window.showInformationMessage(
      vscode.l10n.t("{0} is compared with the next file for which you choose Compare", first.path),
      choose,
    );
    if (answer !== choose) return;
    const [file] = (await vscode.window.showOpenDialog({ canSelectFiles: true })) ?? [];
    if (!file) return;
    return diff(first, file);
  }
  compared = undefined;
  await diff(second, first);
}

async function diff(left: vscode.Uri, right: vscode.Uri): Promise<void> {
  await vscode.commands.executeCommand("vscode.diff", left, right, `${nameOf(left)} ↔ ${nameOf(right)}`);
}

function nameOf({ scheme, path }: vscode.Uri): string {
  return scheme === SCHEME ? path.replace(/^\/(containers|volumes|images)\//, "") : path;
}

export const fileCommands: Readonly<Record<string, Command>> = {
  "file.upload": { handler: uploadTo },
  "file.download": { handler: downloadFrom },
  "file.new": making(vscode.l10n.t("New File"), newFile),
  "file.newFolder": making(vscode.l10n.t("New Folder"), async (uri) => vscode.workspace.fs.createDirectory(uri)),
  "file.rename": { handler: rename },
  "file.delete": { handler: remove },
  "file.compare": { handler: compare },
  "file.copyPath": {
    handler: async (_context, ...args) =>
      vscode.env.clipboard.writeText(
        rows(args)
          .map(({ uri }) => uri?.path.split("/").slice(3).join("/").replace(/^/, "/") ?? "")
          .join("\n"),
      ),
  },
};
