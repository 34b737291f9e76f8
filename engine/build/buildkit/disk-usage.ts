/** `docker buildx du` and `docker buildx prune`: the cache as BuildKit's records. */
import type { Builder, CacheEntry } from "../builder.ts";
import { cacheFilter } from "../cache-filter.ts";
import { timestamp } from "./status.ts";

type Usage = ReturnType<typeof toRecord>;

/** @throws {EngineError} invalid for a filter that makes no sense */
export async function diskUsage(builder: Builder, { filter }: { readonly filter: readonly string[] }): Promise<Usage[]> {
  return (await builder.cache()).filter(cacheFilter(filter)).map(toRecord);
}

/** Removes what BuildKit's request means, and tells what went. @param request keepDuration is in nanoseconds */
export async function* prune(
  builder: Builder,
  request: {
    readonly filter: readonly string[];
    readonly all: boolean;
    readonly keepDuration: number;
    readonly reservedSpace: number;
  },
): AsyncGenerator<Usage> {
  const before = new Map((await builder.cache()).map((entry) => [entry.id, entry]));
  const { deleted } = await builder.prune({
    all: request.all,
    only: cacheFilter(request.filter),
    ...(request.reservedSpace > 0 && { keepBytes: request.reservedSpace }),
    ...(request.keepDuration > 0 && { olderThanMs: request.keepDuration / 1e6 }),
  });
  for (const id of deleted) {
    const entry = before.get(id);
    if (entry) yield toRecord(entry);
  }
}

function toRecord({ id, description, sizeBytes, createdMs, lastUsedMs, usageCount, inUse, type }: CacheEntry) {
  return {
    ID: id,
    Mutable: type !== "regular",
    InUse: inUse,
    Size: sizeBytes,
    CreatedAt: timestamp(createdMs),
    ...(lastUsedMs > 0 && { LastUsedAt: timestamp(lastUsedMs) }),
    UsageCount: usageCount,
    Description: description,
    RecordType: type,
    Shared: inUse,
  };
}
