/**
 * Single files seen, read, written, moved and deleted. Runs on a layer worker, inside its root; paths are ordinary strings
 * of the job and byte strings below.
 */
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmdirSync,
  unlinkSync,
  writeSync,
} from "node:fs";
import type { Stats } from "node:fs";
import type { FileStat } from "../api/types/file.ts";
import { EngineError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import { WRITE_BYTES } from "../host/buffers.ts";
import { errorCode } from "../host/libc.ts";
import { chmodNoFollow, isMountpoint, listNames, lstatIfAny, removeAll } from "./inode.ts";
import type { FileJob } from "./jobs.ts";
import { baseOf, parentOf, shown, toBytes, toPath } from "./names.ts";
import type { PortOutput } from "./ports.ts";
import { resolveLinks, resolveParents } from "./resolve.ts";
import { entryTypeOf } from "./tar-header.ts";

const { O_RDONLY, O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW, O_NONBLOCK } = constants;
const READ_CHUNK = 1 << 18;
/** So much of a new content is there before the old one is touched. */
const HELD_BYTES = 16 << 20;

const REASONS: Readonly<Record<string, readonly [ErrorKind, string]>> = {
  ENOENT: ["not-found", "no such file or directory"],
  EEXIST: ["conflict", "file exists"],
  ENOTEMPTY: ["conflict", "directory not empty"],
  EBUSY: ["conflict", "it is mounted or in use"],
  EISDIR: ["invalid", "is a directory"],
  ENOTDIR: ["invalid", "not a directory"],
  EXDEV: ["invalid", "it lies on another file system"],
  EINVAL: ["invalid", "invalid argument"],
  ENAMETOOLONG: ["invalid", "file name too long"],
  EROFS: ["forbidden", "read-only file system"],
  EACCES: ["forbidden", "permission denied"],
  EPERM: ["forbidden", "operation not permitted"],
  ENOSPC: ["internal", "no space left on device"],
  EDQUOT: ["internal", "disk quota exceeded"],
};

function failure(verb: string, path: string, code: string): EngineError {
  const [kind, reason] = REASONS[code] ?? ["internal", code];
  return new EngineError(kind, `Cannot ${verb} ${JSON.stringify(path)}: ${reason}`);
}

/** Does one of the jobs on files. @throws {EngineError} with a kind and a sentence for everything that the kernel says */
export async function runFileJob(job: FileJob, chunks: () => AsyncIterable<Buffer>, output: () => PortOutput): Promise<unknown> {
  try {
    switch (job.kind) {
      case "file-stat":
        return describe(toBytes(job.path));
      case "file-list":
        return list(job.path);
      case "file-read":
        return await read(job.path, output());
      case "file-write":
        return await write(job, chunks());
      case "file-mkdir":
        return makeDirectory(job.path);
      case "file-rename":
        return move(job);
      case "file-remove":
        return remove(job);
    }
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined || error instanceof EngineError) throw error;
    throw Object.assign(failure(job.kind.slice("file-".length), job.path, code), { cause: error });
  }
}

function describe(path: string): FileStat {
  const resolved = resolveParents(Buffer.from(path, "latin1").toString());
  const stats = lstatSync(toPath(resolved || "/"));
  const name = Buffer.from(baseOf(resolved), "latin1").toString() || "/";
  if (!stats.isSymbolicLink()) return view(name, stats);
  const target = linkTarget(resolved);
  const there = target === undefined ? undefined : lstatIfAny(target || "/");
  return {
    ...view(name, there ?? stats),
    type: "symlink",
    ...(target !== undefined && { linkTarget: Buffer.from(target || "/", "latin1").toString() }),
    ...(there && { targetType: entryTypeOf(there) ?? "socket" }),
  };
}

/** Undefined for a link that leads in circles. */
function linkTarget(path: string): string | undefined {
  try {
    return resolveLinks(path);
  } catch {
    return undefined;
  }
}

function view(name: string, stats: Stats): FileStat {
  const { size, mode, uid, gid, mtimeMs, birthtimeMs } = stats;
  const type = entryTypeOf(stats) ?? "socket";
  return {
    name,
    type,
    sizeBytes: size,
    mode: mode & 0o7777,
    uid,
    gid,
    modifiedMs: Math.round(mtimeMs),
    createdMs: Math.round(birthtimeMs),
  };
}

/** What vanishes while we look is left out. */
function list(path: string): FileStat[] {
  const directory = resolveLinks(toBytes(path));
  const found: FileStat[] = [];
  for (const name of listNames(directory)) if (lstatIfAny(`${directory}/${name}`)) found.push(describe(`${directory}/${name}`));
  return found;
}

async function read(path: string, output: PortOutput): Promise<void> {
  const file = openRegular("read", path, O_RDONLY);
  try {
    const buffer = Buffer.allocUnsafeSlow(READ_CHUNK);
    for (let count = 1; count > 0;) await output.write(buffer.subarray(0, (count = readSync(file, buffer, 0, READ_CHUNK, null))));
    await output.end();
  } finally {
    closeSync(file);
  }
}

/** A pipe would block the worker and a device is no file. */
function openRegular(verb: string, path: string, flags: number): number {
  const resolved = resolveLinks(toBytes(path));
  const stats = lstatSync(toPath(resolved || "/"));
  if (stats.isDirectory()) throw failure(verb, path, "EISDIR");
  if (!stats.isFile()) throw notRegular(verb, path);
  const file = openSync(toPath(resolved), flags | O_NOFOLLOW | O_NONBLOCK);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw notRegular(verb, path);
}

function notRegular(verb: string, path: string): EngineError {
  return new EngineError("invalid", `Cannot ${verb} ${JSON.stringify(path)}: it is not a regular file`);
}

/** In place: whoever watches the file or has it mounted sees the new content, and links to it keep their meaning. */
async function write({ path, options }: FileJob & { kind: "file-write" }, chunks: AsyncIterable<Buffer>): Promise<void> {
  const source = chunks[Symbol.asyncIterator]();
  const held: Buffer[] = [];
  let bytes = 0;
  let done = false;
  while (!done && bytes < HELD_BYTES) {
    const next = await source.next();
    done = next.done === true;
    if (next.done) break;
    held.push(Buffer.from(next.value));
    bytes += next.value.length;
  }
  const { file, made } = openForWriting(path, options);
  try {
    ftruncateSync(file, 0);
    for (const chunk of held) writeAll(file, chunk);
    while (!done) {
      const next = await source.next();
      if (next.done) break;
      writeAll(file, next.value);
    }
  } catch (error) {
    // Half of a new file is worth nothing.
    if (made !== undefined) unlinkSync(toPath(made));
    throw error;
  } finally {
    closeSync(file);
  }
}

/** `made` is where a file is that was not there before. */
interface Opened {
  readonly file: number;
  readonly made?: string;
}

function openForWriting(path: string, { create, overwrite, mode }: (FileJob & { kind: "file-write" })["options"]): Opened {
  const resolved = resolveLinks(toBytes(path));
  if (lstatIfAny(resolved || "/")) {
    if (!overwrite) throw failure("write", path, "EEXIST");
    return { file: openRegular("write", path, O_WRONLY) };
  }
  if (!create) throw failure("write", path, "ENOENT");
  if (path.endsWith("/")) throw failure("write", path, "EISDIR");
  const parent = lstatSync(toPath(parentOf(resolved) || "/"));
  const file = openSync(toPath(resolved), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  fchownSync(file, parent.uid, parent.gid);
  if (mode !== undefined) fchmodSync(file, mode);
  return { file, made: resolved };
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length;) at += writeSync(file, bytes, at, Math.min(bytes.length - at, WRITE_BYTES));
}

function makeDirectory(path: string): void {
  const resolved = resolveLinks(toBytes(path));
  const parent = lstatSync(toPath(parentOf(resolved) || "/"));
  mkdirSync(toPath(resolved || "/"), 0o755);
  lchownSync(toPath(resolved) as string, parent.uid, parent.gid);
  chmodNoFollow(resolved, 0o755);
}

function move({ path, to, options }: FileJob & { kind: "file-rename" }): void {
  const [from, target] = [resolveParents(path), resolveParents(to)];
  const stats = lstatSync(toPath(from || "/"));
  if (from === "" || target === "") throw failure("rename", path, "EBUSY");
  if (from === target) return;
  if (`${target}/`.startsWith(`${from}/`) || `${from}/`.startsWith(`${target}/`)) throw failure("rename", path, "EINVAL");
  const present = lstatIfAny(target);
  if (present && !options.overwrite) throw failure("rename", to, "EEXIST");
  if (!lstatIfAny(parentOf(target) || "/")) throw failure("rename", to, "ENOENT");
  if (isMountpoint(from)) throw failure("rename", path, "EBUSY");
  if (present && isMountpoint(target)) throw failure("rename", to, "EBUSY");
  if (present && (present.isDirectory() || stats.isDirectory())) removeTree(target, to);
  renameSync(toPath(from), toPath(target));
}

function remove({ path, options }: FileJob & { kind: "file-remove" }): void {
  const resolved = resolveParents(path);
  if (resolved === "") throw failure("remove", path, "EBUSY");
  const isDirectory = lstatSync(toPath(resolved)).isDirectory();
  if (isDirectory && options.recursive) return removeTree(resolved, path);
  refuseMount(resolved, path);
  (isDirectory ? rmdirSync : unlinkSync)(toPath(resolved));
}

/** What is mounted below, in a running container, is somebody else's: then nothing is deleted. */
function removeTree(path: string, asked: string): void {
  refuseMounts(path, asked);
  removeAll(path);
}

function refuseMounts(path: string, asked: string): void {
  const stats = lstatIfAny(path);
  if (!stats) return;
  refuseMount(path, asked);
  if (stats.isDirectory()) for (const name of listNames(path)) refuseMounts(`${path}/${name}`, asked);
}

function refuseMount(path: string, asked: string): void {
  if (isMountpoint(path))
    throw new EngineError("forbidden", `Cannot remove ${JSON.stringify(asked)}: another file system is mounted at ${shown(path)}`);
}
