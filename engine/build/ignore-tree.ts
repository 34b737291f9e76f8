/** A context without what .dockerignore leaves out. */
import type { IgnoreMatcher } from "../syntax/dockerignore.ts";
import { join } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";

export class IgnoreTree implements FileTree {
  readonly #tree: FileTree;
  readonly #matcher: IgnoreMatcher;
  readonly #kept = new Map<string, boolean>();

  constructor(tree: FileTree, matcher: IgnoreMatcher) {
    this.#tree = tree;
    this.#matcher = matcher;
  }

  entry(path: string): TreeEntry | undefined {
    const entry = this.#tree.entry(path);
    return entry && this.#keeps(entry) ? entry : undefined;
  }

  children(path: string): readonly string[] {
    return this.#tree.children(path).filter((name) => this.entry(join(path, name)));
  }

  content(entry: TreeEntry): AsyncIterable<Buffer> {
    return this.#tree.content(entry);
  }

  digest(entry: TreeEntry): string | Promise<string> {
    return this.#tree.digest(entry);
  }

  close(): void {
    this.#tree.close();
  }

  /** An excluded directory stays as far as something in it is brought back. */
  #keeps(entry: TreeEntry): boolean {
    if (entry.path === "") return true;
    let kept = this.#kept.get(entry.path);
    if (kept === undefined) {
      const path = Buffer.from(entry.path, "latin1").toString();
      kept = !this.#matcher.excludedBy(path) || (entry.type === "directory" && this.#holdsKept(entry.path, path));
      this.#kept.set(entry.path, kept);
    }
    return kept;
  }

  #holdsKept(path: string, text: string): boolean {
    return this.#matcher.mayHoldExceptions(text) && this.#tree.children(path).some((name) => this.entry(join(path, name)));
  }
}
