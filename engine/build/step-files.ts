/** The files of a step: directories listed, files read, changes told. Nothing leaves the step's root. */
import { randomUUID } from "node:crypto";
import type { StepChange, StepFile } from "../api/types/builds.ts";
import { EngineError } from "../errors.ts";
import { toBytes } from "../layers/names.ts";
import type { Digest, Snapshots } from "../layers/snapshots.ts";
import { DirectoryTree } from "./directory-tree.ts";
import { cleanPath, emptyTree, join, resolveLinks } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";
import { tarOf } from "./tree-tar.ts";

export class StepFiles {
  readonly #snapshots: Snapshots;

  constructor(snapshots: Snapshots) {
    this.#snapshots = snapshots;
  }

  /** @throws {EngineError} not-found, or invalid for what is no directory */
  async list(chainId: Digest | null, path: string): Promise<StepFile[]> {
    return this.#within(chainId, async (tree) => {
      const { entry, at } = find(tree, path);
      if (entry.type !== "directory") throw new EngineError("invalid", `${path} is not a directory`);
      return Promise.resolve(tree.children(at).flatMap((name) => toFile(name, tree.entry(join(at, name))) ?? []));
    });
  }

  async read(chainId: Digest | null, path: string): Promise<{ sizeBytes: number; content: AsyncGenerator<Buffer> }> {
    const { tree, release } = await this.#open(chainId);
    try {
      const { entry } = find(tree, path);
      if (entry.type !== "file") throw new EngineError("invalid", `${path} is not a file`);
      return { sizeBytes: entry.sizeBytes, content: thenRelease(tree.content(entry), release) };
    } catch (error) {
      await release();
      throw error;
    }
  }

  /** Everything as one tar. */
  async tar(chainId: Digest | null): Promise<AsyncGenerator<Buffer>> {
    const { tree, release } = await this.#open(chainId);
    return thenRelease(tarOf(tree), release);
  }

  async changes(chainId: Digest, signal: AbortSignal): Promise<StepChange[]> {
    const changes = await this.#snapshots.layerChanges(chainId, signal);
    return this.#within(chainId, async (tree) =>
      Promise.resolve(
        changes.map(({ path, kind }) => {
          const entry = kind === "deleted" ? undefined : tree.entry(toBytes(path.slice(1)));
          return { path, kind, ...(entry && { type: entry.type, sizeBytes: entry.sizeBytes }) };
        }),
      ),
    );
  }

  async #within<T>(chainId: Digest | null, look: (tree: FileTree) => Promise<T>): Promise<T> {
    const { tree, release } = await this.#open(chainId);
    try {
      return await look(tree);
    } finally {
      await release();
    }
  }

  async #open(chainId: Digest | null): Promise<{ tree: FileTree; release: () => Promise<void> }> {
    if (chainId === null) return { tree: emptyTree, release: () => Promise.resolve() };
    const key = `build-look-${randomUUID()}`;
    const root = await this.#snapshots.view(key, chainId);
    return { tree: new DirectoryTree(root, { owner: "kept" }), release: () => this.#snapshots.remove(key) };
  }
}

function find(tree: FileTree, path: string): { entry: TreeEntry; at: string } {
  const at = resolveLinks(tree, cleanPath(toBytes(path)));
  const entry = at === undefined ? undefined : tree.entry(at);
  if (!entry) throw new EngineError("not-found", `No such file or directory: ${path}`);
  return { entry, at: at! };
}

function toFile(name: string, entry: TreeEntry | undefined): StepFile | undefined {
  if (!entry) return undefined;
  const { type, mode, uid, gid, sizeBytes, mtimeSeconds, linkName } = entry;
  const target = type === "symlink" ? { target: fromBytes(linkName) } : {};
  return { name: fromBytes(name), type, sizeBytes, mode, uid, gid, modifiedMs: mtimeSeconds * 1000, ...target };
}

function fromBytes(name: string): string {
  return Buffer.from(name, "latin1").toString();
}

async function* thenRelease(content: AsyncIterable<Buffer>, release: () => Promise<void>): AsyncGenerator<Buffer> {
  try {
    yield* content;
  } finally {
    await release();
  }
}
