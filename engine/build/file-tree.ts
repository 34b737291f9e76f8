/**
 * A tree of files that a build reads: the context's directory, the context's tar, or a stage's root file system.
 * Names are byte strings (one character a byte) as in the layers room; paths are relative to the tree's root, without a
 * leading slash, and "" is the root itself. Trees do not change while a build reads them.
 */
export type EntryType = "file" | "directory" | "symlink" | "character" | "block" | "fifo";

export interface TreeEntry {
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits with set-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly mtimeSeconds: number;
  /** Target of a symlink. */
  readonly linkName: string;
  /** The same for all names of one file, undefined for a file with one name. */
  readonly inode: string | undefined;
  readonly major: number;
  readonly minor: number;
}

export interface FileTree {
  /** What is at a path, links not followed, neither at its end nor on the way; undefined for nothing or excluded. */
  entry(path: string): TreeEntry | undefined;
  /** Names in a directory in byte order. */
  children(path: string): readonly string[];
  /** A file's bytes in pieces. */
  content(entry: TreeEntry): AsyncIterable<Buffer>;
  /** Hex sha256 of a file's bytes. */
  digest(entry: TreeEntry): string | Promise<string>;
  /** Lets go of open files. */
  close(): void;
}

/** As many links as the kernel follows before it says ELOOP. */
const MOST_LINKS = 40;

export function join(directory: string, name: string): string {
  return directory === "" ? name : `${directory}/${name}`;
}

export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf("/"), 0));
}

export function baseOf(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** No empty, `.` or `..` components: what leads out of the root ends at the root. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split("/")) {
    if (part === "..") parts.pop();
    else if (part !== "" && part !== ".") parts.push(part);
  }
  return parts.join("/");
}

/**
 * The path with its symlinks resolved inside the tree; parts that do not exist stay as they are.
 * @returns undefined when links lead in circles
 */
export function resolveLinks(tree: Pick<FileTree, "entry">, path: string, options: { last: boolean } = { last: true }): string | undefined {
  const todo = path.split("/").toReversed();
  const done: string[] = [];
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === "..") done.pop();
    if (part === "" || part === "." || part === "..") continue;
    const entry = tree.entry([...done, part].join("/"));
    if (entry?.type !== "symlink" || (!options.last && todo.length === 0)) {
      done.push(part);
      continue;
    }
    if (++links > MOST_LINKS) return undefined;
    if (entry.linkName.startsWith("/")) done.length = 0;
    todo.push(...entry.linkName.split("/").toReversed());
  }
  return done.join("/");
}

/** Everything at and below a path, parents first, names in byte order. Links are not followed. @param found is added to */
export function walk(tree: FileTree, path: string, found: TreeEntry[] = []): readonly TreeEntry[] {
  const entry = tree.entry(path);
  if (!entry) return found;
  found.push(entry);
  if (entry.type === "directory") for (const name of tree.children(path)) walk(tree, join(path, name), found);
  return found;
}

/** A directory that no entry describes: root's, and everybody may look. */
export const plainDirectory: Omit<TreeEntry, "path"> = {
  type: "directory",
  mode: 0o755,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  mtimeSeconds: 0,
  linkName: "",
  inode: undefined,
  major: 0,
  minor: 0,
};

/** An empty tree: what `FROM scratch` begins with. */
export const emptyTree: FileTree = {
  entry: (path) => (path === "" ? { ...plainDirectory, path } : undefined),
  children: () => [],
  content: () => {
    throw new Error("An empty tree has no files");
  },
  digest: () => {
    throw new Error("An empty tree has no files");
  },
  close: () => undefined,
};
