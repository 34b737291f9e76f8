/** A tree of one file whose bytes are in memory: a heredoc of COPY. */
import { createHash } from "node:crypto";
import { emptyTree } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";

export class MemoryTree implements FileTree {
  readonly #entry: TreeEntry;
  readonly #bytes: Buffer;

  /** @param name byte string without a slash */
  constructor(name: string, bytes: Buffer, { mode, mtimeSeconds }: { mode: number; mtimeSeconds: number }) {
    this.#bytes = bytes;
    this.#entry = { ...emptyTree.entry("")!, path: name, type: "file", mode, mtimeSeconds, sizeBytes: bytes.length };
  }

  entry(path: string): TreeEntry | undefined {
    return path === this.#entry.path ? this.#entry : emptyTree.entry(path);
  }

  children(path: string): readonly string[] {
    return path === "" ? [this.#entry.path] : [];
  }

  async *content(): AsyncGenerator<Buffer> {
    yield await Promise.resolve(this.#bytes);
  }

  digest(): string {
    return createHash("sha256").update(this.#bytes).digest("hex");
  }

  close(): void {
    // Nothing is open.
  }
}
