/** Archives that ADD unpacks: told by their content alone, as Docker does. */
import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
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
    const path = await receiveContext(Readable.from(tree.content(file)), own, { signal, owner: "kept" });
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
    for await (const piece of decompress(tree.content(file))) {
      head = Buffer.concat([head, piece]);
      if (head.length >= 512) break;
    }
    if (head.length < 512) return false;
    parseHeader(head.subarray(0, 512));
    return true;
  } catch (error) {
    if (error instanceof EngineError && error.message.startsWith("Cannot unpack xz")) throw error;
    if (error instanceof EngineError && error.message.startsWith("Cannot unpack bzip2")) throw error;
    return false;
  }
}
