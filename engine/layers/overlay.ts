/**
 * Snapshots on overlayfs. A committed layer is a directory under `layers/`; an active snapshot is
 * `snapshots/<key>/{upper,work,merged}` with `snapshot.json`, a view is the same without upper and work.
 *
 *     storage/
 *       layers/<name>  <name>.json      committed, never changed
 *       snapshots/<key>/…               active and views; merged/ is the mount point
 *       trash/                          being deleted
 *
 * Mounts belong to the mount namespace, not to the engine: the next engine finds them in place.
 */
import { randomBytes } from "node:crypto";
import { readdir } from "node:fs/promises";
import { mkdirSync, statSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EngineError } from "../errors.ts";
import { makeDirectory, readJson, sweepUnfinished, writeJson } from "../host/files.ts";
import { errorCode } from "../host/libc.ts";
import { unmount } from "../host/mount.ts";
import { measureIn } from "./jail.ts";
import type { Applied, Diffed, Job, OverlayNamespace } from "./jobs.ts";
import { chainIdOf, LayerStore } from "./layer-store.ts";
import { isMounted, mountOverlay } from "./overlay-mount.ts";
import { runJob, streamJob, warmUp } from "./pool.ts";
import type {
  ApplyOptions,
  BlobFile,
  Change,
  DiffOptions,
  Digest,
  Layer,
  LayerFile,
  LayerBlob,
  LayerParts,
  Snapshots,
} from "./snapshots.ts";
import { Trash } from "./trash.ts";

export interface SnapshotsOptions {
  /** The engine's storage directory; on a file system that can hold overlay's upper directories. */
  directory: string;
  /** Inside a user namespace overlay keeps its marks in `user.overlay.*`. */
  rootless: boolean;
  /** More unpacked bytes than this in one layer are an error. Default: what the disk has free. */
  maxLayerBytes?: number;
}

interface Snapshot {
  readonly kind: "active" | "view";
  readonly parent: Digest | null;
  readonly volatile?: boolean;
}

const MOST_ARRIVING = 4;
const KEY = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/;

/** Opens the snapshots below a storage directory, adopting what an earlier engine left and deleting what it did not finish. */
export async function openSnapshots(options: SnapshotsOptions): Promise<Snapshots> {
  const overlay: OverlayNamespace = options.rootless ? "user" : "trusted";
  const trash = await Trash.open(join(options.directory, "trash"));
  const layers = await LayerStore.open(join(options.directory, "layers"), trash, overlay);
  const snapshots = new OverlaySnapshots(options, layers, trash);
  await snapshots.adopt();
  return snapshots;
}

class OverlaySnapshots implements Snapshots {
  readonly #directory: string;
  readonly #overlay: OverlayNamespace;
  readonly #maxLayerBytes: number | undefined;
  readonly #layers: LayerStore;
  readonly #trash: Trash;
  readonly #snapshots = new Map<string, Snapshot>();
  readonly #applying = new Map<Digest, Promise<Layer>>();
  readonly #unpacking = new Set<Unpacking>();
  #slots = Math.max(2, availableParallelism());
  readonly #waiting: (() => void)[] = [];
  #arriving = 0;
  #views = 0;

  constructor(options: SnapshotsOptions, layers: LayerStore, trash: Trash) {
    this.#directory = options.directory;
    this.#overlay = options.rootless ? "user" : "trusted";
    this.#maxLayerBytes = options.maxLayerBytes;
    this.#layers = layers;
    this.#trash = trash;
  }

  async adopt(): Promise<void> {
    const directory = join(this.#directory, "snapshots");
    await makeDirectory(directory);
    for (const key of await readdir(directory)) {
      await sweepUnfinished(join(directory, key));
      const snapshot = await readJson<Snapshot>(this.#path(key, "snapshot.json")).catch(() => undefined);
      const isWhole = snapshot && (snapshot.parent === null || this.#layers.get(snapshot.parent)) && this.#hasUpper(key, snapshot);
      if (isWhole) this.#snapshots.set(key, snapshot);
      else await this.#discard(key);
    }
  }

  async layer(chainId: Digest): Promise<Layer | undefined> {
    return this.#layers.get(chainId);
  }

  async apply(blob: LayerBlob, diffId: Digest, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    const chainId = chainIdOf(parent, diffId);
    const present = this.#layers.get(chainId) ?? this.#applying.get(chainId);
    if (present) {
      if (blob instanceof Readable) blob.destroy();
      try {
        return await present;
      } catch (error) {
        // Somebody else's attempt ended, perhaps only because it was aborted.
        if (blob instanceof Readable || options.signal?.aborted) throw error;
        return this.apply(blob, diffId, parent, options);
      }
    }
    this.#checkParent(parent);
    const work = this.#unpack(blob, { diffId, parent, options });
    this.#applying.set(chainId, work);
    try {
      return await work;
    } finally {
      this.#applying.delete(chainId);
    }
  }

  async add(blob: LayerBlob, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    this.#checkParent(parent);
    return this.#unpack(blob, { diffId: undefined, parent, options });
  }

  async assemble({ rest, reuse, diffId }: LayerParts, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    this.#layers.need(reuse.from);
    this.#checkParent(parent);
    // It is awaited only after unpacking; until then its failure is not unheard of.
    diffId.catch(() => undefined);
    return this.#unpack(rest, { diffId: undefined, parent, options, reuse, promised: diffId });
  }

  #checkParent(parent: Digest | null): void {
    if (parent !== null && !this.#applying.has(parent)) this.#layers.need(parent);
  }

  /** Resolves when the layer below is committed; an attempt that fails may be followed by another one's. */
  async #below(parent: Digest | null): Promise<void> {
    if (parent === null) return;
    for (let failure: unknown; !this.#layers.get(parent);) {
      const attempt = this.#applying.get(parent);
      if (!attempt) throw failure ?? new EngineError("not-found", `No such layer: ${parent}`);
      // Whoever shared the attempt has started the next one by the time that this goes on.
      await attempt.catch(async (error: unknown) => nextTurn((failure = error)));
    }
  }

  async #unpack(layerBlob: LayerBlob, to: Unpacking): Promise<Layer> {
    const { parent } = to;
    const parentDone = this.#below(parent);
    // It is awaited only after unpacking; until then its failure is not unheard of.
    parentDone.catch(() => undefined);
    this.#unpacking.add(to);
    let tree: string | undefined;
    try {
      const blob = await this.#begun(layerBlob);
      tree = await this.#layers.temporary();
      const { diffId: found, sizeBytes, implied, whiteouts } = await this.#unpackInto(tree, blob, to);
      const diffId = (await to.promised) ?? found;
      await parentDone;
      await this.#layers.inherit(tree, parent, implied.filter(Boolean));
      await this.#layers.pruneWhiteouts(tree, parent, whiteouts);
      if (implied.includes("")) await this.#layers.copyRoot(parent, tree);
      return await this.#layers.commit(tree, { diffId, chainId: chainIdOf(parent, diffId), parent, sizeBytes });
    } catch (error) {
      if (tree !== undefined) await this.#trash.discard(tree);
      throw error;
    } finally {
      this.#unpacking.delete(to);
    }
  }

  /** Unpacking that waits for bytes holds no slot; so many may wait, others begin when their blob is whole. */
  async #begun(blob: LayerBlob): Promise<Readable | BlobFile> {
    if (!("begun" in blob)) return blob;
    const begun = await blob.begun;
    return begun.state && this.#arriving < MOST_ARRIVING ? begun : blob.whole;
  }

  /** Holds a slot only while a worker works: who waits for the layers below must not keep them from being unpacked. */
  async #unpackInto(tree: string, blob: Readable | BlobFile, { diffId, options, reuse }: Unpacking): Promise<Applied> {
    const [input, path] = blob instanceof Readable ? [blob, undefined] : [undefined, blob.path];
    const arriving = blob instanceof Readable ? undefined : blob.state && { state: blob.state, later: blob.later ?? blob.path };
    const job: Job = {
      kind: "apply",
      root: tree,
      overlay: this.#overlay,
      ...(diffId !== undefined && { diffId }),
      ...(path !== undefined && { blob: path }),
      ...(arriving && { arriving }),
      ...(this.#maxLayerBytes !== undefined && { maxBytes: this.#maxLayerBytes }),
      ...(reuse && { reuse: { ...reuse, from: this.#layers.path(reuse.from) } }),
    };
    if (arriving) this.#arriving++;
    else await this.#enter();
    try {
      return await runJob<Applied>(job, { input, signal: options.signal, progress: options.progress });
    } finally {
      if (arriving) this.#arriving--;
      else this.#leave();
    }
  }

  /** As many layers are unpacked at once as there are processors. */
  async #enter(): Promise<void> {
    if (this.#slots > 0) this.#slots--;
    else await new Promise<void>((go) => this.#waiting.push(go));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#slots++;
  }

  warmUp(): void {
    warmUp();
  }

  async prepare(key: string, parent: Digest | null, options: { volatile?: boolean } = {}): Promise<void> {
    await this.#make(key, { kind: "active", parent, ...(options.volatile && { volatile: true }) });
  }

  async #make(key: string, snapshot: Snapshot): Promise<void> {
    if (!KEY.test(key)) throw new EngineError("invalid", `Cannot make a snapshot with the key "${key}"`);
    if (this.#snapshots.has(key)) throw new EngineError("conflict", `Snapshot "${key}" exists already`);
    if (snapshot.parent !== null) this.#layers.need(snapshot.parent);
    this.#snapshots.set(key, snapshot);
    try {
      for (const part of ["", "merged"]) mkdirSync(this.#path(key, part), { mode: 0o700 });
      if (snapshot.kind === "active") {
        for (const part of ["upper", "work"]) mkdirSync(this.#path(key, part), { mode: 0o755 });
        await this.#layers.copyRoot(snapshot.parent, this.#path(key, "upper"));
      }
      // What a power cut throws away anyhow need not be waited for.
      await writeJson(this.#path(key, "snapshot.json"), snapshot, { unsynced: snapshot.kind === "view" || snapshot.volatile === true });
    } catch (error) {
      this.#snapshots.delete(key);
      await this.#discard(key);
      throw error;
    }
  }

  async mount(key: string): Promise<string> {
    const { kind, parent, volatile } = this.#need(key);
    const merged = this.#path(key, "merged");
    if (isMounted(merged)) return merged;
    const lower = this.#layers.chain(parent);
    const upper = kind === "active" ? `snapshots/${key}` : undefined;
    mountOverlay({ directory: this.#directory, lower, upper, target: merged, userXattr: this.#overlay === "user", volatile: !!volatile });
    return merged;
  }

  async unmount(key: string): Promise<void> {
    this.#need(key);
    this.#unmountNow(key);
  }

  /** Whoever still has it open keeps it. */
  #unmountNow(key: string): void {
    const merged = this.#path(key, "merged");
    try {
      while (isMounted(merged)) unmount(merged, { lazy: true });
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }

  async view(key: string, chainId: Digest): Promise<string> {
    await this.#make(key, { kind: "view", parent: chainId });
    try {
      return await this.mount(key);
    } catch (error) {
      await this.remove(key);
      throw error;
    }
  }

  async layerFiles(chainId: Digest, signal?: AbortSignal): Promise<LayerFile[]> {
    const { parent } = this.#layers.need(chainId);
    const key = `files-${randomBytes(8).toString("hex")}`;
    const parentRoot = parent === null ? null : await this.view(key, parent);
    try {
      const root = this.#layers.path(chainId);
      return await runJob<LayerFile[]>({ kind: "layer-files", root, parent: parentRoot, overlay: this.#overlay }, signal ? { signal } : {});
    } finally {
      if (parentRoot !== null) await this.remove(key);
    }
  }

  async *changes(key: string, options: DiffOptions = {}): AsyncIterable<Change> {
    const { parent } = this.#need(key);
    const { signal, ...rest } = options;
    yield* await this.#compare(this.#path(key, "upper"), parent, { ...(signal && { signal }), options: rest });
  }

  async layerChanges(chainId: Digest, signal?: AbortSignal): Promise<Change[]> {
    const { parent } = this.#layers.need(chainId);
    return this.#compare(this.#layers.path(chainId), parent, { ...(signal && { signal }), options: {} });
  }

  async #compare(
    root: string,
    parent: Digest | null,
    { signal, options }: { signal?: AbortSignal; options: Omit<DiffOptions, "signal"> },
  ): Promise<Change[]> {
    const viewKey = `compare-${++this.#views}`;
    const parentRoot = parent === null ? null : await this.view(viewKey, parent);
    try {
      return await runJob<Change[]>({ kind: "changes", root, parent: parentRoot, overlay: this.#overlay, options }, { signal });
    } finally {
      if (parentRoot !== null) await this.remove(viewKey);
    }
  }

  diff(key: string, options: DiffOptions = {}): Readable {
    this.#need(key);
    return this.#pack(key, false, options);
  }

  #pack(key: string, strip: boolean, { signal, ...options }: DiffOptions): ReturnType<typeof streamJob<Diffed>> {
    return streamJob<Diffed>({ kind: "diff", root: this.#path(key, "upper"), overlay: this.#overlay, strip, options }, { signal });
  }

  async commit(key: string, write: (tar: Readable) => Promise<void>, options: DiffOptions = {}): Promise<Layer> {
    const { parent } = this.#need(key);
    const tar = this.#pack(key, true, options);
    try {
      await write(tar);
    } catch (error) {
      tar.destroy();
      throw error;
    }
    const { diffId, sizeBytes } = await tar.result;
    this.#unmountNow(key);
    const chainId = chainIdOf(parent, diffId);
    const layer = await this.#layers.commit(this.#path(key, "upper"), { diffId, chainId, parent, sizeBytes });
    await this.remove(key);
    return layer;
  }

  async usage(key: string): Promise<number> {
    return this.#need(key).kind === "view" ? 0 : measureIn(this.#path(key, "upper"), "/");
  }

  async remove(key: string): Promise<void> {
    if (!this.#snapshots.delete(key)) return;
    await this.#discard(key);
  }

  async removeLayer(chainId: Digest): Promise<boolean> {
    const isUsed =
      [...this.#snapshots.values()].some(({ parent }) => parent === chainId) ||
      [...this.#unpacking].some(({ parent, reuse }) => parent === chainId || reuse?.from === chainId) ||
      this.#layers.all().some(({ parent }) => parent === chainId);
    if (!isUsed) await this.#layers.remove(chainId);
    return !isUsed;
  }

  async seal(chainIds: readonly Digest[]): Promise<void> {
    await this.#layers.seal(chainIds);
  }

  async layers(): Promise<Layer[]> {
    return this.#layers.all();
  }

  async keys(): Promise<string[]> {
    return [...this.#snapshots.keys()];
  }

  async #discard(key: string): Promise<void> {
    this.#unmountNow(key);
    await this.#trash.discard(this.#path(key));
  }

  #need(key: string): Snapshot {
    const snapshot = this.#snapshots.get(key);
    if (!snapshot) throw new EngineError("not-found", `No such snapshot: ${key}`);
    return snapshot;
  }

  /** commit() takes the upper directory away before the rest. */
  #hasUpper(key: string, snapshot: Snapshot): boolean {
    return snapshot.kind === "view" || statSync(this.#path(key, "upper"), { throwIfNoEntry: false }) !== undefined;
  }

  #path(key: string, ...rest: string[]): string {
    return join(this.#directory, "snapshots", key, ...rest);
  }
}

interface Unpacking {
  diffId: Digest | undefined;
  parent: Digest | null;
  options: ApplyOptions;
  reuse?: LayerParts["reuse"];
  /** What the layer is, where unpacking does not see all of it. */
  promised?: Promise<Digest>;
}
