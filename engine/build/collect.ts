/** What the build cache holds, and what of it can go. */
import type { Builder, CacheEntry } from "./builder.ts";
import type { KeptContext } from "./buildkit/context-directory.ts";
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
  const contexts = (await rooms.contexts.list()).map(({ name, ...context }): CacheEntry => ({
    ...context,
    id: name,
    description: "local source for context",
    createdMs: context.lastUsedMs,
    usageCount: 1,
    type: "source.local",
  }));
  return [...records, ...mounts, ...contexts];
}

type PruneOptions = Parameters<Builder["prune"]>[0];

/** Something that can go. */
interface Candidate {
  readonly id: string;
  readonly sizeBytes: number;
  readonly lastUsedMs: number;
  remove(): Promise<unknown>;
}

/**
 * Removes results and what clients sent, oldest first; blobs and layers that nothing else needs go with them. Without `all`
 * what an image uses stays. While a build runs, layers stay: it may be about to use them.
 */
export async function pruneCache(rooms: Rooms, options: PruneOptions, { busy }: { busy: boolean }): ReturnType<Builder["prune"]> {
  const used = await usedChains(rooms);
  const chosen = await chosenOf(rooms, options);
  const records = rooms.cache.records();
  const contexts = await rooms.contexts.list();
  const layers = busy
    ? []
    : records.filter((record) => options.all || !used.has(record.layer.chainId)).map((record) => ofLayer(rooms, record));
  const sent = contexts.filter(({ inUse }) => !inUse).map((context) => ofContext(rooms, context));
  const total = [...records.map(({ layer }) => layer), ...contexts].reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const candidates = [...layers, ...sent]
    .filter((each) => chosen(each.id) && isOldEnough(each, options))
    .toSorted((a, b) => a.lastUsedMs - b.lastUsedMs);
  const removed = oldest(candidates, { total, keepBytes: options.keepBytes ?? 0 });
  for (const each of removed) await each.remove();
  // Layers share blobs, so that what they free is only known afterwards.
  let reclaimedBytes = removed.some((each) => layers.includes(each)) ? (await rooms.images.prune(() => false)).spaceReclaimed : 0;
  const others = busy || !options.all ? [] : (await rooms.mounts.list()).filter(({ inUse, name }) => !inUse && chosen(name));
  for (const mount of others) await rooms.mounts.remove(mount.name);
  for (const { sizeBytes } of [...removed.filter((each) => sent.includes(each)), ...others]) reclaimedBytes += sizeBytes;
  return { deleted: [...removed.map(({ id }) => id), ...others.map(({ name }) => name)], reclaimedBytes };
}

/** Whether an id is one of those that are meant. */
async function chosenOf(rooms: Rooms, { only }: PruneOptions): Promise<(id: string) => boolean> {
  if (!only) return () => true;
  const ids = new Set((await listCache(rooms)).filter(only).map(({ id }) => id));
  return (id) => ids.has(id);
}

function ofLayer({ cache }: Rooms, { key, layer: { sizeBytes }, lastUsedMs }: CacheRecord): Candidate {
  return { id: key, sizeBytes, lastUsedMs, remove: () => cache.remove(key) };
}

function ofContext({ contexts }: Rooms, { name, sizeBytes, lastUsedMs }: KeptContext): Candidate {
  return { id: name, sizeBytes, lastUsedMs, remove: () => contexts.remove(name) };
}

function isOldEnough({ lastUsedMs }: Candidate, { olderThanMs }: PruneOptions): boolean {
  return olderThanMs === undefined || Date.now() - lastUsedMs >= olderThanMs;
}

/** As many as it takes to come down to `keepBytes`; all when that is nothing. */
function oldest(candidates: readonly Candidate[], { total, keepBytes }: { total: number; keepBytes: number }): readonly Candidate[] {
  if (keepBytes === 0) return candidates;
  let left = total;
  return candidates.filter(({ sizeBytes }) => {
    if (left <= keepBytes) return false;
    left -= sizeBytes;
    return true;
  });
}
