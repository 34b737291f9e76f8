/** A tree with one more file in its root. */
import type { FileTree, TreeEntry } from "./file-tree.ts";
import { MemoryTree } from "./memory-tree.ts";

/** What has that name in the tree already is hidden. */
export function withFile(tree: FileTree, name: string, bytes: Buffer): FileTree {
  const file = new MemoryTree(name, bytes, { mode: 0o600, mtimeSeconds: 0 });
  const from = (entry: TreeEntry): FileTree => (entry.path === name ? file : tree);
  return {
    entry: (path) => (path === name ? file.entry(path) : tree.entry(path)),
    children: (path) => (path === "" ? [...new Set([...tree.children(""), name])].toSorted(byBytes) : tree.children(path)),
    content: (entry) => from(entry).content(entry),
    digest: (entry) => from(entry).digest(entry),
    close: () => tree.close(),
  };
}

function byBytes(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
