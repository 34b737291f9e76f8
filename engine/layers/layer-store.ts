/**
 * Committed layers on disk. `layers/<name>/` is the unpacked tree of one layer, `layers/<name>.json` says which; a layer
 * exists when its JSON file does. Names are short, so that the paths of 127 layers fit into one mount call.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, chownSync, lstatSync, readFileSync, statSync } from "node:fs";
import { chmod, chown, lutimes, mkdir, readdir, rename, rm } from "node:fs/promises";
import type { Stats } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { spreadChildren } from "../host/descriptor.ts";
import { makeDirectory, readJson, sweepUnfinished, syncFileSystem, writeJson } from "../host/files.ts";
import { getXattr } from "../host/xattr.ts";
import { isWhiteout } from "./inode.ts";
import { parentOf, toPath } from "./names.ts";
import type { OverlayNamespace } from "./jobs.ts";
import type { Digest, Layer } from "./snapshots.ts";
import type { Trash } from "./trash.ts";

/** What is there when an image has nothing: overlay cannot do without a lower directory. */
export const EMPTY = "empty";

/** @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#layer-chainid */
export function chainIdOf(parent: Digest | null, diffId: Digest): Digest {
  return parent === null ? diffId : `sha256:${createHash("sha256").update(`${parent} ${diffId}`).digest("hex")}`;
}

/** A layer's JSON file: with the boot during which it was unpacked, as long as its files may be only in memory. */
type Recorded = Layer & { readonly boot?: string };

export class LayerStore {
  readonly directory: string;
  readonly #trash: Trash;
  readonly #overlay: OverlayNamespace;
  readonly #layers = new Map<Digest, Layer>();
  /** Layers whose files may not be on disk yet. */
  readonly #unsealed = new Set<Digest>();
  readonly #boot = bootId();

  private constructor(directory: string, trash: Trash, overlay: OverlayNamespace) {
    this.directory = directory;
    this.#trash = trash;
    this.#overlay = overlay;
  }

  /** Reads what an earlier engine committed, and throws away what it did not finish. */
  static async open(directory: string, trash: Trash, overlay: OverlayNamespace): Promise<LayerStore> {
    const store = new LayerStore(directory, trash, overlay);
    await makeDirectory(directory);
    spreadChildren(directory);
    await makeDirectory(join(directory, EMPTY), { mode: 0o755 });
    await sweepUnfinished(directory);
    const names = new Set(await readdir(directory));
    for (const name of names) {
      if (name === EMPTY) continue;
      if (!name.endsWith(".json")) {
        if (!names.has(`${name}.json`)) await trash.discard(join(directory, name));
        continue;
      }
      const isKept = names.has(name.slice(0, -5)) && (await store.#adopt(join(directory, name)));
      if (!isKept) await rm(join(directory, name), { force: true });
      if (!isKept && names.has(name.slice(0, -5))) await trash.discard(join(directory, name.slice(0, -5)));
    }
    return store;
  }

  /** What the machine may have lost when it went down is not believed. */
  async #adopt(path: string): Promise<boolean> {
    const recorded = await readJson<Recorded>(path).catch(() => undefined);
    if (!recorded || (recorded.boot !== undefined && recorded.boot !== this.#boot)) return false;
    const { boot, ...layer } = recorded;
    this.#layers.set(layer.chainId, layer);
    if (boot !== undefined) this.#unsealed.add(layer.chainId);
    return true;
  }

  /** Makes layers survive a power cut: first all their files, then the records that say so. */
  async seal(chainIds: readonly Digest[]): Promise<void> {
    const fresh = chainIds.filter((chainId) => this.#unsealed.has(chainId));
    if (fresh.length === 0) return;
    await syncFileSystem(this.directory);
    await Promise.all(fresh.map(async (chainId) => writeJson(`${this.path(chainId)}.json`, this.need(chainId), { unsynced: true })));
    await syncFileSystem(this.directory);
    for (const chainId of fresh) this.#unsealed.delete(chainId);
  }

  get(chainId: Digest): Layer | undefined {
    return this.#layers.get(chainId);
  }

  all(): Layer[] {
    return [...this.#layers.values()];
  }

  /** @throws {EngineError} not-found */
  need(chainId: Digest): Layer {
    const layer = this.#layers.get(chainId);
    if (!layer) throw new EngineError("not-found", `No such layer: ${chainId}`);
    return layer;
  }

  /** Directory names of a chain, top first, as overlay's `lowerdir` wants them. */
  chain(chainId: Digest | null): string[] {
    const names: string[] = [];
    for (let at = chainId; at !== null; at = this.need(at).parent) names.push(nameOf(at));
    return names;
  }

  /** Absolute path of a layer's own tree. */
  path(chainId: Digest | null): string {
    return join(this.directory, chainId === null ? EMPTY : nameOf(chainId));
  }

  /** An empty directory to unpack into; commit() or the trash takes it. */
  async temporary(): Promise<string> {
    const path = join(this.directory, `tmp-${randomBytes(8).toString("hex")}`);
    await mkdir(path, { mode: 0o755 });
    return path;
  }

  /** Makes `tree` the layer's tree, by renaming it. Another layer of the same chainId wins, the tree goes then. */
  async commit(tree: string, layer: Layer): Promise<Layer> {
    const present = this.#layers.get(layer.chainId);
    if (present) {
      await this.#trash.discard(tree);
      return present;
    }
    const path = this.path(layer.chainId);
    this.#layers.set(layer.chainId, layer);
    this.#unsealed.add(layer.chainId);
    try {
      await rename(tree, path);
      // Until seal() it is believed only as long as the machine runs.
      await writeJson(`${path}.json`, { ...layer, boot: this.#boot } satisfies Recorded, { unsynced: true });
    } catch (error) {
      this.#unsealed.delete(layer.chainId);
      this.#layers.delete(layer.chainId);
      throw error;
    }
    return layer;
  }

  async remove(chainId: Digest): Promise<void> {
    if (!this.#layers.delete(chainId)) return;
    this.#unsealed.delete(chainId);
    const path = this.path(chainId);
    await rm(`${path}.json`, { force: true });
    await this.#trash.discard(path);
  }

  /** Gives a directory the owner and mode of a layer's root, which is what the merged root would have. */
  copyRoot(parent: Digest | null, target: string): void {
    const { uid, gid, mode } = statSync(this.path(parent));
    chownSync(target, uid, gid);
    chmodSync(target, mode & 0o7777);
  }

  /**
   * Removes whiteouts from directories that nothing lies below: overlay merges no such directory, and would list them.
   * @param whiteouts byte strings
   */
  async pruneWhiteouts(tree: string, parent: Digest | null, whiteouts: readonly string[]): Promise<void> {
    const chain = this.chain(parent).map((name) => join(this.directory, name));
    const opaque = `${this.#overlay}.overlay.opaque`;
    const merged = new Map<string, boolean>();
    for (const path of whiteouts) {
      const directory = parentOf(path);
      if (!merged.has(directory)) merged.set(directory, parent !== null && isMerged(tree, chain, directory, opaque));
      if (merged.get(directory)) continue;
      const whiteout = toPath(Buffer.from(tree).toString("latin1") + path);
      const stats = lstatSync(whiteout, { throwIfNoEntry: false });
      if (stats && isWhiteout(stats)) await rm(whiteout);
    }
  }

  /**
   * Directories that a layer's archive did not describe look like those of the layers below, as when they are merged.
   * @param implied byte strings, parents first
   */
  async inherit(tree: string, parent: Digest | null, implied: readonly string[]): Promise<void> {
    const chain = this.chain(parent).map((name) => join(this.directory, name));
    for (const path of implied) {
      const below = findDirectory(chain, path, `${this.#overlay}.overlay.opaque`);
      if (!below) continue;
      const target = toPath(Buffer.from(tree).toString("latin1") + path);
      await chown(target, below.uid, below.gid);
      await chmod(target, below.mode & 0o7777);
      await lutimes(target, below.atime, below.mtime);
    }
  }
}

/** Changes whenever the machine starts. */
function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

function nameOf(chainId: Digest): string {
  return chainId.slice("sha256:".length, "sha256:".length + 16);
}

function isMerged(tree: string, chain: readonly string[], directory: string, opaque: string): boolean {
  if (directory === "") return true;
  const isOpaque = ancestors(directory).some(
    (path) => getXattr(toPath(Buffer.from(tree).toString("latin1") + path), opaque)?.toString() === "y",
  );
  return !isOpaque && findDirectory(chain, directory, opaque) !== undefined;
}

/** `/a/b` gives `/a` and `/a/b`. */
function ancestors(path: string): string[] {
  const parts = path.split("/").filter(Boolean);
  return parts.map((_, i) => `/${parts.slice(0, i + 1).join("/")}`);
}

/** The topmost directory at `path` that shows through the layers; no link is followed on the way. */
function findDirectory(chain: readonly string[], path: string, opaque: string): Stats | undefined {
  for (const layer of chain) {
    const found = lookIn(Buffer.from(layer).toString("latin1"), path, opaque);
    if (found === "hidden") return undefined;
    if (found) return found;
  }
  return undefined;
}

function lookIn(layer: string, path: string, opaque: string): Stats | "hidden" | undefined {
  let at = layer;
  let isOpaque = false;
  let stats: Stats | undefined;
  for (const part of path.split("/").filter(Boolean)) {
    at += `/${part}`;
    stats = lstatSync(toPath(at), { throwIfNoEntry: false });
    if (!stats) return isOpaque ? "hidden" : undefined;
    if (isWhiteout(stats) || !stats.isDirectory()) return "hidden";
    isOpaque ||= getXattr(toPath(at), opaque)?.toString() === "y";
  }
  return stats;
}
