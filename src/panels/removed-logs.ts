/** The last lines of removed containers, which no engine has any more: kept beside the window's other state until its panel closes. */
import { createHash } from "node:crypto";
import * as vscode from "vscode";

export interface RemovedLog {
  /** The container's. */
  readonly id: string;
  /** What its lines are shown under. */
  readonly source: string;
  /** Stamped. */
  readonly lines: readonly string[];
  readonly marks: readonly number[];
}

export class RemovedLogs {
  readonly #file: vscode.Uri;
  #writing: Promise<void> = Promise.resolve();

  /** @param panel what tells its panel from all others */
  constructor({ storageUri, globalStorageUri }: vscode.ExtensionContext, panel: string) {
    const name = createHash("sha256").update(panel).digest("hex").slice(0, 32);
    this.#file = vscode.Uri.joinPath(storageUri ?? globalStorageUri, "removed-logs", `${name}.json`);
  }

  async read(): Promise<RemovedLog[]> {
    try {
      return JSON.parse(new TextDecoder().decode(await vscode.workspace.fs.readFile(this.#file))) as RemovedLog[];
    } catch {
      return [];
    }
  }

  /** One after another: a project's containers are removed at about the same time. */
  keep(log: RemovedLog): Promise<void> {
    this.#writing = this.#writing.then(async () => {
      const logs = [...(await this.read()).filter(({ id }) => id !== log.id), log];
      await vscode.workspace.fs.writeFile(this.#file, new TextEncoder().encode(JSON.stringify(logs)));
    });
    return this.#writing;
  }

  async forget(): Promise<void> {
    await vscode.workspace.fs.delete(this.#file).then(undefined, () => {});
  }
}
