/** The files of a build context: what .dockerignore leaves out, what a directory holds, and what all of it weighs. */
import { lstat, readdir, readFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { IgnoreMatcher, parseDockerignore } from "../../../engine/syntax/dockerignore.ts";
import type { ContextEntry } from "./surroundings.ts";

/** A file or a link below a context; the path is relative, with slashes. */
export interface ContextFile {
  readonly path: string;
  readonly sizeBytes: number;
}

export interface Walk {
  readonly files: readonly ContextFile[];
  /** There are more than anybody wants to count. */
  readonly cut: boolean;
}

/** More files are not looked at. */
const MOST_FILES = 100_000;

/** Entries of one directory, directories first; empty when it cannot be read. */
export async function listDirectory(directory: string): Promise<ContextEntry[]> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => []);
  return entries
    .map((entry) => ({ name: entry.name, directory: entry.isDirectory() }))
    .toSorted((a, b) => Number(b.directory) - Number(a.directory) || (a.name < b.name ? -1 : 1));
}

/** All files below a directory. @throws the signal's reason */
export async function walkContext(root: string, signal?: AbortSignal): Promise<Walk> {
  const files: ContextFile[] = [];
  const folders = [""];
  while (folders.length > 0 && files.length < MOST_FILES) {
    signal?.throwIfAborted();
    const folder = folders.pop()!;
    const entries = await readdir(join(root, folder), { withFileTypes: true }).catch(() => []);
    const found = await Promise.all(
      entries.map(async (entry) => {
        const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
        if (entry.isDirectory()) folders.push(path);
        if (!entry.isFile() && !entry.isSymbolicLink()) return undefined;
        const stat = await lstat(join(root, path)).catch(() => undefined);
        return stat && { path, sizeBytes: stat.size };
      }),
    );
    files.push(...found.filter((file) => file !== undefined));
  }
  return { files, cut: folders.length > 0 };
}

/** The ignore file that counts for a Dockerfile, and its text; a Dockerfile's own counts alone. */
export async function ignoreFileOf(
  dockerfile: string,
  opened: (path: string) => string | undefined,
): Promise<{ path: string; text: string } | undefined> {
  const directory = dirname(dockerfile);
  for (const path of [`${join(directory, basename(dockerfile))}.dockerignore`, join(directory, ".dockerignore")]) {
    const text = opened(path) ?? (await readFile(path, "utf8").catch(() => undefined));
    if (text !== undefined) return { path, text };
  }
  return undefined;
}

export function matcherOf(text: string | undefined): IgnoreMatcher {
  return new IgnoreMatcher(parseDockerignore(text ?? "").patterns);
}
