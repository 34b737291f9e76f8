/** The pid that an OCI runtime writes into a file of its own, which it puts in place under its name when it is whole. */
import { readFileSync, watch } from "node:fs";
import type { FSWatcher } from "node:fs";
import { join } from "node:path";

/** How often to look where nobody can be told of new files. */
const LOOK_MS = 5;

/** The pid as soon as `pid` is in the directory; undefined when `ended` resolves and it is not. */
export async function appearingPid(directory: string, ended: Promise<unknown>): Promise<number | undefined> {
  const found = Promise.withResolvers<number | undefined>();
  const look = (): void => {
    const pid = readPid(directory);
    if (pid !== undefined) found.resolve(pid);
  };
  const stop = watching(directory, look);
  void ended.then(() => found.resolve(readPid(directory)));
  look();
  try {
    return await found.promise;
  } finally {
    stop();
  }
}

/** Calls `look` when something appears in the directory. A user has a limited number of such watches. */
function watching(directory: string, look: () => void): () => void {
  try {
    const watcher: FSWatcher = watch(directory, (_event, name) => name === "pid" && look());
    watcher.on("error", look);
    return () => watcher.close();
  } catch {
    const timer = setInterval(look, LOOK_MS);
    return () => clearInterval(timer);
  }
}

function readPid(directory: string): number | undefined {
  try {
    return Number(readFileSync(join(directory, "pid"), "utf8")) || undefined;
  } catch {
    return undefined;
  }
}
