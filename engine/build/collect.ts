/** What the build cache holds, and what of it can go. */
import type { Builder, CacheEntry } from "./builder.ts";
import type { CacheRecord } from "./cache.ts";
import type { Rooms } from "./rooms.ts";

/** Chains that images are made of: their layers stay whatever happens to the cache. */
async function usedChains(rooms: Rooms): Promise<Set<string>> {
  const images = await rooms.images.list();
  return new Set(images.flatMap((image) => image.layers.map((layer) => layer.chainId)));
}

export async function listCache(rooms: Rooms): Promise<CacheEntry[]> {
  const used = await usedChains(rooms);
  const records = rooms.cache.records().map((record): CacheEntry => ({
    id: record.key,
    description: record.description,
    sizeBytes: record.layer.sizeBytes,
    createdMs: record.layer.createdMs,
    lastUsedMs: record.lastUsedMs,
    usageCount: record.usageCount,
    inUse: used.has(record.layer.chainId),
    type: "regular",
  }));
  const mounts = (await rooms.mounts.list()).map((mount): CacheEntry => ({
    id: mount.name,
    description: `cached mount ${mount.id}`,
    sizeBytes: mount.sizeBytes,
    createdMs: 0,
    lastUsedMs: 0,
    usageCount: 0,
    inUse: mount.inUse,
    type: "exec.cachemount",
  }));
  return [...records, ...mounts];
}

type PruneOptions = Parameters<Builder["prune"]>[0];

/**
 * Removes records, oldest first; blobs and layers that nothing else needs go with them. Without `all` what an image uses stays.
 * While a build runs, layers stay: it may be about to use them.
 */
export async function pruneCache(rooms: Rooms, options: PruneOptions, { busy }: { busy: boolean }): ReturnType<Builder["prune"]> {
  const used = await usedChains(rooms);
  const records = rooms.cache.records().toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  const candidates = records.filter((record) => (options.all || !used.has(record.layer.chainId)) && isOldEnough(record, options));
  const removed = busy ? [] : oldest(candidates, records, options.keepBytes ?? 0);
  for (const record of removed) await rooms.cache.remove(record.key);
  let reclaimedBytes = removed.length === 0 ? 0 : (await rooms.images.prune(() => false)).spaceReclaimed;
  const mounts = busy || !options.all ? [] : (await rooms.mounts.list()).filter((mount) => !mount.inUse);
  for (const mount of mounts) {
    await rooms.mounts.remove(mount.name);
    reclaimedBytes += mount.sizeBytes;
  }
  return { deleted: [...removed.map((record) => record.key), ...mounts.map((mount) => mount.name)], reclaimedBytes };
}

function isOldEnough(record: CacheRecord, { olderThanMs }: PruneOptions): boolean {
  return olderThanMs === undefined || Date.now() - record.lastUsedMs >= olderThanMs;
}

/** As many of the oldest as it takes to come down to `keepBytes`. */
function oldest(candidates: readonly CacheRecord[], all: readonly CacheRecord[], keepBytes: number): CacheRecord[] {
  let total = all.reduce((sum, record) => sum + record.layer.sizeBytes, 0);
  if (keepBytes === 0) return [...candidates];
  return candidates.filter((record) => {
    if (total <= keepBytes) return false;
    total -= record.layer.sizeBytes;
    return true;
  });
}
