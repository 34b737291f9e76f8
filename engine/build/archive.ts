/** Archives that ADD unpacks: told by their content alone, as Docker does. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { filterThrough } from "../host/filter.ts";
import { findProgram } from "../host/programs.ts";
import { decompress } from "../layers/decompress.ts";
import { parseHeader } from "../layers/tar-header.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";
import { receiveContext, TarTree } from "./tar-tree.ts";

/**
 * The content of an archive as a tree with the archive's owners, undefined when the file is no archive.
 * Closing the tree deletes its unpacked copy in `directory`.
 */
export async function unpackArchive(
  tree: FileTree,
  file: TreeEntry,
  { directory, signal }: { directory: string; signal: AbortSignal },
): Promise<FileTree | undefined> {
  if (!(await isArchive(tree, file))) return undefined;
  const own = join(directory, randomUUID());
  try {
    const path = await receiveContext(await plainArchive(Readable.from(tree.content(file))), own, { signal, owner: "kept" });
    const unpacked = await TarTree.open(path);
    const close = unpacked.close.bind(unpacked);
    return Object.assign(unpacked, {
      close: () => {
        close();
        rmSync(own, { recursive: true, force: true });
      },
    });
  } catch (error) {
    await rm(own, { recursive: true, force: true });
    throw error;
  }
}

/** A tar, compressed or not: its first header can be read. */
async function isArchive(tree: FileTree, file: TreeEntry): Promise<boolean> {
  if (file.sizeBytes === 0) return false;
  try {
    let head: Buffer = Buffer.alloc(0);
    for await (const piece of decompress(await plainArchive(Readable.from(tree.content(file))))) {
      head = Buffer.concat([head, piece]);
      if (head.length >= 512) break;
    }
    if (head.length < 512) return false;
    parseHeader(head.subarray(0, 512));
    return true;
  } catch (error) {
    if (error instanceof MissingProgram) throw error;
    return false;
  }
}

/** Whether content that begins so is an archive. @param head its first 512 bytes, or all of it */
export function looksLikeArchive(head: Buffer): boolean {
  const start = head.toString("hex", 0, 6);
  if (start.startsWith("1f8b") || start.startsWith("28b52ffd") || programs.some(({ magic }) => start.startsWith(magic))) return true;
  if (head.length < 512) return false;
  try {
    parseHeader(head);
    return true;
  } catch {
    return false;
  }
}

/** The archive is what ADD would unpack, but this machine cannot. */
class MissingProgram extends EngineError {}

const programs = [
  { magic: "425a68", program: "bzip2", install: "bzip2" },
  { magic: "fd377a585a00", program: "xz", install: "xz-utils" },
];

/**
 * The same bytes, unpacked if they are bzip2 or xz; gzip and zstd are left to who reads the tar.
 * @throws {EngineError} invalid when the program for it is not installed
 */
export async function plainArchive(source: Readable): Promise<Readable> {
  const chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  // The first chunk may be shorter than what tells the formats apart.
  while (head.length < 6) {
    const next = await chunks.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const whole = Readable.from(joined(head, chunks), { objectMode: false });
  const found = programs.find(({ magic }) => head.toString("hex", 0, 6).startsWith(magic));
  if (!found) return whole;
  const path = findProgram(found.program);
  if (path !== undefined) return filterThrough([path, "-d", "-c", "-q"], whole);
  throw new MissingProgram("invalid", `The archive is compressed with ${found.program}, which is not installed: install ${found.install}`);
}

async function* joined(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}
