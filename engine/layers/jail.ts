/**
 * Work on files below a root that somebody else filled: unpack into it, pack from it, look at it, copy between two.
 *
 * Every function runs on a worker thread that has made `root` its own root directory by chroot(2), so that neither `..`
 * nor a symbolic link, absolute or relative, leads out of it: the kernel resolves every path. A `path` is therefore
 * always seen from inside: `/etc/passwd` is the passwd file of `root`. `root` may be a directory or `/proc/<pid>/root`.
 *
 * File names are bytes on Linux. In strings of this room each character is one byte (latin1) when it comes from a
 * directory or an archive; paths that callers pass in are ordinary strings.
 */
import type { DiffOptions } from "./snapshots.ts";
import type { Readable } from "node:stream";
import type { FileStat } from "../api/types/file.ts";
import type { JobMount } from "./jobs.ts";
import { runJob, streamJob } from "./pool.ts";

export interface ExtractOptions {
  /** Give every entry this owner instead of the archive's. */
  owner?: { uid: number; gid: number };
  /** Give every entry these permission bits instead of the archive's. */
  mode?: number;
  /** Docker's `noOverwriteDirNonDir`: a directory is not replaced by something else, nor the other way round. */
  keepKinds?: boolean;
  /** Make `path` and its parents when missing, with `owner` and mode 0755; otherwise they have to exist. */
  makeParents?: boolean;
  /** Seconds since the epoch for everything instead of the archive's times. */
  mtime?: number;
  /** An entry for the top (`./`) gives `path` itself its owner, mode and times; otherwise it is passed over. */
  setRoot?: boolean;
  /** More unpacked bytes than this end in an error. Default: what the disk has free. */
  maxBytes?: number;
  /** In this order; see JobMount. */
  mounts?: readonly JobMount[];
  signal?: AbortSignal;
}

export interface Extracted {
  entries: number;
  /** Bytes of regular files. */
  bytes: number;
}

/**
 * Unpacks a tar (plain, gzip, zstd; told apart by its first bytes) into the directory `path` of `root`.
 * Not atomic: what was unpacked before an error stays.
 *
 * @throws {EngineError} invalid when the archive is malformed or a name leaves `root`; not-found `no such file or
 *   directory` and invalid `extraction point is not a directory` for `path`
 */
export async function extractInto(root: string, path: string, tar: Readable, options: ExtractOptions = {}): Promise<Extracted> {
  const { signal, mounts, ...rest } = options;
  return runJob<Extracted>({ kind: "extract", root, path, mounts, options: rest }, { input: tar, signal });
}

export interface PackOptions {
  /** First component of the names in the archive instead of the last one of `path`; empty packs the content of `path`. */
  name?: string;
  /** Pack what a symbolic link at `path` points to; links further down are always kept. */
  followLink?: boolean;
  /** In this order; see JobMount. */
  mounts?: readonly JobMount[];
  signal?: AbortSignal;
}

/**
 * Packs the file or directory `path` of `root` as tar: sorted by name, nothing from this machine but what the files say.
 * The stream fails with EngineError not-found when there is no such path. Destroy it to stop early.
 */
export function packFrom(root: string, path: string, options: PackOptions = {}): Readable {
  const { signal, mounts, ...rest } = options;
  return streamJob({ kind: "pack", root, path, mounts, options: rest }, { signal });
}

export interface PathStat {
  /** Last component of the path as asked for. */
  name: string;
  /** The path with every symbolic link of its parents resolved, from `root`'s inside. */
  path: string;
  sizeBytes: number;
  /** st_mode: type and permissions. */
  mode: number;
  uid: number;
  gid: number;
  mtimeNs: bigint;
  /** Where a symbolic link leads in the end, absolute inside `root`, existing or not; empty for anything else. */
  linkTarget: string;
}

/** What `path` is, without following a symbolic link at its end unless the path ends with `/` or `/.`; undefined if missing. */
export async function statIn(root: string, path: string, mounts?: readonly JobMount[]): Promise<PathStat | undefined> {
  return runJob<PathStat | undefined>({ kind: "stat", root, path, mounts });
}

/** A small file's content, symbolic links followed inside `root`; undefined if there is no such file. At most 16 MiB. */
export async function readFileIn(root: string, path: string): Promise<Buffer | undefined> {
  const content = await runJob<Uint8Array | undefined>({ kind: "read", root, path });
  return content && Buffer.from(content.buffer, content.byteOffset, content.byteLength);
}

/** Makes a directory with its missing parents. Owner and mode apply to those that are made, the mode exactly. */
export async function makeDirectoryIn(
  root: string,
  path: string,
  options: { owner?: { uid: number; gid: number }; mode?: number } = {},
): Promise<void> {
  await runJob<void>({ kind: "mkdir", root, path, options });
}

export interface CopyOptions {
  /** Give every copy this owner instead of the source's. */
  owner?: { uid: number; gid: number };
  /** Give every copy these permission bits instead of the source's. */
  mode?: number;
  /** Seconds since the epoch for every copy instead of the source's times. */
  mtime?: number;
  /**
   * Paths below the source directory that are to be copied, each by itself and not with its content; parents that are
   * missing at the target are made. Absent: everything.
   */
  only?: readonly string[];
  /** Give the directory `to.path` the source directory's owner, mode and times too. */
  top?: boolean;
  signal?: AbortSignal;
}

/**
 * Copies `from.path` of one root to `to.path` of another, the kernel keeping either side inside its root. A directory's
 * content is merged into the directory `to.path` (made when missing, root's and 0755); anything else becomes `to.path` itself. Symbolic
 * links are copied as links, except one at `from.path`, which is followed. Keeps modes, owners, times, attributes and
 * hard links among the copied.
 *
 * @throws {EngineError} not-found when there is no such source
 */
export async function copyInto(
  from: { root: string; path: string },
  to: { root: string; path: string },
  options: CopyOptions = {},
): Promise<Extracted> {
  const { signal, ...rest } = options;
  return runJob<Extracted>({ kind: "copy", root: to.root, path: to.path, from, options: rest }, { signal });
}

/** Bytes of the files below `path`, each inode once. @param options what of them is none of their own */
export async function measureIn(root: string, path: string, options: Pick<DiffOptions, "mountpoints"> = {}): Promise<number> {
  return runJob<number>({ kind: "measure", root, path, options });
}

/** What `path` is. @throws {EngineError} not-found */
export async function fileStatIn(root: string, path: string): Promise<FileStat> {
  return runJob<FileStat>({ kind: "file-stat", root, path });
}

/** What is in the directory `path`, by name. @throws {EngineError} not-found; invalid when it is no directory */
export async function listFilesIn(root: string, path: string): Promise<FileStat[]> {
  return runJob<FileStat[]>({ kind: "file-list", root, path });
}

/** A regular file's bytes, links followed. The stream fails with EngineError not-found or invalid. */
export function readStreamIn(root: string, path: string, signal?: AbortSignal): Readable {
  return streamJob({ kind: "file-read", root, path }, { signal });
}

/**
 * Gives a regular file a new content, in place, links followed. The old content goes only when 16 MiB of the new one, or all
 * of it, has arrived. A new file gets its directory's owner and mode 0644 or `mode`, and is not there when its content broke off.
 * @throws {EngineError} not-found without `create`; conflict when it exists without `overwrite`; invalid for anything but a file
 */
export async function writeFileIn(
  at: { root: string; path: string },
  content: Readable,
  options: { create: boolean; overwrite: boolean; mode?: number | undefined; signal?: AbortSignal },
): Promise<void> {
  const { signal, ...rest } = options;
  await runJob<void>({ kind: "file-write", ...at, options: rest }, { input: content, signal });
}

/** Makes one directory in an existing one, with that one's owner and mode 0755. @throws {EngineError} conflict, not-found */
export async function makeOneDirectoryIn(root: string, path: string): Promise<void> {
  await runJob<void>({ kind: "file-mkdir", root, path });
}

/** Moves within one file system. @throws {EngineError} conflict when `to` exists without `overwrite`; not-found; invalid */
export async function renameIn(root: string, path: string, to: { path: string; overwrite: boolean }): Promise<void> {
  await runJob<void>({ kind: "file-rename", root, path, to: to.path, options: { overwrite: to.overwrite } });
}

/** Deletes a file, a link or a directory. @throws {EngineError} conflict when it is not empty without `recursive`; not-found */
export async function removeIn(root: string, path: string, options: { recursive: boolean }): Promise<void> {
  await runJob<void>({ kind: "file-remove", root, path, options });
}
