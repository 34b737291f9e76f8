/**
 * Digests of a directory's files between builds, so that an unchanged context costs one walk and no reading. A digest
 * counts as long as size, times and inode are what they were; a change time cannot be set back by a program.
 */
import type { Stats } from "node:fs";
import { createHash } from "node:crypto";
import { join } from "node:path";
import { makeDirectory, readJson, writeJson } from "../host/files.ts";

/** size, mtime, ctime, inode, digest. */
type Line = [number, number, number, number, string];

/** A file that changed this recently may change again without its times showing it, so its digest is not kept. */
const SETTLED_MS = 2000;

export class StatCache {
  readonly #file: string;
  readonly #old: ReadonlyMap<string, Line>;
  readonly #new = new Map<string, Line>();
  #changed = false;

  private constructor(file: string, lines: ReadonlyMap<string, Line>) {
    this.#file = file;
    this.#old = lines;
  }

  /** The cache of one directory; a damaged file counts as empty. */
  static async open(stateDirectory: string, contextDir: string): Promise<StatCache> {
    const directory = join(stateDirectory, "contexts");
    await makeDirectory(directory);
    const file = join(directory, `${createHash("sha256").update(contextDir).digest("hex").slice(0, 32)}.json`);
    const lines = await readJson<Record<string, Line>>(file).catch(() => undefined);
    return new StatCache(file, new Map(Object.entries(lines ?? {})));
  }

  get(path: string, stats: Stats): string | undefined {
    const line = this.#old.get(path);
    if (!line) return undefined;
    const isSame = line[0] === stats.size && line[1] === stats.mtimeMs && line[2] === stats.ctimeMs && line[3] === stats.ino;
    if (!isSame) return undefined;
    this.#new.set(path, line);
    return line[4];
  }

  set(path: string, stats: Stats, digest: string): void {
    if (Date.now() - Math.max(stats.ctimeMs, stats.mtimeMs) < SETTLED_MS) return;
    this.#changed = true;
    this.#new.set(path, [stats.size, stats.mtimeMs, stats.ctimeMs, stats.ino, digest]);
  }

  /** Keeps what this build looked at, and what it had no reason to look at. */
  async save(): Promise<void> {
    if (!this.#changed) return;
    await writeJson(this.#file, Object.fromEntries([...this.#old, ...this.#new]));
    this.#changed = false;
  }
}
