/** Run a Sample: a small page in a container, for those who have no Dockerfile at hand. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import type { Command } from "./command.ts";
import { buildAndRun } from "./dockerfile.ts";

/** The sample is copied out of the extension, so that it can be read and changed; what is there already stays. */
async function run({ extension, ...context }: Context): Promise<void> {
  const from = vscode.Uri.joinPath(extension.extensionUri, "media", "sample");
  const to = vscode.Uri.joinPath(extension.globalStorageUri, "berth-sample");
  await vscode.workspace.fs.createDirectory(extension.globalStorageUri);
  try {
    await vscode.workspace.fs.copy(from, to, { overwrite: false });
  } catch (error) {
    if (!(error instanceof vscode.FileSystemError) || error.code !== "FileExists") throw error;
  }
  const dockerfile = vscode.Uri.joinPath(to, "Dockerfile");
  await vscode.window.showTextDocument(dockerfile);
  await buildAndRun({ extension, ...context }, dockerfile);
}

/** It runs what the extension brought, nothing of the folder, so it needs no trust. */
export const sampleCommands: Readonly<Record<string, Command>> = { "sample.run": { handler: run } };
