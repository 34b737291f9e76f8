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
import { join } from "node:path";
import type { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { makeDirectory, readJson, syncFile, sweepUnfinished, writeJson } from "../host/files.ts";
import { errorCode } from "../host/libc.ts";
import { unmount } from "../host/mount.ts";
import { measureIn } from "./jail.ts";
import type { Diffed, OverlayNamespace } from "./jobs.ts";
import { chainIdOf, LayerStore } from "./layer-store.ts";
import { isMounted, mountOverlay } from "./overlay-mount.ts";
import { runJob, streamJob, warmUp } from "./pool.ts";
import type { ApplyOptions, Change, DiffOptions, Digest, Layer, LayerFile, LayerBlob, LayerParts, Snapshots } from "./snapshots.ts";
import { Trash } from "./trash.ts";
import { Unpacker } from "./unpacker.ts";

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
  readonly #layers: LayerStore;
  readonly #trash: Trash;
  readonly #unpacker: Unpacker;
  readonly #snapshots = new Map<string, Snapshot>();
  /** Those of which not all is on disk yet. */
  readonly #unsynced = new Map<string, Promise<void>>();
  #views = 0;

  constructor(options: SnapshotsOptions, layers: LayerStore, trash: Trash) {
    this.#directory = options.directory;
    this.#overlay = options.rootless ? "user" : "trusted";
    this.#layers = layers;
    this.#trash = trash;
    this.#unpacker = new Unpacker({ layers, trash, overlay: this.#overlay, maxLayerBytes: options.maxLayerBytes });
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
    return this.#unpacker.apply(blob, diffId, parent, options);
  }

  async add(blob: LayerBlob, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    return this.#unpacker.add(blob, parent, options);
  }

  async assemble(parts: LayerParts, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    return this.#unpacker.assemble(parts, parent, options);
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
        this.#layers.copyRoot(snapshot.parent, this.#path(key, "upper"));
      }
      await writeJson(this.#path(key, "snapshot.json"), snapshot, { unsynced: true });
      // What a power cut throws away anyhow need not be waited for, and nothing is lost of what was never written to.
      if (snapshot.kind === "active" && !snapshot.volatile) this.#sync(key);
    } catch (error) {
      this.#snapshots.delete(key);
      await this.#discard(key);
      throw error;
    }
  }

  #sync(key: string): void {
    const synced = syncFile(this.#path(key, "snapshot.json"));
    // Who mounts it is told of a failure.
    synced.catch(() => undefined);
    this.#unsynced.set(key, synced);
  }

  async mount(key: string): Promise<string> {
    await this.#unsynced.get(key);
    this.#unsynced.delete(key);
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

  async usage(key: string, options: Pick<DiffOptions, "mountpoints"> = {}): Promise<number> {
    return this.#need(key).kind === "view" ? 0 : measureIn(this.#path(key, "upper"), "/", options);
  }

  async remove(key: string): Promise<void> {
    if (!this.#snapshots.delete(key)) return;
    this.#unsynced.delete(key);
    await this.#discard(key);
  }

  async discard(path: string): Promise<void> {
    await this.#trash.discard(path);
  }

  async removeLayer(chainId: Digest): Promise<boolean> {
    const isUsed =
      [...this.#snapshots.values()].some(({ parent }) => parent === chainId) ||
      this.#unpacker.uses(chainId) ||
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
