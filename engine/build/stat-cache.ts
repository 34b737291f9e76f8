/**
 * Digests of a directory's files between builds, so that an unchanged context costs one walk and no reading. A digest
 * counts as long as size, times and inode are what they were; a change time cannot be set back by a program.
 */
import type { Stats } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { makeDirectory, readJson, writeJson } from "../host/files.ts";
import type { Later } from "./later.ts";

/** size, mtime, ctime, inode, digest. */
type Line = [number, number, number, number, string];

type LineStats = Pick<Stats, "size" | "mtimeMs" | "ctimeMs" | "ino">;

/** A file that changed this recently may change again without its times showing it, so its digest is not kept. */
const SETTLED_MS = 2000;

/** Whether a change after this look would show in the file's times. */
export function isSettled({ mtimeMs, ctimeMs }: Pick<Stats, "mtimeMs" | "ctimeMs">): boolean {
  return Date.now() - Math.max(ctimeMs, mtimeMs) >= SETTLED_MS;
}

export class StatCache {
  readonly #file: string;
  /** Also of what a build had no reason to look at. */
  readonly #lines: Map<string, Line>;
  #changed = false;

  private constructor(file: string, lines: Map<string, Line>) {
    this.#file = file;
    this.#lines = lines;
  }

  /** The cache of one directory; a damaged file counts as empty. */
  static async open(stateDirectory: string, contextDir: string): Promise<StatCache> {
    const directory = join(stateDirectory, "contexts");
    await makeDirectory(directory);
    const file = join(directory, `${createHash("sha256").update(contextDir).digest("hex").slice(0, 32)}.json`);
    const lines = await readJson<Record<string, Line>>(file).catch(() => undefined);
    return new StatCache(file, new Map(Object.entries(lines ?? {})));
  }

  get(path: string, stats: LineStats): string | undefined {
    const line = this.#lines.get(path);
    if (!line) return undefined;
    const isSame = line[0] === stats.size && line[1] === stats.mtimeMs && line[2] === stats.ctimeMs && line[3] === stats.ino;
    return isSame ? line[4] : undefined;
  }

  /** Keeps the digest of a file that was settled when these times were read. */
  set(path: string, stats: LineStats, digest: string): void {
    this.#changed = true;
    this.#lines.set(path, [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino, digest]);
  }

  /** When whoever waits for the build has his answer: a digest that is lost costs the next engine the reading of a file. */
  saveLater(later: Later): void {
    if (!this.#changed) return;
    this.#changed = false;
    later.do(this.#file, () => writeJson(this.#file, Object.fromEntries(this.#lines), { unsynced: true }));
  }
}
