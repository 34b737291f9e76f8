/** Streams of the engine as files of this machine, and the other way. */
import { createReadStream, createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import type { Readable } from "node:stream";
import { Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import * as vscode from "vscode";
import { formatSize } from "../tree/image.ts";
import { signalOf } from "./command.ts";

/** Asks where, then writes; a file that was not finished is removed. @returns the file's path, undefined when the user thought better of it */
export async function saveStream(name: string, open: (signal: AbortSignal) => Promise<Readable>): Promise<string | undefined> {
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  const target = await vscode.window.showSaveDialog(workspace ? { defaultUri: vscode.Uri.joinPath(workspace, name) } : {});
  if (!target) return undefined;
  const unfinished = `${target.fsPath}.part`;
  await withBytes(vscode.l10n.t("Saving {0}", target.fsPath), async (signal, count) => {
    try {
      await pipeline(await open(signal), count, createWriteStream(unfinished), { signal });
      await rename(unfinished, target.fsPath);
    } finally {
      await rm(unfinished, { force: true });
    }
  });
  return target.fsPath;
}

/** Asks which file, then gives its bytes to `send`. @returns the file's path, undefined when none was chosen */
export async function sendFile(title: string, send: (tar: Readable, signal: AbortSignal) => Promise<unknown>): Promise<string | undefined> {
  const [file] =
    (await vscode.window.showOpenDialog({ title, filters: { [vscode.l10n.t("Archives")]: ["tar", "tgz", "gz", "zst", "xz"] } })) ?? [];
  if (!file) return undefined;
  await withBytes(title, async (signal, count) => {
    const source = createReadStream(file.fsPath);
    source.once("error", (error) => count.destroy(error));
    await send(source.pipe(count), signal);
  });
  return file.fsPath;
}

async function withBytes(title: string, work: (signal: AbortSignal, count: Transform) => Promise<void>): Promise<void> {
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    async (progress, token) => {
      let bytes = 0;
      let said = 0;
      const count = new Transform({
        transform(chunk: Buffer, _encoding, done) {
          bytes += chunk.length;
          if (bytes - said > 1_000_000) progress.report({ message: formatSize((said = bytes)) });
          done(null, chunk);
        },
      });
      await work(signalOf(token), count);
    },
  );
}
