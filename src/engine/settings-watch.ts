/** Tells that docker's contexts or logins have changed, whoever changed them. Nothing is watched before somebody has looked at them. */
import type { FSWatcher } from "node:fs";
import { existsSync, readdirSync, watch } from "node:fs";
import { basename, dirname, join } from "node:path";
import * as vscode from "vscode";
import { dockerDirectory } from "./environment.ts";

export class SettingsWatch implements vscode.Disposable {
  readonly #changed = new vscode.EventEmitter<void>();
  readonly #watchers = new Map<string, FSWatcher>();

  readonly onDidChange = this.#changed.event;

  /** Watches from now on; may be called again. */
  begin(): void {
    const directory = dockerDirectory();
    const contexts = join(directory, "contexts", "meta");
    for (const path of this.#watchers.keys()) if (!existsSync(path)) this.#forget(path);
    // A directory that is not there yet appears in the one above it.
    this.#follow(dirname(directory), (name) => name === basename(directory));
    this.#follow(directory, (name) => /^(config\.json|berth\.json|contexts)$/.test(name));
    for (const path of [dirname(contexts), contexts]) this.#follow(path, () => true);
    // Listed once it is followed, so that none appears in between.
    for (const path of below(contexts)) this.#follow(path, () => true);
  }

  dispose(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#changed.dispose();
  }

  #follow(path: string, concerns: (name: string) => boolean): void {
    if (this.#watchers.has(path)) return;
    try {
      const watcher = watch(path, { persistent: false }, (_event, name) => {
        if (name === null || !concerns(name)) return;
        this.begin();
        this.#changed.fire();
      });
      this.#watchers.set(path, watcher);
      watcher.once("error", () => this.#forget(path));
    } catch {
      // It is not there yet.
    }
  }

  #forget(path: string): void {
    this.#watchers.get(path)?.close();
    this.#watchers.delete(path);
  }
}

function below(directory: string): string[] {
  try {
    return readdirSync(directory).map((name) => join(directory, name));
  } catch {
    return [];
  }
}
