/** A tree as one tar, and what that needs. */
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "../layers/tar-writer.ts";
import { join } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";

/** Everything below a directory, parents first, in byte order of each directory's names. */
export function* walkBelow(tree: FileTree, directory: string): Generator<TreeEntry> {
  for (const child of tree.children(directory)) {
    const entry = tree.entry(join(directory, child));
    if (!entry) continue;
    yield entry;
    if (entry.type === "directory") yield* walkBelow(tree, entry.path);
  }
}

/** Name of the file that an entry is another name of; "" for the first. @param links grows */
export function firstName({ inode, path }: TreeEntry, links: Map<string, string>): string {
  if (inode === undefined) return "";
  const first = links.get(inode);
  if (first === undefined) links.set(inode, path);
  return first ?? "";
}

/** @throws what reading a file does */
export async function* tarOf(tree: FileTree): AsyncGenerator<Buffer> {
  const links = new Map<string, string>();
  for (const entry of walkBelow(tree, "")) {
    const first = entry.type === "symlink" ? "" : firstName(entry, links);
    const { path, type, mode, uid, gid, mtimeSeconds, major, minor } = entry;
    const sizeBytes = first === "" ? entry.sizeBytes : 0;
    const name = type === "directory" ? `${path}/` : path;
    const linkName = first || entry.linkName;
    yield tarHeader({ ...emptyEntry(name), type: first ? "link" : type, mode, uid, gid, sizeBytes, mtimeSeconds, linkName, major, minor });
    if (type !== "file" || first) continue;
    yield* tree.content(entry);
    yield tarPadding(sizeBytes);
  }
  yield TAR_END;
}
