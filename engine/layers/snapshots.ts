/**
 * Snapshots are directory trees made of layers, named as containerd names them: an *active* snapshot has a `key` and can
 * be written, a *committed* one is known by the chainId of its layers and never changes.
 *
 *     prepare(key, parent) → mount(key) → … written … → commit(key) → chainId
 *                                        ↘ remove(key)
 */
import type { Readable } from "node:stream";

export type Digest = `sha256:${string}`;

/** A committed layer: its tar's digest, and the digest of the chain of layers that ends with it. */
export interface Layer {
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly parent: Digest | null;
  /** Bytes of the files in the unpacked tree of this layer alone. */
  readonly sizeBytes: number;
}

export type ChangeKind = "modified" | "added" | "deleted";

/** A difference of an active snapshot against its parent; `path` is absolute inside the snapshot. */
export interface Change {
  readonly path: string;
  readonly kind: ChangeKind;
}

/** What a layer does to a path of the layers below it. */
export interface LayerFile extends Change {
  readonly directory: boolean;
  /** Of a regular file; else 0. */
  readonly sizeBytes: number;
}

export interface DiffOptions {
  /**
   * Absolute paths that the runtime made to mount on (`/proc`, `/etc/resolv.conf`, …). Each is left out of the difference
   * where it is an empty file or directory that the parent does not have; parents that exist only for its sake too.
   */
  mountpoints?: readonly string[];
  signal?: AbortSignal;
}

/** A blob's file; with `state` (of an Arrival) one that is still being written, and is renamed to `later` at its end. */
export interface BlobFile {
  readonly path: string;
  readonly later?: string;
  readonly state?: Int32Array;
}

/**
 * A layer's bytes: a stream, or the file of a blob, which is faster because the worker reads it itself; perhaps later.
 * `whole` is for where many files arrive at the same time: it resolves when this one is all there.
 */
export type LayerBlob = Readable | BlobFile | { readonly begun: Promise<BlobFile>; readonly whole: Promise<BlobFile> };

export interface LayerParts {
  /** Tar of everything but the files that are reused; describes every directory. Consumed. */
  readonly rest: Readable;
  readonly reuse: {
    readonly from: Digest;
    /** Byte strings of regular files, which are the same at the same path in the other layer, owner, mode and time included. */
    readonly paths: readonly string[];
    /** Of these files together. */
    readonly sizeBytes: number;
  };
  readonly diffId: Promise<Digest>;
}

export interface ApplyOptions {
  signal?: AbortSignal;
  /** Called with the bytes of `blob` consumed so far, now and then. */
  progress?: (bytes: number) => void;
}

export interface Snapshots {
  /** The committed layer with this chainId, or undefined. */
  layer(chainId: Digest): Promise<Layer | undefined>;

  /**
   * Unpacks one layer on top of `parent` and commits it. Idempotent: two callers with the same layer share the work.
   * The layers of an image may be applied at the same time: a parent has to be committed or being applied.
   * @param blob the layer as stored: tar, gzip or zstd, told apart by its first bytes; consumed
   * @throws {EngineError} invalid when the diffId does not match, an entry escapes the root or the tar is malformed;
   *   nothing is left behind then
   */
  apply(blob: LayerBlob, diffId: Digest, parent: Digest | null, options?: ApplyOptions): Promise<Layer>;

  /** Like apply, for a layer whose diffId nobody has promised: what is unpacked says it. */
  add(blob: LayerBlob, parent: Digest | null, options?: ApplyOptions): Promise<Layer>;

  /**
   * Makes a layer whose files are mostly those of another layer, as when one file of many has changed: what both have is
   * kept once. The caller answers for the parts together being what `diffId` says.
   * @throws what unpacking does, and when a file to reuse is not there; nothing is left behind then
   */
  assemble(parts: LayerParts, parent: Digest | null, options?: ApplyOptions): Promise<Layer>;

  /** Gets ready for work that is sure to come soon. */
  warmUp(): void;

  /**
   * Makes a writable snapshot on top of `parent` (null is an empty tree). Not mounted yet; on disk before it ever is.
   * @param key letters, digits, `_`, `.` and `-`
   * @param options.volatile fsync inside the snapshot does nothing: for build steps, which a crash throws away anyhow
   * @throws {EngineError} conflict when the key is taken; not-found when the parent is not committed
   */
  prepare(key: string, parent: Digest | null, options?: { volatile?: boolean }): Promise<void>;

  /** Mounts an active snapshot or a view and returns its merged root. Idempotent; survives the engine. */
  mount(key: string): Promise<string>;

  unmount(key: string): Promise<void>;

  /** Mounts committed layers read-only under `key` and returns the root; remove(key) ends it. */
  view(key: string, chainId: Digest): Promise<string>;

  /** What was written into the active snapshot, in path order, parents first. */
  changes(key: string, options?: DiffOptions): AsyncIterable<Change>;

  /** What a committed layer changes of the one below it, in path order, parents first. @throws {EngineError} not-found */
  layerChanges(chainId: Digest, signal?: AbortSignal): Promise<Change[]>;

  /** The active snapshot's changes as a layer tar: sorted, whiteouts as `.wh.` entries; reproducible byte for byte. */
  diff(key: string, options?: DiffOptions): Readable;

  /**
   * Turns an active snapshot's changes into a committed layer: the tar is handed to `write` once (to be stored as a blob)
   * and the directory becomes the layer itself, without a copy. The key is gone afterwards. If `write` fails, nothing has
   * changed. Nothing may write into the snapshot meanwhile.
   */
  commit(key: string, write: (tar: Readable) => Promise<void>, options?: DiffOptions): Promise<Layer>;

  /** Bytes written into the active snapshot. */
  usage(key: string, options?: Pick<DiffOptions, "mountpoints">): Promise<number>;

  /** Unmounts and deletes an active snapshot or view; deleting files may go on after the promise resolves. Idempotent. */
  remove(key: string): Promise<void>;

  /** The same for another directory of the storage, in which nothing is mounted. */
  discard(path: string): Promise<void>;

  /**
   * Deletes a committed layer's tree; the caller knows that no image needs it. Layers that a snapshot or another layer
   * stands on stay, and the answer is false. Idempotent.
   */
  removeLayer(chainId: Digest): Promise<boolean>;

  /**
   * Resolves when these layers are on disk and survive a power cut. A layer that nobody sealed is there for the next
   * engine, but not after the machine went down.
   */
  seal(chainIds: readonly Digest[]): Promise<void>;

  /** What a committed layer adds, changes and hides, in path order. @throws {EngineError} not-found */
  layerFiles(chainId: Digest, signal?: AbortSignal): Promise<LayerFile[]>;

  /** All committed layers, in no order. */
  layers(): Promise<Layer[]>;

  /** All active keys, for the sweep after a crash. */
  keys(): Promise<string[]>;
}
