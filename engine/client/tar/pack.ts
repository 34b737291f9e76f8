/**
 * Local files → tar entries, for build contexts and copies into containers.
 */
import { createReadStream } from "node:fs";
import type { Stats } from "node:fs";
import { lstat, readFile, readdir, readlink, stat } from "node:fs/promises";
import { join } from "node:path";
import type { TarEntry, TarHeader } from "./write.ts";

export interface PackOptions {
  /** Keeps user and group numbers; otherwise all belongs to root. */
  readonly keepOwner: boolean;
  /** Follows a symbolic link at the top. */
  readonly followTop?: boolean;
  /** Takes FIFOs and devices too, and is told the path of each socket, which no archive can hold. */
  readonly onSocket?: (path: string) => void;
  /** Whether a path below the top is taken; `enter` says whether a directory that is not taken is looked into. */
  readonly select?: (path: string, isDirectory: boolean) => { readonly take: boolean; readonly enter: boolean };
}

/** Files up to this size are read at once: a stream for each would cost more than the copy. */
const SMALL = 256 * 1024;

/**
 * What is at `top`, called `name` in the archive (`""` leaves the top itself out, its content stays), in order of names.
 * Sockets, FIFOs and devices are skipped, unless the options say otherwise.
 */
export async function* packPath(top: string, name: string, options: PackOptions): AsyncGenerator<TarEntry> {
  const stats = await (options.followTop ? stat(top) : lstat(top));
  if (name !== "") yield* oneEntry({ path: top, name, stats }, options);
  if (stats.isDirectory()) yield* children({ top, name, below: "" }, options);
}

/** An entry whose content is at hand. */
export function bufferEntry(name: string, content: Uint8Array, mode = 0o644): TarEntry {
  return { header: { name, type: "file", mode, size: content.length, mtime: new Date(0), uid: 0, gid: 0 }, content };
}

async function* children(at: { top: string; name: string; below: string }, options: PackOptions): AsyncGenerator<TarEntry> {
  const directory = join(at.top, at.below);
  for (const child of (await readdir(directory)).toSorted()) {
    const below = at.below === "" ? child : `${at.below}/${child}`;
    const path = join(directory, child);
    const stats = await lstat(path);
    const chosen = options.select?.(below, stats.isDirectory()) ?? { take: true, enter: true };
    if (chosen.take) yield* oneEntry({ path, name: at.name === "" ? below : `${at.name}/${below}`, stats }, options);
    if (stats.isDirectory() && (chosen.take || chosen.enter)) yield* children({ ...at, below }, options);
  }
}

interface Found {
  readonly path: string;
  readonly name: string;
  readonly stats: Stats;
}

async function* oneEntry({ path, name, stats }: Found, { keepOwner, onSocket }: PackOptions): AsyncGenerator<TarEntry> {
  const type = typeOf(stats) ?? (onSocket && specialTypeOf(stats));
  if (!type) return stats.isSocket() ? onSocket?.(path) : undefined;
  const header: TarHeader = {
    name: type === "directory" ? `${name}/` : name,
    type,
    mode: stats.mode & 0o7777,
    mtime: stats.mtime,
    uid: keepOwner ? stats.uid : 0,
    gid: keepOwner ? stats.gid : 0,
    size: type === "file" ? stats.size : 0,
    ...(type === "symlink" ? { linkName: await readlink(path) } : {}),
    ...(type === "character" || type === "block" ? { device: deviceOf(stats) } : {}),
  };
  if (type !== "file") yield { header };
  else if (stats.size > SMALL) yield { header, content: createReadStream(path, { end: stats.size - 1, highWaterMark: SMALL }) };
  else {
    const content = await readFile(path);
    yield { header: { ...header, size: content.length }, content };
  }
}

function typeOf(stats: Stats): "file" | "directory" | "symlink" | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  return stats.isSymbolicLink() ? "symlink" : undefined;
}

function specialTypeOf(stats: Stats): "character" | "block" | "fifo" | undefined {
  if (stats.isCharacterDevice()) return "character";
  if (stats.isBlockDevice()) return "block";
  return stats.isFIFO() ? "fifo" : undefined;
}

/** As Linux packs both numbers into one, for those of less than 32 bits. */
function deviceOf({ rdev }: Stats): { major: number; minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}
