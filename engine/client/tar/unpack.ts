/**
 * Tar → local files, for copies out of containers. The archive comes from a container and is not trusted: nothing is ever
 * written outside the destination, neither by `..` nor through a symbolic link.
 */
import { createWriteStream } from "node:fs";
import { chmod, lchown, link, lstat, mkdir, rm, symlink, utimes } from "node:fs/promises";
import { join, posix } from "node:path";
import { pipeline } from "node:stream/promises";
import { readTar } from "./read.ts";
import type { ReadEntry } from "./read.ts";
import type { TarHeader } from "./write.ts";

export interface UnpackOptions {
  /** Existing directory. */
  readonly root: string;
  /** Gives an entry its name below the root, `""` being the root itself. Names come without slashes at their ends. */
  readonly rename: (name: string) => string;
  readonly keepOwner: boolean;
  /** Makes a FIFO or a device, which Node cannot; without it they are left out. */
  readonly makeNode?: (path: string, type: "fifo" | "character" | "block", device: TarHeader["device"]) => Promise<void>;
}

/** Unpacks all entries; existing files are replaced. @throws {Error} for an entry that would leave the root */
export async function unpack(tar: AsyncIterable<Uint8Array>, options: UnpackOptions): Promise<void> {
  const directories: { path: string; header: ReadEntry["header"] }[] = [];
  for await (const entry of readTar(tar)) {
    const path = await safePath(options, entry.header.name);
    await writeEntry(entry, path, options);
    if (entry.header.type === "directory") directories.push({ path, header: entry.header });
  }
  // Times and modes of directories last: writing into one changes its time, and a mode may forbid it.
  for (const { path, header } of directories.toReversed()) if (path !== options.root) await finish(path, header, options);
}

/** The path below the root, its parents being real directories. */
async function safePath({ root, rename }: UnpackOptions, written: string): Promise<string> {
  const name = rename(posix.normalize(written).replace(/^(\/|\.\/)+|\/$/g, ""));
  const parts = name.split("/").filter((part) => part !== "" && part !== ".");
  if (parts.includes("..")) throw new Error(`archive entry ${JSON.stringify(written)} leaves the destination`);
  let path = root;
  for (const [at, part] of parts.entries()) {
    path = join(path, part);
    if (at === parts.length - 1) break;
    const stats = await lstat(path).catch(() => undefined);
    if (!stats) await mkdir(path);
    else if (!stats.isDirectory())
      throw new Error(`archive entry ${JSON.stringify(written)} goes through ${JSON.stringify(path)}, which is no directory`);
  }
  return path;
}

async function writeEntry({ header, content }: ReadEntry, path: string, options: UnpackOptions): Promise<void> {
  const old = await lstat(path).catch(() => undefined);
  if (header.type === "directory") {
    if (old && !old.isDirectory()) throw new Error(`cannot overwrite non-directory ${JSON.stringify(path)} with a directory`);
    if (!old) await mkdir(path);
    return;
  }
  if (old?.isDirectory()) throw new Error(`cannot overwrite directory ${JSON.stringify(path)} with a file`);
  if (old) await rm(path);
  if (header.type === "symlink") await symlink(header.linkName ?? "", path);
  else if (header.type === "link") await link(await safePath(options, header.linkName ?? ""), path);
  else if (header.type === "file") await pipeline(content, createWriteStream(path, { flags: "wx" }));
  else if (header.type !== "other" && options.makeNode) await options.makeNode(path, header.type, header.device);
  else return;
  if (header.type !== "link") await finish(path, header, options);
}

async function finish(path: string, header: ReadEntry["header"], { keepOwner }: UnpackOptions): Promise<void> {
  if (keepOwner) await lchown(path, header.uid, header.gid);
  if (header.type === "symlink") return;
  await chmod(path, header.mode & 0o7777);
  await utimes(path, header.mtime, header.mtime);
}
