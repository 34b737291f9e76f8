/** Copies between this machine and the engine's files, as the editor's own file system does it: folders with all that is in them. */
import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { open, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { signalOf } from "../commands/command.ts";
import type { Engine } from "../engine/engine.ts";
import { placeOf, SCHEME } from "./uris.ts";
import type { Place } from "./uris.ts";

/** Copies files and folders into `folder`; asks before anything is overwritten. */
export async function upload(engine: Engine, files: readonly vscode.Uri[], folder: vscode.Uri): Promise<void> {
  await copyAll(engine, { files, folder, title: vscode.l10n.t("Copying {0} files to {1}", files.length, folder.path) });
}

/** The same for files that have no address here. */
export async function uploadContents(files: readonly vscode.DataTransferFile[], folder: vscode.Uri): Promise<void> {
  for (const file of files) {
    const to = vscode.Uri.joinPath(folder, basename(file.name));
    if (!(await exists(to)) || (await mayReplace(to))) await vscode.workspace.fs.writeFile(to, await file.data());
  }
}

/** Asks for a folder on this machine and copies there. */
export async function download(engine: Engine, files: readonly vscode.Uri[]): Promise<vscode.Uri | undefined> {
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  const [folder] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: vscode.l10n.t("Download Here"),
      ...(workspace ? { defaultUri: workspace } : {}),
    })) ?? [];
  if (folder) await copyAll(engine, { files, folder, title: vscode.l10n.t("Copying {0} files to {1}", files.length, folder.fsPath) });
  return folder;
}

interface Copies {
  readonly files: readonly vscode.Uri[];
  readonly folder: vscode.Uri;
  readonly title: string;
}

async function copyAll(engine: Engine, { files, folder, title }: Copies): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    async (progress, token) => {
      for (const file of files) {
        if (token.isCancellationRequested) return;
        const name = basename(file.path);
        progress.report({ message: name, increment: 100 / files.length });
        const to = vscode.Uri.joinPath(folder, name);
        if (!(await exists(to)) || (await mayReplace(to))) await copyTree(engine, { from: file, to, token });
      }
    },
  );
}

/**
 * The editor copies folders only within one file system. What is no file and no folder (a device, a link to nowhere) is left out, and
 * so are links to folders: they may lead back up.
 */
async function copyTree(engine: Engine, { from, to, token }: Copy): Promise<void> {
  if (token.isCancellationRequested) return;
  const { fs } = vscode.workspace;
  const { type } = await fs.stat(from);
  if (type & vscode.FileType.File) return copyFile(engine, { from, to, token });
  if (!(type & vscode.FileType.Directory)) return;
  if (!(await exists(to))) await fs.createDirectory(to);
  for (const [name, kind] of await fs.readDirectory(from)) {
    if (kind & vscode.FileType.SymbolicLink && kind & vscode.FileType.Directory) continue;
    await copyTree(engine, { from: vscode.Uri.joinPath(from, name), to: vscode.Uri.joinPath(to, name), token });
  }
}

/** Files of our own engine go through as they come, however big they are. */
async function copyFile(engine: Engine, { from, to, token }: Copy): Promise<void> {
  const signal = signalOf(token);
  const [source, target] = [ownPlace(engine, from), ownPlace(engine, to)];
  const client = source || target ? await engine.client() : undefined;
  if (client && source && to.scheme === "file") {
    const tree = treeOf(client, source);
    const { mode } = await tree.stat(source.path, { signal });
    const stream = await tree.readStream(source.path, { signal });
    return writeWhole(to.fsPath, stream, { mode: mode & 0o777, signal });
  }
  if (client && target && from.scheme === "file") {
    const file = await open(from.fsPath);
    try {
      const { mode } = await file.stat();
      await treeOf(client, target).write(target.path, file.createReadStream({ autoClose: false }), { mode: mode & 0o777, signal });
      return;
    } finally {
      await file.close();
    }
  }
  await vscode.workspace.fs.writeFile(to, await vscode.workspace.fs.readFile(from));
}

/** What breaks off leaves nothing behind, and what was there before. */
async function writeWhole(path: string, content: Readable, { mode, signal }: { mode: number; signal: AbortSignal }): Promise<void> {
  const unfinished = join(dirname(path), `.berth-${randomBytes(6).toString("hex")}`);
  try {
    await pipeline(content, createWriteStream(unfinished, { mode, flags: "wx" }), { signal });
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

function ownPlace(engine: Engine, uri: vscode.Uri): Place | undefined {
  return engine.own && uri.scheme === SCHEME ? placeOf(uri) : undefined;
}

const treeOf = (client: DockerClient, place: Place): ReturnType<DockerClient["files"]["of"]> =>
  client.files.of(`${place.kind}s`, place.name, place.kind === "image" ? { layer: place.layer } : {});

interface Copy {
  readonly from: vscode.Uri;
  readonly to: vscode.Uri;
  readonly token: vscode.CancellationToken;
}

async function mayReplace(uri: vscode.Uri): Promise<boolean> {
  const yes = vscode.l10n.t("Replace");
  return (await vscode.window.showWarningMessage(vscode.l10n.t("Replace {0}?", uri.path), { modal: true }, yes)) === yes;
}

export async function exists(uri: vscode.Uri): Promise<boolean> {
  try {
    await vscode.workspace.fs.stat(uri);
    return true;
  } catch {
    return false;
  }
}
