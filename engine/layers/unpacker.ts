/** Archives on their way to layers: each is unpacked once whoever asks, as many at once as there are processors. */
import { availableParallelism } from "node:os";
import { Readable } from "node:stream";
import { setImmediate as nextTurn } from "node:timers/promises";
import { EngineError } from "../errors.ts";
import type { Applied, Job, OverlayNamespace } from "./jobs.ts";
import { chainIdOf } from "./layer-store.ts";
import type { LayerStore } from "./layer-store.ts";
import { runJob } from "./pool.ts";
import type { ApplyOptions, BlobFile, Digest, Layer, LayerBlob, LayerParts } from "./snapshots.ts";
import type { Trash } from "./trash.ts";

/** Layers that are unpacked while their bytes arrive. */
const MOST_ARRIVING = 4;

export interface UnpackerOptions {
  readonly layers: LayerStore;
  readonly trash: Trash;
  readonly overlay: OverlayNamespace;
  /** More unpacked bytes than this in one layer are an error. Default: what the disk has free. */
  readonly maxLayerBytes: number | undefined;
}

interface Unpacking {
  diffId: Digest | undefined;
  parent: Digest | null;
  options: ApplyOptions;
  reuse?: LayerParts["reuse"];
  /** What the layer is, where unpacking does not see all of it. */
  promised?: Promise<Digest>;
}

/** The part of Snapshots that makes layers out of archives. */
export class Unpacker {
  readonly #options: UnpackerOptions;
  readonly #applying = new Map<Digest, Promise<Layer>>();
  readonly #unpacking = new Set<Unpacking>();
  #slots = Math.max(2, availableParallelism());
  readonly #waiting: (() => void)[] = [];
  #arriving = 0;

  constructor(options: UnpackerOptions) {
    this.#options = options;
  }

  /** Whether a layer is about to be built upon. */
  uses(chainId: Digest): boolean {
    return [...this.#unpacking].some(({ parent, reuse }) => parent === chainId || reuse?.from === chainId);
  }

  /** @see Snapshots.apply */
  async apply(blob: LayerBlob, diffId: Digest, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    const chainId = chainIdOf(parent, diffId);
    const present = this.#options.layers.get(chainId) ?? this.#applying.get(chainId);
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

  /** @see Snapshots.add */
  async add(blob: LayerBlob, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    this.#checkParent(parent);
    return this.#unpack(blob, { diffId: undefined, parent, options });
  }

  /** @see Snapshots.assemble */
  async assemble({ rest, reuse, diffId }: LayerParts, parent: Digest | null, options: ApplyOptions = {}): Promise<Layer> {
    this.#options.layers.need(reuse.from);
    this.#checkParent(parent);
    // It is awaited only after unpacking; until then its failure is not unheard of.
    diffId.catch(() => undefined);
    return this.#unpack(rest, { diffId: undefined, parent, options, reuse, promised: diffId });
  }

  #checkParent(parent: Digest | null): void {
    if (parent !== null && !this.#applying.has(parent)) this.#options.layers.need(parent);
  }

  /** Resolves when the layer below is committed; an attempt that fails may be followed by another one's. */
  async #below(parent: Digest | null): Promise<void> {
    if (parent === null) return;
    for (let failure: unknown; !this.#options.layers.get(parent);) {
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
      tree = await this.#options.layers.temporary();
      const { diffId: found, sizeBytes, implied, whiteouts } = await this.#unpackInto(tree, blob, to);
      const diffId = (await to.promised) ?? found;
      await parentDone;
      await this.#options.layers.inherit(tree, parent, implied.filter(Boolean));
      await this.#options.layers.pruneWhiteouts(tree, parent, whiteouts);
      if (implied.includes("")) this.#options.layers.copyRoot(parent, tree);
      return await this.#options.layers.commit(tree, { diffId, chainId: chainIdOf(parent, diffId), parent, sizeBytes });
    } catch (error) {
      if (tree !== undefined) await this.#options.trash.discard(tree);
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
      overlay: this.#options.overlay,
      ...(diffId !== undefined && { diffId }),
      ...(path !== undefined && { blob: path }),
      ...(arriving && { arriving }),
      ...(this.#options.maxLayerBytes !== undefined && { maxBytes: this.#options.maxLayerBytes }),
      ...(reuse && { reuse: { ...reuse, from: this.#options.layers.path(reuse.from) } }),
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
}
