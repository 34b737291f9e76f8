/**
 * A build that is announced: its command has begun, but its request comes only when the command is loaded. Meanwhile the engine
 * looks at what the last build of the directory looked at. The build takes that look for its own when nothing has changed since.
 */
import { statSync } from "node:fs";
import { join as joinPath } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { ChangeWatch } from "../host/change-watch.ts";
import { toBytes, toPath } from "../layers/names.ts";
import type { DirectoryMemory, Known } from "./context-memory.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { parentOf } from "./file-tree.ts";
import type { TreeEntry } from "./file-tree.ts";

export interface Announced {
  /** The build's request has the same. */
  readonly id: string;
  /** As builds know it: absolute, links resolved. */
  readonly contextDir: string;
}

/** A request that has not come by then does not come. */
const WAIT_MS = 2000;

/** Entries that are looked at before the engine does something else. */
const SLICE = 400;

/** What an announcement's line says; undefined when it makes no sense. */
export function readAnnouncement(line: string): Announced | undefined {
  try {
    const { id, contextDir } = JSON.parse(line) as Record<string, unknown>;
    return typeof id === "string" && typeof contextDir === "string" ? { id, contextDir } : undefined;
  } catch {
    return undefined;
  }
}

/** The directory may have been moved away with one above it, which nobody is told. */
function isThere(contextDir: string, { known }: DirectoryMemory): boolean {
  const [before, now] = [known.get("")?.times, statSync(contextDir, { throwIfNoEntry: false })];
  return before !== undefined && before.dev === now?.dev && before.ino === now.ino;
}

/** What had changed shortly before the last look may have changed since without showing it, but mostly has not. */
async function isAsBefore(tree: DirectoryTree, { entry, digest, names }: Known, now: TreeEntry): Promise<boolean> {
  if (!isDeepStrictEqual({ ...entry, mtimeSeconds: 0 }, { ...now, mtimeSeconds: 0 })) return false;
  if (now.type === "directory") return isDeepStrictEqual(names, names && tree.children(now.path));
  return now.type !== "file" || digest === undefined || digest === (await tree.digest(now));
}

/** Resolves when everything was looked at, or the look has come to its end before. */
export async function lookAhead({ id, contextDir }: Announced, memory: DirectoryMemory): Promise<void> {
  const watch = ChangeWatch.open();
  if (!watch) return;
  const { lastLook } = memory;
  const turn = memory.begin();
  const timer = setTimeout(() => memory.forgetAhead(), WAIT_MS).unref();
  const ahead = { id, turn, holds: () => !watch.changed() && isThere(contextDir, memory), end: () => (clearTimeout(timer), watch.close()) };
  memory.setAhead(ahead);
  const tree = new DirectoryTree(contextDir, { owner: "root", memory, turn });
  const root = toBytes(contextDir);
  const watched = new Set([""]);
  let [count, unchanged] = [0, true];
  for (const [path, known] of memory.known) {
    const { look, entry } = known;
    if (look !== lastLook) continue;
    unchanged &&= watched.has(parentOf(path));
    if (!watched.has(parentOf(path))) continue;
    // A directory is watched before it is looked at: names that come later do not show in the times that were read.
    if (entry.type === "directory" && !watch.add(toPath(joinPath(root, path)))) return memory.forgetAhead();
    if (entry.type === "directory") watched.add(path);
    const now = tree.entry(path);
    if (now !== entry) unchanged &&= now !== undefined && (await isAsBefore(tree, known, now));
    if (++count % SLICE > 0) continue;
    await new Promise(setImmediate);
    if (!memory.isAhead(ahead)) return;
  }
  if (unchanged && memory.isAhead(ahead)) memory.setUnchanged(lastLook, turn);
}
