/**
 * Contexts that clients sent, kept so that the next build of the same directory receives only what changed.
 *
 *     DIR/KEY/         the files
 *     DIR/KEY.json     what the client said of each of them; not there while files change
 */
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  linkSync,
  lutimesSync,
  mkdirSync,
  openSync,
  rmSync,
  symlinkSync,
  writeSync,
} from "node:fs";
import { readdir, rm, stat as statOf } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readJson, removeTree, writeJson } from "../../host/files.ts";
import { EngineError } from "../../errors.ts";
import { toPath } from "../../layers/names.ts";
import { kindOf, permissions } from "./file-sync.ts";
import type { FileSink } from "./file-sync.ts";
import type { Stat } from "./messages.ts";

/** Contexts of the last builds that stay. */
const KEPT = 8;

/** mode, size, modification time in nanoseconds, link name. */
type Line = readonly [number, number, string, string];

export interface TakenContext {
  readonly directory: string;
  /** Puts what arrives into the directory, and takes away what is not there any more. */
  readonly sink: FileSink;
  /** Says that everything has arrived. */
  keep(): Promise<void>;
  release(): Promise<void>;
}

/** A context that stays for the next build. */
export interface KeptContext {
  readonly name: string;
  readonly sizeBytes: number;
  readonly lastUsedMs: number;
  readonly inUse: boolean;
}

export class ContextDirectories {
  readonly #directory: string;
  readonly #busy = new Set<string>();
  /** Of what is kept, as far as it was looked at. */
  readonly #sizes = new Map<string, number>();
  #swept: Promise<void> | undefined;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** @param name the same for the same directory of the same client; when a build works with it, the next one gets a new one */
  async take(name: string): Promise<TakenContext> {
    const key = createHash("sha256").update(name).digest("hex").slice(0, 32);
    const isTaken = name === "" || this.#busy.has(key);
    const own = isTaken ? `once-${randomBytes(8).toString("hex")}` : key;
    this.#busy.add(own);
    await (this.#swept ??= this.#sweep());
    const directory = join(this.#directory, own);
    const index = `${directory}.json`;
    const known = await readJson<Record<string, Line>>(index).catch(() => undefined);
    await rm(index, { force: true });
    if (!known) await removeTree(directory);
    await makeDirectory(directory);
    const tree = new ContextTree(directory, new Map(Object.entries(known ?? {})));
    let isWhole = false;
    return {
      directory,
      sink: tree,
      keep: async () => {
        tree.settle();
        const lines = tree.index();
        await writeJson(index, lines);
        this.#sizes.set(own, bytesOf(Object.values(lines)));
        isWhole = true;
      },
      release: async () => {
        tree.closeAll();
        this.#busy.delete(own);
        // What came in part is of no use, and may be what filled the disk.
        if (isTaken || !isWhole) await this.remove(own);
        else await this.#dropOld();
      },
    };
  }

  /** Of all that is kept; known once a build has ended or somebody has listed it. */
  get sizeBytes(): number {
    return [...this.#sizes.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  async list(): Promise<KeptContext[]> {
    await (this.#swept ??= this.#sweep());
    const names = (await readdir(this.#directory)).filter((name) => !name.includes("."));
    return Promise.all(
      names.map(async (name) => {
        const [sizeBytes, lastUsedMs] = [await this.#size(name), await this.#age(name)];
        return { name, sizeBytes, lastUsedMs, inUse: this.#busy.has(name) };
      }),
    );
  }

  /** Unless a build works with it. @param name of list() */
  async remove(name: string): Promise<boolean> {
    if (this.#busy.has(name)) return false;
    // Who wants it meanwhile takes another.
    this.#busy.add(name);
    try {
      await rm(join(this.#directory, `${name}.json`), { force: true });
      await removeTree(join(this.#directory, name));
      return this.#sizes.delete(name) || true;
    } finally {
      this.#busy.delete(name);
    }
  }

  async #size(name: string): Promise<number> {
    const known = this.#sizes.get(name);
    if (known !== undefined) return known;
    const lines = Object.values((await readJson<Record<string, Line>>(join(this.#directory, `${name}.json`)).catch(() => undefined)) ?? {});
    const size = bytesOf(lines);
    if (!this.#busy.has(name)) this.#sizes.set(name, size);
    return size;
  }

  async #age(name: string): Promise<number> {
    return (await statOf(join(this.#directory, `${name}.json`)).catch(() => undefined))?.mtimeMs ?? 0;
  }

  /** Removes what a killed engine was receiving. Once, before the first context. */
  async #sweep(): Promise<void> {
    await makeDirectory(this.#directory);
    const names = new Set(await readdir(this.#directory));
    for (const name of names)
      if (!name.includes(".") && !names.has(`${name}.json`) && !this.#busy.has(name)) await removeTree(join(this.#directory, name));
  }

  async #dropOld(): Promise<void> {
    const kept = (await this.list()).toSorted((a, b) => b.lastUsedMs - a.lastUsedMs);
    for (const { name } of kept.slice(KEPT)) await this.remove(name);
  }
}

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

class ContextTree implements FileSink {
  readonly #root: string;
  readonly #old: ReadonlyMap<string, Line>;
  readonly #open = new Map<number, number>();
  #stats: readonly Stat[] = [];

  constructor(directory: string, old: ReadonlyMap<string, Line>) {
    this.#root = Buffer.from(directory).toString("latin1");
    this.#old = old;
  }

  /** Makes directories and symlinks and removes what is gone; nothing here follows a link. */
  list(stats: readonly Stat[]): readonly number[] {
    this.#stats = stats;
    const fresh = new Map(stats.map((stat) => [stat.path, stat]));
    for (const [path, [mode, , , linkname]] of this.#old) {
      const stat = fresh.get(path);
      const isDirectory = kindOf({ mode, linkname }) === "directory";
      if (stat && isDirectory && kindOf(stat) === "directory") continue;
      if (!stat || !this.#same(stat)) rmSync(this.#path(path), { recursive: true, force: true });
    }
    return stats.flatMap((stat, place) => (this.#prepare(stat) ? [place] : []));
  }

  write(place: number, data: Buffer): void {
    const file = this.#file(place);
    for (let at = 0; at < data.length;) at += writeSync(file, data, at);
  }

  close(place: number): void {
    const file = this.#file(place);
    const { mode, modTime } = this.#stats[place]!;
    fchmodSync(file, permissions(mode));
    futimesSync(file, seconds(modTime), seconds(modTime));
    closeSync(file);
    this.#open.delete(place);
  }

  /** Lets go of files that never came whole. */
  closeAll(): void {
    for (const file of this.#open.values()) closeSync(file);
    this.#open.clear();
  }

  /** Hard links need their files, and directories change while files are made in them. */
  settle(): void {
    for (const stat of this.#stats) if (kindOf(stat) === "link") this.#link(stat);
    for (const stat of this.#stats.toReversed()) {
      if (kindOf(stat) !== "directory") continue;
      const path = this.#path(stat.path);
      chmodSync(path, permissions(stat.mode));
      lutimesSync(path, seconds(stat.modTime), seconds(stat.modTime));
    }
  }

  index(): Record<string, Line> {
    return Object.fromEntries(this.#stats.filter((stat) => kindOf(stat) !== "other").map((stat) => [stat.path, lineOf(stat)]));
  }

  /** Whether the content has to come. */
  #prepare(stat: Stat): boolean {
    const path = this.#path(stat.path);
    switch (kindOf(stat)) {
      case "directory":
        mkdirSync(path, { recursive: true });
        return false;
      case "symlink":
        if (this.#same(stat)) return false;
        symlinkSync(toPath(stat.linkname), path);
        lutimesSync(path, seconds(stat.modTime), seconds(stat.modTime));
        return false;
      case "file":
        return !this.#same(stat);
      case "link":
      case "other":
        return false;
    }
  }

  #same(stat: Stat): boolean {
    const line = this.#old.get(stat.path);
    return line !== undefined && kindOf(stat) !== "link" && lineOf(stat).every((part, index) => part === line[index]);
  }

  #link({ path, linkname }: Stat): void {
    const target = this.#stats.find((stat) => stat.path === linkname);
    if (!target || kindOf(target) !== "file") throw new EngineError("invalid", `invalid hard link in the build context: ${path}`);
    linkSync(this.#path(linkname), this.#path(path));
  }

  #file(place: number): number {
    let file = this.#open.get(place);
    if (file === undefined) this.#open.set(place, (file = openSync(this.#path(this.#stats[place]!.path), NEW_FILE, 0o600)));
    return file;
  }

  #path(path: string): string | Buffer {
    return toPath(`${this.#root}/${path}`);
  }
}

function bytesOf(lines: readonly Line[]): number {
  return lines.reduce((sum, [mode, size, , linkname]) => sum + (kindOf({ mode, linkname }) === "file" ? size : 0), 0);
}

function lineOf({ mode, size, modTime, linkname }: Stat): Line {
  return [mode, size, String(modTime), linkname];
}

function seconds(nanoseconds: bigint): number {
  return Number(nanoseconds / 1000n) / 1e6;
}
