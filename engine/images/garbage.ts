/**
 * What may be deleted: blobs and layers that no image, no running operation, no container and no cache needs. Nothing is
 * counted; need is looked up when something is to go.
 */
import type { Digest, Layer, Snapshots } from "../layers/snapshots.ts";
import type { Catalog } from "./catalog.ts";
import type { Image, Removed } from "./images.ts";
import type { Layout } from "./layout.ts";

/** A blob that was put for an image that is still being made, e.g. by a build, has this long. */
const YOUNG_MS = 10 * 60_000;

/** Digests that an operation needs until it ends. */
export interface Lease {
  add(...digests: Digest[]): void;
  /** Ends the lease. With `discard`, what it held and nothing else needs is deleted. */
  end(options?: { discard: boolean }): Promise<void>;
}

export class Garbage {
  readonly #layout: Layout;
  readonly #snapshots: Snapshots;
  readonly #catalog: Catalog;
  readonly #leases = new Set<Set<Digest>>();
  readonly #young = new Map<Digest, number>();
  /** What running deletions were told to spare; what comes to be needed meanwhile is added. */
  readonly #spared = new Set<Set<Digest>>();
  readonly #keepers: (() => Promise<Iterable<Digest>>)[] = [];

  constructor(layout: Layout, snapshots: Snapshots, catalog: Catalog) {
    this.#layout = layout;
    this.#snapshots = snapshots;
    this.#catalog = catalog;
  }

  addKeeper(keeper: () => Promise<Iterable<Digest>>): void {
    this.#keepers.push(keeper);
  }

  lease(): Lease {
    const held = new Set<Digest>();
    this.#leases.add(held);
    return {
      add: (...digests) => {
        digests.forEach((digest) => held.add(digest));
        this.#spare(digests);
      },
      end: async ({ discard } = { discard: false }) => {
        this.#leases.delete(held);
        if (!discard) return;
        await this.#sparing(async (needed) => {
          await this.#deleteBlobs(held, needed);
          await this.#deleteLayers(needed, held);
        });
      },
    };
  }

  /** Deletes blobs that were replaced, as far as nothing else needs them. */
  async discard(digests: Iterable<Digest>): Promise<void> {
    await this.#sparing(async (needed) => this.#deleteBlobs(digests, needed));
  }

  /** Notes a blob that nothing names yet. */
  keepForNow(digest: Digest): void {
    this.#young.set(digest, Date.now());
    this.#spare([digest]);
  }

  #spare(digests: readonly Digest[]): void {
    for (const needed of this.#spared) for (const digest of digests) needed.add(digest);
  }

  /** Runs a deletion with the set of what it has to spare, which grows while it runs. */
  async #sparing<T>(work: (needed: Set<Digest>) => Promise<T>): Promise<T> {
    const needed = new Set<Digest>();
    this.#spared.add(needed);
    try {
      for (const digest of await this.#needed()) needed.add(digest);
      return await work(needed);
    } finally {
      this.#spared.delete(needed);
    }
  }

  /** Notes that an image names these blobs now. */
  named(digests: Iterable<Digest>): void {
    for (const digest of digests) this.#young.delete(digest);
  }

  /**
   * Deletes what removed images leave.
   * @param report is told of each image what layers of it are gone, topmost first
   * @returns bytes of those layers
   */
  async afterRemoval<T extends { image: Image; blobs: Iterable<Digest> }>(
    all: readonly T[],
    report: (one: T, layers: Removed[]) => void,
  ): Promise<number> {
    return this.#sparing(async (needed) => {
      let bytes = 0;
      for (const one of all) {
        const layers = await this.#deleteLayersOf(one.image, needed);
        await this.#deleteBlobs(one.blobs, needed);
        bytes += layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        report(
          one,
          layers.map(({ chainId }) => ({ deleted: chainId })),
        );
      }
      return bytes;
    });
  }

  /** From the topmost down to the first one that stays. */
  async #deleteLayersOf({ layers }: Image, needed: Set<Digest>): Promise<Layer[]> {
    const gone: Layer[] = [];
    for (const { chainId } of layers.toReversed()) {
      const layer = await this.#snapshots.layer(chainId);
      if (needed.has(chainId) || !layer || !(await this.#snapshots.removeLayer(chainId))) break;
      gone.push(layer);
    }
    return gone;
  }

  /** Deletes everything that nothing needs; returns the bytes of layers. */
  async collect(): Promise<number> {
    return this.#sparing(async (needed) => {
      const bytes = await this.#deleteLayers(needed);
      await this.#deleteBlobs(await this.#layout.blobs(), needed);
      return bytes;
    });
  }

  /** @param among all layers, unless only some are in question */
  async #deleteLayers(needed: Set<Digest>, among?: Set<Digest>): Promise<number> {
    let bytes = 0;
    // Each round frees the parents of what the last one deleted.
    for (let deleted = true; deleted;) {
      deleted = false;
      for (const { chainId, diffId, sizeBytes } of await this.#snapshots.layers()) {
        if (among && !among.has(chainId)) continue;
        // A step of a running build: its blob, whose digest is the diffId, was put before anything names the layer.
        if (needed.has(chainId) || needed.has(diffId)) continue;
        if (!(await this.#snapshots.removeLayer(chainId))) continue;
        deleted = true;
        bytes += sizeBytes;
      }
    }
    return bytes;
  }

  async #needed(): Promise<Set<Digest>> {
    const kept = await Promise.all(this.#keepers.map((keeper) => keeper()));
    const needed = new Set([...this.#catalog.blobs(), ...this.#catalog.chains()]);
    for (const digests of [...kept, ...this.#leases]) for (const digest of digests) needed.add(digest);
    for (const [digest, since] of this.#young)
      if (Date.now() - since < YOUNG_MS) needed.add(digest);
      else this.#young.delete(digest);
    return needed;
  }

  async #deleteBlobs(digests: Iterable<Digest>, needed: Set<Digest>): Promise<void> {
    for (const digest of digests) if (!needed.has(digest)) await this.#layout.removeBlob(digest);
  }
}
