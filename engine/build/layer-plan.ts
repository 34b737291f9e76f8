/**
 * The entries of a layer that a COPY, ADD or WORKDIR adds to a root file system, in the order in which they are written.
 * Parents come first, and those that exist below keep their owner and mode: an upper directory hides the lower one's.
 */
import { EngineError } from "../errors.ts";
import { tarHeader, tarPadding, TAR_END } from "../layers/tar-writer.ts";
import { changeMode } from "./chmod.ts";
import { baseOf, emptyTree, join, parentOf, resolveLinks } from "./file-tree.ts";
import type { FileTree, TreeEntry } from "./file-tree.ts";
import type { Selected } from "./selection.ts";

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface PlacedEntry extends TreeEntry {
  /** Where a file's bytes are. */
  readonly source: { readonly tree: FileTree; readonly entry: TreeEntry } | undefined;
}

export interface PlanOptions {
  readonly owner: Owner | undefined;
  readonly chmod: string | undefined;
  /** Seconds; nothing is younger. */
  readonly epoch?: number | undefined;
}

/** From the first byte of an entry's header in a tar to the first byte behind the entry. */
export type Place = readonly [start: number, end: number];

export interface TarOptions {
  /** Files that are left out. */
  readonly without?: ReadonlySet<string>;
  /** Files whose entries are taken from another tar as they are. */
  readonly from?: { readonly places: ReadonlyMap<string, Place>; read(place: Place): AsyncIterable<Buffer> };
  /** Is told where files that have a source come to lie. */
  readonly placed?: ((path: string, place: Place) => void) | undefined;
}

export class LayerPlan {
  /** What is there before; an empty tree for --link. */
  readonly #below: FileTree;
  readonly #options: PlanOptions;
  readonly #entries = new Map<string, PlacedEntry>();
  #newest = 0;

  constructor(below: FileTree, options: PlanOptions) {
    this.#below = below;
    this.#options = options;
  }

  /** What is at a path when the layer is on top. */
  entry(path: string): TreeEntry | undefined {
    return this.#entries.get(path) ?? this.#below.entry(path);
  }

  /** @throws {EngineError} invalid when links lead in circles */
  resolve(path: string): string {
    const resolved = resolveLinks(this, path);
    if (resolved === undefined) throw new EngineError("invalid", `too many levels of symbolic links: /${path}`);
    return resolved;
  }

  /** Makes a directory and its parents; those that are there stay as they are. */
  makeDirectory(path: string, owner: Owner | undefined = this.#options.owner): void {
    const existing = this.entry(path);
    if (existing && existing.type !== "directory") throw notDirectory(path);
    if (path !== "") this.makeDirectory(parentOf(path), owner);
    if (this.#entries.has(path) || (path === "" && existing)) return;
    const made = { ...emptyTree.entry("")!, path, uid: owner?.uid ?? 0, gid: owner?.gid ?? 0, mtimeSeconds: -1 };
    this.#entries.set(path, { ...(existing ?? made), source: undefined });
  }

  /**
   * Places what was selected. A file goes to `target` itself, or into it when it is a directory; of a directory the
   * content goes there, and where that is new it has the usual mode, as with BuildKit.
   */
  place(selected: Selected, target: string, options: { intoDirectory: boolean }): void {
    for (const { entry } of selected.entries)
      this.#newest = Math.max(this.#newest, Math.min(entry.mtimeSeconds, this.#options.epoch ?? Infinity));
    if (selected.directory) this.#placeDirectory(selected, target);
    else for (const { entry } of selected.entries) this.#placeFile(selected, entry, { target, intoDirectory: options.intoDirectory });
  }

  #placeFile(selected: Selected, entry: TreeEntry, { target, intoDirectory }: { target: string; intoDirectory: boolean }): void {
    const isInto = intoDirectory || this.entry(target)?.type === "directory";
    const path = isInto ? this.resolve(join(target, selected.name)) : target;
    this.makeDirectory(parentOf(path));
    if (this.entry(path)?.type === "directory") throw new EngineError("invalid", `cannot overwrite directory /${path} with a file`);
    this.#put(path, { tree: selected.tree, entry });
  }

  #placeDirectory(selected: Selected, target: string): void {
    this.makeDirectory(target);
    for (const { relative, entry } of selected.entries) {
      const path = selected.archive ? this.#throughLinks(join(target, relative), entry) : join(target, relative);
      if (entry.type === "directory") this.#putDirectory(path, entry);
      else this.#putFile(path, selected.tree, entry);
    }
  }

  #throughLinks(path: string, entry: TreeEntry): string {
    if (entry.type === "directory" && this.entry(this.resolve(path))?.type === "directory") return this.resolve(path);
    return join(this.resolve(parentOf(path)), baseOf(path));
  }

  #putDirectory(path: string, entry: TreeEntry): void {
    this.makeDirectory(parentOf(path));
    const existing = this.entry(path);
    if (existing && existing.type !== "directory") throw notDirectory(path);
    if (path !== "") this.#entries.set(path, this.#placed(path, entry, undefined));
  }

  #putFile(path: string, tree: FileTree, entry: TreeEntry): void {
    this.makeDirectory(parentOf(path));
    if (this.entry(path)?.type === "directory") throw new EngineError("invalid", `cannot overwrite directory /${path} with a file`);
    this.#put(path, { tree, entry });
  }

  #put(path: string, source: { tree: FileTree; entry: TreeEntry }): void {
    this.#entries.delete(path);
    this.#entries.set(path, this.#placed(path, source.entry, source));
  }

  #placed(path: string, entry: TreeEntry, source: PlacedEntry["source"]): PlacedEntry {
    const { owner, chmod, epoch = Infinity } = this.#options;
    const mtimeSeconds = Math.min(entry.mtimeSeconds, epoch);
    const isDirectory = entry.type === "directory";
    const mode = chmod === undefined || entry.type === "symlink" ? entry.mode : changeMode(chmod, entry.mode, { directory: isDirectory });
    return { ...entry, path, mode, mtimeSeconds, uid: owner?.uid ?? entry.uid, gid: owner?.gid ?? entry.gid, source };
  }

  /**
   * What each file is, by path: mode, owner, time and content. Two layers with the same line may share the file.
   * Files with several names are left out.
   */
  async fingerprints(): Promise<Map<string, string>> {
    const lines = new Map<string, string>();
    for (const { path, type, source, inode, mode, uid, gid, sizeBytes, mtimeSeconds } of this.#entries.values()) {
      if (type !== "file" || !source || inode !== undefined) continue;
      const known = source.tree.digest(source.entry);
      const digest = typeof known === "string" ? known : await known;
      lines.set(path, `${mode.toString(8)} ${uid}:${gid} ${mtimeSeconds} ${sizeBytes} ${digest}`);
    }
    return lines;
  }

  /** The layer's tar. Directories that this layer made are as old as the newest file in it. */
  async *tar(signal?: AbortSignal, { without, from, placed }: TarOptions = {}): AsyncGenerator<Buffer> {
    const linked = new Map<string, string>();
    let at = 0;
    // Entries that follow each other there are read together.
    let run: [number, number] = [0, 0];
    for (const entry of this.#entries.values()) {
      signal?.throwIfAborted();
      if (without?.has(entry.path)) continue;
      const start = at;
      const there = from?.places.get(entry.path);
      if (there) {
        at += there[1] - there[0];
        if (run[1] !== there[0]) {
          if (run[0] < run[1]) yield* from!.read(run);
          run = [...there];
        } else run[1] = there[1];
      } else {
        if (run[0] < run[1]) yield* from!.read(run);
        run = [0, 0];
        for await (const piece of this.#write(entry, linked)) {
          at += piece.length;
          yield piece;
        }
      }
      if (entry.source) placed?.(entry.path, [start, at]);
    }
    if (run[0] < run[1]) yield* from!.read(run);
    yield TAR_END;
  }

  async *#write(entry: PlacedEntry, linked: Map<string, string>): AsyncGenerator<Buffer> {
    const name = entry.type === "directory" ? `${entry.path}/` : entry.path;
    const header = { ...entry, name, mtimeNanoseconds: 0, mtimeSeconds: entry.mtimeSeconds < 0 ? this.#newest : entry.mtimeSeconds };
    const first = entry.inode === undefined ? undefined : linked.get(entry.inode);
    if (first !== undefined) return yield tarHeader({ ...header, type: "link", linkName: first, sizeBytes: 0 });
    if (entry.inode !== undefined) linked.set(entry.inode, entry.path);
    yield tarHeader(header);
    if (entry.type !== "file" || !entry.source) return;
    yield* entry.source.tree.content(entry.source.entry);
    yield tarPadding(entry.sizeBytes);
  }
}

function notDirectory(path: string): EngineError {
  return new EngineError("invalid", `cannot copy to non-directory: /${path}`);
}
