/** Copies between this machine and the engine's files, as the editor's own file system does it: folders with all that is in them. */
import { basename } from "node:path";
import * as vscode from "vscode";

/** Copies files and folders into `folder`; asks before anything is overwritten. */
export async function upload(files: readonly vscode.Uri[], folder: vscode.Uri): Promise<void> {
  await copyAll(files, folder, vscode.l10n.t("Copying {0} files to {1}", files.length, folder.path));
}

/** Asks for a folder on this machine and copies there. */
export async function download(files: readonly vscode.Uri[]): Promise<vscode.Uri | undefined> {
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  const [folder] =
    (await vscode.window.showOpenDialog({
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: vscode.l10n.t("Download Here"),
      ...(workspace ? { defaultUri: workspace } : {}),
    })) ?? [];
  if (folder) await copyAll(files, folder, vscode.l10n.t("Copying {0} files to {1}", files.length, folder.fsPath));
  return folder;
}

async function copyAll(files: readonly vscode.Uri[], folder: vscode.Uri, title: string): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    async (progress, token) => {
      for (const file of files) {
        if (token.isCancellationRequested) return;
        const name = basename(file.path);
        progress.report({ message: name, increment: 100 / files.length });
        await copyOne(file, vscode.Uri.joinPath(folder, name));
      }
    },
  );
}

async function copyOne(from: vscode.Uri, to: vscode.Uri): Promise<void> {
  if ((await exists(to)) && !(await mayReplace(to))) return;
  await copyTree(from, to);
}

/** The editor copies folders only within one file system. */
async function copyTree(from: vscode.Uri, to: vscode.Uri): Promise<void> {
  const { fs } = vscode.workspace;
  const { type } = await fs.stat(from);
  if (!(type & vscode.FileType.Directory)) return fs.writeFile(to, await fs.readFile(from));
  if (!(await exists(to))) await fs.createDirectory(to);
  for (const [name] of await fs.readDirectory(from)) await copyTree(vscode.Uri.joinPath(from, name), vscode.Uri.joinPath(to, name));
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
