/**
 * Makes a tar of files. Runs on a layer worker, inside its root. Entries come in byte order, parents first.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readlinkSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";
import { getXattr, listXattrs } from "../host/xattr.ts";
import { isWhiteout, listNames, lstatIfAny } from "./inode.ts";
import { shown, toPath } from "./names.ts";
import { tarHeader, tarPadding, TAR_END } from "./tar-writer.ts";
import { entryTypeOf } from "./tar-header.ts";
import type { EntryType, TarEntry } from "./tar-header.ts";

export interface PackerOptions {
  write: (bytes: Buffer) => Promise<void>;
  /** Throws when the work is no longer wanted. */
  checkStop: () => void;
  /** Set for an overlay's upper directory: whiteouts and opaque directories become `.wh.` entries. */
  overlay?: { opaque: string; ignored: (path: string, stats: Stats) => boolean };
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
const READ_CHUNK = 1 << 18;

export class Packer {
  /** Bytes of regular files, each inode once. */
  bytes = 0;
  readonly #options: PackerOptions;
  readonly #links = new Map<string, string>();
  readonly #buffer = Buffer.allocUnsafeSlow(READ_CHUNK);

  constructor(options: PackerOptions) {
    this.#options = options;
  }

  /** Packs what is at `path` under `name` with all that is in it; with an empty name, its content alone. */
  async pack(path: string, name: string): Promise<void> {
    this.#options.checkStop();
    const stats = lstatIfAny(path || "/");
    if (!stats || this.#options.overlay?.ignored(path, stats)) return;
    if (name !== "") await this.#entry(path, name, stats);
    if (!stats.isDirectory()) return;
    if (name !== "" && this.#options.overlay && getXattr(toPath(path), this.#options.overlay.opaque)?.toString() === "y")
      await this.#options.write(tarHeader({ ...describe(stats, `${name}/.wh..wh..opq`, "file"), mode: 0, sizeBytes: 0 }));
    for (const child of listNames(path)) await this.pack(`${path}/${child}`, name === "" ? child : `${name}/${child}`);
  }

  /** Ends the archive. */
  async end(): Promise<void> {
    await this.#options.write(TAR_END);
  }

  async #entry(path: string, name: string, stats: Stats): Promise<void> {
    if (this.#options.overlay && isWhiteout(stats)) {
      const at = name.lastIndexOf("/") + 1;
      const whiteout = `${name.slice(0, at)}.wh.${name.slice(at)}`;
      return this.#options.write(tarHeader({ ...describe(stats, whiteout, "file"), mode: 0, sizeBytes: 0 }));
    }
    const type = entryTypeOf(stats);
    if (!type) return;
    const inode = `${stats.dev}:${stats.ino}`;
    const first = stats.nlink > 1 && type !== "directory" ? this.#links.get(inode) : undefined;
    const entry = describe(stats, type === "directory" ? `${name}/` : name, first === undefined ? type : "link");
    if (first !== undefined) entry.linkName = first;
    else if (stats.nlink > 1) this.#links.set(inode, name);
    if (type === "symlink" && first === undefined) entry.linkName = readlinkSync(toPath(path), "latin1");
    if (first === undefined) readAttributes(path || "/", entry);
    if (entry.type === "file") await this.#file(path, entry);
    else await this.#options.write(tarHeader(entry));
  }

  /** The header promises a size; a file that changes meanwhile is cut or filled with zeros. */
  async #file(path: string, entry: TarEntry): Promise<void> {
    const file = openSync(toPath(path), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      const stats = fstatSync(file);
      if (!stats.isFile()) return;
      entry.sizeBytes = stats.size;
      this.bytes += stats.size;
      await this.#options.write(tarHeader(entry));
      for (let left = stats.size; left > 0;) {
        this.#options.checkStop();
        const wanted = Math.min(left, READ_CHUNK);
        const read = readSync(file, this.#buffer, 0, wanted, null);
        if (read === 0) this.#buffer.fill(0, 0, wanted);
        await this.#options.write(this.#buffer.subarray(0, read || wanted));
        left -= read || wanted;
      }
      await this.#options.write(tarPadding(stats.size));
    } finally {
      closeSync(file);
    }
  }
}

function describe(stats: Stats, name: string, type: EntryType): TarEntry {
  const isDevice = type === "character" || type === "block";
  return {
    name,
    type,
    mode: stats.mode & 0o7777,
    uid: stats.uid,
    gid: stats.gid,
    sizeBytes: type === "file" ? stats.size : 0,
    mtimeSeconds: Math.floor(stats.mtimeMs / 1000),
    mtimeNanoseconds: 0,
    linkName: "",
    major: isDevice ? Number(((BigInt(stats.rdev) >> 8n) & 0xfffn) | ((BigInt(stats.rdev) >> 32n) & 0xfffff000n)) : 0,
    minor: isDevice ? Number((BigInt(stats.rdev) & 0xffn) | ((BigInt(stats.rdev) >> 12n) & 0xffffff00n)) : 0,
  };
}

/** File capabilities and users' own attributes travel; overlay's and the host's labels do not. */
function readAttributes(path: string, entry: TarEntry): void {
  for (const name of listXattrs(toPath(path))) {
    if (name !== "security.capability" && (!name.startsWith("user.") || name.startsWith("user.overlay."))) continue;
    const value = getXattr(toPath(path), name);
    if (value) (entry.xattrs ??= new Map()).set(name, value);
  }
}

/** @throws {EngineError} not-found when there is nothing at `path` */
export function checkPresent(path: string): Stats {
  try {
    return lstatSync(toPath(path || "/"));
  } catch (error) {
    if (errorCode(error) !== "ENOENT" && errorCode(error) !== "ENOTDIR") throw error;
    throw new EngineError("not-found", `Cannot find ${shown(path)}`, { cause: error });
  }
}
