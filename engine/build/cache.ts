/**
 * Results of steps by key, one JSON file each, read once. A record is only as good as the layer that it names: what is gone
 * from the snapshots counts as a miss. Records and layers survive the engine; a record that a power cut took is a miss, too.
 */
import { createHash } from "node:crypto";
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory, readJson, sweepUnfinished, writeJson } from "../host/files.ts";
import type { Descriptor } from "../images/images.ts";
import type { Digest, Snapshots } from "../layers/snapshots.ts";

/** What a step made: a layer on top of its parent, and the blob that holds the layer's tar. */
export interface StepLayer {
  readonly diffId: Digest;
  readonly chainId: Digest;
  readonly parent: Digest | null;
  readonly blob: Descriptor;
  readonly sizeBytes: number;
  readonly createdMs: number;
}

export interface CacheRecord {
  readonly key: string;
  readonly layer: StepLayer;
  /** `[2/5] RUN make`. */
  readonly description: string;
  readonly lastUsedMs: number;
  readonly usageCount: number;
}

/** The digest of a value's JSON; equal values have equal keys because their fields are written in the same order. */
export function keyOf(value: unknown): string {
  return createHash("sha256").update(JSON.stringify(value)).digest("hex");
}

export class Cache {
  readonly #directory: string;
  readonly #snapshots: Pick<Snapshots, "layer">;
  readonly #working = new Map<string, Promise<unknown>>();
  readonly #records = new Map<string, CacheRecord>();

  private constructor(directory: string, snapshots: Pick<Snapshots, "layer">) {
    this.#directory = directory;
    this.#snapshots = snapshots;
  }

  static async open(stateDirectory: string, snapshots: Pick<Snapshots, "layer">): Promise<Cache> {
    const directory = join(stateDirectory, "cache");
    await makeDirectory(directory);
    await sweepUnfinished(directory);
    const cache = new Cache(directory, snapshots);
    const names = (await readdir(directory)).filter((name) => name.endsWith(".json"));
    const records = await Promise.all(names.map((name) => readJson<CacheRecord>(join(directory, name)).catch(() => undefined)));
    for (const record of records) if (record) cache.#records.set(record.key, record);
    return cache;
  }

  /** Bytes of all layers in it; what several records have counts for each. */
  get sizeBytes(): number {
    let total = 0;
    for (const { layer } of this.#records.values()) total += layer.sizeBytes;
    return total;
  }

  /** The layer for a key, and notes that it was used. */
  async get(key: string): Promise<StepLayer | undefined> {
    const record = this.#records.get(key);
    if (!record) return undefined;
    if (!(await this.#snapshots.layer(record.layer.chainId))) {
      await this.remove(key);
      return undefined;
    }
    await this.#touch(record);
    return record.layer;
  }

  /** Once a minute is often enough to know what is old; a cached build then writes nothing. */
  async #touch(record: CacheRecord): Promise<void> {
    if (Date.now() - record.lastUsedMs < 60_000) return;
    await this.#write({ ...record, lastUsedMs: Date.now(), usageCount: record.usageCount + 1 });
  }

  async put(key: string, layer: StepLayer, description: string): Promise<void> {
    await this.#write({ key, layer, description, lastUsedMs: Date.now(), usageCount: 1 });
  }

  async #write(record: CacheRecord): Promise<void> {
    await writeJson(this.#file(record.key), record, { unsynced: true });
    this.#records.set(record.key, record);
  }

  async remove(key: string): Promise<void> {
    this.#records.delete(key);
    await rm(this.#file(key), { force: true });
  }

  records(): CacheRecord[] {
    return [...this.#records.values()];
  }

  /**
   * Runs `work` for a key unless somebody already does; then waits for that one and says so, so that the caller looks
   * into the cache again.
   */
  async alone<T>(key: string, work: () => Promise<T>): Promise<{ done: T } | "waited"> {
    const other = this.#working.get(key);
    if (other) {
      await other.catch(() => undefined);
      return "waited";
    }
    const mine = work();
    this.#working.set(key, mine);
    try {
      return { done: await mine };
    } finally {
      this.#working.delete(key);
    }
  }

  #file(key: string): string {
    return join(this.#directory, `${key}.json`);
  }
}
