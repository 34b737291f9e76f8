/** Files that two layers have in common, kept once. Runs on a layer worker, in the real root. */
import { linkSync, mkdirSync } from "node:fs";
import { parentOf, toBytes, toPath } from "./names.ts";

/**
 * Links files of one tree into another, new and empty one, and makes the directories that they lie in. A committed layer's
 * files are never written, so both may have them.
 * @param paths byte strings without a slash in front; no part of them but the last is a link
 * @throws when one of them is not there, or has as many names as the file system allows
 */
export function linkFiles(root: string, { from, paths }: { from: string; paths: readonly string[] }, checkStop: () => void): void {
  const [source, target] = [toBytes(from), toBytes(root)];
  const made = new Set<string>();
  for (const path of paths) {
    checkStop();
    makeDirectory(target, parentOf(path), made);
    linkSync(toPath(`${source}/${path}`), toPath(`${target}/${path}`));
  }
}

function makeDirectory(target: string, path: string, made: Set<string>): void {
  if (path === "" || made.has(path)) return;
  makeDirectory(target, parentOf(path), made);
  mkdirSync(toPath(`${target}/${path}`), 0o755);
  made.add(path);
}
