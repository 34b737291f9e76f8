/** Files as an engine needs them: whole or not there, and still there after a power cut. */
import { randomBytes } from "node:crypto";
import { closeSync, fdatasync, fsync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { open, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { promisify } from "node:util";
import { declare, errorCode } from "./libc.ts";

const syncfsCall = declare("int syncfs(int fd)");
const syncRange = declare("int sync_file_range(int fd, int64_t offset, int64_t length, unsigned int flags)");
const [datasync, sync] = [promisify(fdatasync), promisify(fsync)];

/** Unfinished files have this in their names; sweepUnfinished removes them after a crash. */
const UNFINISHED = ".unfinished-";

/**
 * Replaces a file in one step: readers see the old content or the new, also after a crash, and it is on disk when the
 * promise resolves. The directory must exist.
 * @param options.mode permissions, 0600 unless said; the umask applies
 * @param options.unsynced leaves it to the caller when it is on disk; after a power cut the file may be damaged or gone
 */
export async function writeFileAtomic(path: string, data: string | Uint8Array, options: WriteOptions = {}): Promise<void> {
  const temporary = join(dirname(path), `${basename(path)}${UNFINISHED}${randomBytes(6).toString("hex")}`);
  // What only reaches memory takes less time than a way to another thread and back; what waits for the disk is sent there.
  const file = openSync(temporary, "wx", options.mode ?? 0o600);
  try {
    try {
      writeFileSync(file, data);
      if (!options.unsynced) await datasync(file);
    } finally {
      closeSync(file);
    }
    if (options.unless?.()) return rmSync(temporary);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
  if (!options.unsynced) await syncDirectory(dirname(path));
}

interface WriteOptions {
  mode?: number;
  unsynced?: boolean;
  /** Asked right before the file takes its name: the old one stays when this is true by then. */
  unless?: () => boolean;
}

/**
 * Lets the disk begin with a part of a file, so that who syncs the whole later waits for less. Only a hint: where it is not
 * possible, nothing happens. The file must stay open until the promise resolves.
 */
export async function beginSync(file: number, offset: number, length: number): Promise<void> {
  const SYNC_FILE_RANGE_WRITE = 2;
  await syncRange.async("begin to write out", file, offset, length, SYNC_FILE_RANGE_WRITE).catch(() => undefined);
}

/** Makes a file that was written without waiting for the disk, and its name, survive a power cut. */
export async function syncFile(path: string): Promise<void> {
  const file = openSync(path, "r");
  try {
    await datasync(file);
  } finally {
    closeSync(file);
  }
  await syncDirectory(dirname(path));
}

/** Makes what was renamed, created or removed in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = openSync(path, "r");
  try {
    await sync(directory);
  } finally {
    closeSync(directory);
  }
}

/** writeFileAtomic of a value as JSON. */
export async function writeJson(path: string, value: unknown, options: WriteOptions = {}): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value)}\n`, options);
}

/** Writes out the whole file system that a directory is on: cheaper than one file at a time where there are thousands. */
export async function syncFileSystem(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await syncfsCall.async("write out the file system", directory.fd);
  } finally {
    await directory.close();
  }
}

/**
 * The value of a JSON file that this engine wrote; undefined when there is no file.
 * Files from strangers need checking: the type is taken at the caller's word.
 * @throws {SyntaxError} naming the file, when it is not JSON
 */
export async function readJson<T>(path: string): Promise<T | undefined> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  try {
    return JSON.parse(text) as T;
  } catch (error) {
    throw new SyntaxError(`Cannot read "${path}": ${(error as Error).message}`, { cause: error });
  }
}

/** Removes files that writeFileAtomic did not finish before a crash. */
export async function sweepUnfinished(directory: string): Promise<void> {
  const names = await readdir(directory).catch(() => []);
  const unfinished = names.filter((name) => name.includes(UNFINISHED));
  await Promise.all(unfinished.map((name) => rm(join(directory, name), { force: true })));
}

/** Makes a directory and its parents; those it makes are `mode`, 0700 unless said. Idempotent. */
export async function makeDirectory(path: string, options: { mode?: number } = {}): Promise<void> {
  mkdirSync(path, { recursive: true, mode: options.mode ?? 0o700 });
}

/**
 * Deletes a tree. Never follows symlinks, but does enter mounts: unmount first.
 * Idempotent.
 */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true, maxRetries: 0 });
}
