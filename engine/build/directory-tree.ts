/** A directory on this machine as a tree. Looks at each name once; nothing below a symlink is ever reached. */
import { closeSync, constants, createReadStream, lstatSync, openSync, readdirSync, readlinkSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { createHash } from "node:crypto";
import { toPath } from "../layers/names.ts";
import type { EntryType, FileTree, TreeEntry } from "./file-tree.ts";
import { parentOf } from "./file-tree.ts";
import type { StatCache } from "./stat-cache.ts";

export interface DirectoryTreeOptions {
  /** Show everything as root's, as a context is; a stage's files keep their owners. */
  readonly owner: "root" | "kept";
  /** Remembers digests between builds. */
  readonly statCache?: StatCache;
}

/** Files up to this size are read in one piece, without waiting. */
const SMALL = 1 << 20;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;

interface Known {
  readonly entry: TreeEntry;
  readonly stats: Stats;
}

export class DirectoryTree implements FileTree {
  readonly #root: string;
  readonly #options: DirectoryTreeOptions;
  readonly #known = new Map<string, Known | undefined>();
  readonly #names = new Map<string, readonly string[]>();

  /** @param root absolute path of the directory */
  constructor(root: string, options: DirectoryTreeOptions) {
    this.#root = Buffer.from(root).toString("latin1");
    this.#options = options;
  }

  entry(path: string): TreeEntry | undefined {
    return this.#look(path)?.entry;
  }

  children(path: string): readonly string[] {
    if (this.entry(path)?.type !== "directory") return [];
    let names = this.#names.get(path);
    if (!names) this.#names.set(path, (names = readdirSync(this.#path(path), { encoding: "latin1" }).toSorted(byBytes)));
    return names;
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

  async digest(entry: TreeEntry): Promise<string> {
    const { stats } = this.#look(entry.path)!;
    const cached = this.#options.statCache?.get(entry.path, stats);
    if (cached !== undefined) return cached;
    const hash = createHash("sha256");
    for await (const piece of this.content(entry)) hash.update(piece);
    const digest = hash.digest("hex");
    this.#options.statCache?.set(entry.path, stats, digest);
    return digest;
  }

  close(): void {
    this.#known.clear();
    this.#names.clear();
  }

  #path(path: string): string | Buffer {
    return toPath(path === "" ? this.#root : `${this.#root}/${path}`);
  }

  #look(path: string): Known | undefined {
    if (this.#known.has(path)) return this.#known.get(path);
    const known = this.#lstat(path);
    this.#known.set(path, known);
    return known;
  }

  #lstat(path: string): Known | undefined {
    if (path !== "" && this.entry(parentOf(path))?.type !== "directory") return undefined;
    const stats = lstatSync(this.#path(path), { throwIfNoEntry: false });
    const type = stats && typeOf(stats);
    if (!type) return undefined;
    const isRoots = this.#options.owner === "root";
    const entry: TreeEntry = {
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
    return { entry, stats };
  }
}

function byBytes(a: string, b: string): number {
  return a < b ? -1 : 1;
}

/** Undefined for sockets, which no layer can hold. */
function typeOf(stats: Stats): EntryType | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "character";
  if (stats.isBlockDevice()) return "block";
  return stats.isFIFO() ? "fifo" : undefined;
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
  const content = Buffer.alloc(sizeBytes);
  for (let at = 0; at < sizeBytes;) {
    const read = readSync(file, content, at, sizeBytes - at, at);
    if (read === 0) break;
    at += read;
  }
  return content;
}
