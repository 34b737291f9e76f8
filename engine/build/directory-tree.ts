/** A directory on this machine as a tree. Looks at each name once; nothing below a symlink is ever reached. */
import { closeSync, constants, createReadStream, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { createHash } from "node:crypto";
import { toPath } from "../layers/names.ts";
import { entryTypeOf } from "../layers/tar-header.ts";
import { DirectoryMemory } from "./context-memory.ts";
import type { FileTimes, Known } from "./context-memory.ts";
import type { EntryType, FileTree, TreeEntry } from "./file-tree.ts";
import { parentOf } from "./file-tree.ts";
import { isSettled } from "./stat-cache.ts";

export interface DirectoryTreeOptions {
  /** Show everything as root's, as a context is; a stage's files keep their owners. */
  readonly owner: "root" | "kept";
  /** What earlier builds know of the directory; of the same owner. */
  readonly memory?: DirectoryMemory;
  /** Of the memory's begin(). */
  readonly turn?: number;
}

/** Files up to this size are read in one piece, without waiting. */
const SMALL = 1 << 20;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

export class DirectoryTree implements FileTree {
  readonly #root: string;
  readonly #owner: "root" | "kept";
  readonly #memory: DirectoryMemory;
  readonly #turn: number;
  readonly #missing = new Set<string>();

  /** @param root absolute path of the directory */
  constructor(root: string, { owner, memory = new DirectoryMemory(), turn = memory.begin() }: DirectoryTreeOptions) {
    this.#root = Buffer.from(root).toString("latin1");
    this.#owner = owner;
    this.#memory = memory;
    this.#turn = turn;
  }

  entry(path: string): TreeEntry | undefined {
    return this.#look(path)?.entry;
  }

  children(path: string): readonly string[] {
    const known = this.#look(path);
    if (known?.entry.type !== "directory") return [];
    return (known.names ??= readdirSync(this.#path(path), { encoding: "latin1" }).toSorted(byBytes));
  }

  async *content(entry: TreeEntry): AsyncGenerator<Buffer> {
    const file = openSync(this.#path(entry.path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (entry.sizeBytes > SMALL) return yield* createReadStream("", { fd: file, highWaterMark: SMALL });
    try {
      yield readWhole(file, entry.sizeBytes);
    } finally {
      closeSync(file);
    }
  }

  digest(entry: TreeEntry): string | Promise<string> {
    const known = this.#look(entry.path)!;
    if (known.digest !== undefined) return known.digest;
    const kept = this.#memory.statCache?.get(entry.path, known.times);
    return kept === undefined ? this.#hash(known) : (known.digest = kept);
  }

  async #hash(known: Known): Promise<string> {
    const { entry, times, settled } = known;
    const hash = createHash("sha256");
    for await (const piece of this.content(entry)) hash.update(piece);
    known.digest = hash.digest("hex");
    if (settled) this.#memory.statCache?.set(entry.path, times, known.digest);
    return known.digest;
  }

  close(): void {
    this.#missing.clear();
  }

  #path(path: string): string | Buffer {
    return toPath(path === "" ? this.#root : `${this.#root}/${path}`);
  }

  /** Each name is looked at once in a build; what did not change since the last build is the same object as then. */
  #look(path: string): Known | undefined {
    const before = this.#memory.known.get(path);
    if (before?.look === this.#turn) return before;
    if (this.#missing.has(path)) return undefined;
    const stats = this.#lstat(path);
    if (!stats) return void this.#missing.add(path);
    if (before?.settled && isSame(before.times, stats)) {
      before.look = this.#turn;
      return before;
    }
    const entry = this.#entry(path, stats);
    if (!entry) return void this.#missing.add(path);
    const { dev, ino, size, mtimeMs, ctimeMs } = stats;
    const known: Known = { entry, times: { dev, ino, size, mtimeMs, ctimeMs }, settled: isSettled(stats), look: this.#turn };
    this.#memory.known.set(path, known);
    return known;
  }

  #lstat(path: string): Stats | undefined {
    if (path !== "" && this.entry(parentOf(path))?.type !== "directory") return undefined;
    return lstatSync(this.#path(path), { throwIfNoEntry: false });
  }

  #entry(path: string, stats: Stats): TreeEntry | undefined {
    const type = entryTypeOf(stats);
    if (!type) return undefined;
    const isRoots = this.#owner === "root";
    return {
      path,
      type,
      mode: stats.mode & 0o7777,
      uid: isRoots ? 0 : stats.uid,
      gid: isRoots ? 0 : stats.gid,
      sizeBytes: type === "file" ? stats.size : 0,
      mtimeSeconds: Math.floor(stats.mtimeMs / 1000),
      linkName: type === "symlink" ? readlinkSync(this.#path(path), "latin1") : "",
      inode: type !== "directory" && stats.nlink > 1 ? `${stats.dev}:${stats.ino}` : undefined,
      ...device(type, stats),
    };
  }
}

function isSame(before: FileTimes, now: FileTimes): boolean {
  return (
    before.ctimeMs === now.ctimeMs &&
    before.mtimeMs === now.mtimeMs &&
    before.size === now.size &&
    before.ino === now.ino &&
    before.dev === now.dev
  );
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Linux's encoding of device numbers. */
function device(type: EntryType, { rdev }: Stats): { major: number; minor: number } {
  if (type !== "character" && type !== "block") return { major: 0, minor: 0 };
  const value = BigInt(rdev);
  return {
    major: Number(((value >> 8n) & 0xfffn) | ((value >> 32n) & 0xfffff000n)),
    minor: Number((value & 0xffn) | ((value >> 12n) & 0xffffff00n)),
  };
}

/** A file that has become shorter meanwhile is filled up with zeros: the size was promised. */
function readWhole(file: number, sizeBytes: number): Buffer {
  const content = Buffer.allocUnsafe(sizeBytes);
  for (let at = 0; at < sizeBytes;) {
    const read = readSync(file, content, at, sizeBytes - at, at);
    if (read === 0) return content.fill(0, at);
    at += read;
  }
  return content;
}
