/** What takes how much space: `docker system df`. */
import { EngineError } from "../../errors.ts";
import { measureIn } from "../../layers/jail.ts";
import type { CacheEntry } from "../../build/builder.ts";
import { newestFirst } from "../container-list.ts";
import type { Exchange } from "../exchange.ts";
import { layerSizes, sharedSize, sum } from "../image-list.ts";
import { newestImagesFirst, summarizeImage } from "../image-view.ts";
import type { Route } from "../router.ts";
import type { Services } from "../services.ts";
import type { BuildCacheEntry, DiskUsage } from "../types/system.ts";
import { summarize } from "./containers.ts";
import { viewVolume, volumeUsers } from "./volumes.ts";

const TYPES: readonly string[] = ["container", "image", "volume", "build-cache"];

async function diskUsage(exchange: Exchange): Promise<void> {
  const { services, query, version } = exchange;
  const types = query.all("type");
  const wrong = types.find((type) => !TYPES.includes(type));
  if (wrong !== undefined) throw new EngineError("invalid", `unknown object type: ${wrong}`);
  const wanted = (type: string): boolean => types.length === 0 || types.includes(type);
  const usage: DiskUsage = {
    ...(wanted("image") && (await images(services, version))),
    ...(wanted("container") && { Containers: await summarize(services, newestFirst(await services.containers.list()), { size: true }) }),
    ...(wanted("volume") && { Volumes: await volumes(services) }),
    ...(wanted("build-cache") && { BuildCache: (await services.builder.cache()).map(viewEntry) }),
  };
  exchange.json(usage);
}

async function images(services: Services, version: number): Promise<Pick<DiskUsage, "LayersSize" | "Images">> {
  const all = newestImagesFirst(await services.images.list());
  const sizes = await layerSizes(services, all);
  const users = (await services.containers.list()).map(({ imageId }) => imageId);
  return {
    LayersSize: sum(sizes.values()),
    Images: all.map((image) => ({
      ...summarizeImage(image, { version }),
      Containers: users.filter((id) => id === image.id).length,
      SharedSize: sharedSize(image, all, sizes),
    })),
  };
}

async function volumes(services: Services): Promise<NonNullable<DiskUsage["Volumes"]>> {
  const users = await volumeUsers(services);
  return Promise.all(
    (await services.volumes.list()).map(async (volume) => ({
      ...viewVolume(volume),
      UsageData: { RefCount: users.get(volume.name) ?? 0, Size: await measureIn(volume.mountpoint, "/").catch(() => -1) },
    })),
  );
}

function viewEntry(entry: CacheEntry): BuildCacheEntry {
  return {
    ID: entry.id,
    Type: entry.type,
    Description: entry.description,
    InUse: entry.inUse,
    Shared: false,
    Size: entry.sizeBytes,
    CreatedAt: new Date(entry.createdMs).toISOString(),
    LastUsedAt: entry.lastUsedMs > 0 ? new Date(entry.lastUsedMs).toISOString() : null,
    UsageCount: entry.usageCount,
  };
}

export const diskUsageRoutes: readonly Route[] = [{ method: "GET", path: "/system/df", handle: diskUsage }];
