/** All paths that are served. Where two could match, the first one does. */
import type { Route } from "./router.ts";
import { archiveRoutes } from "./routes/archive.ts";
import { attachRoutes } from "./routes/attach.ts";
import { berthRoutes } from "./routes/berth.ts";
import { berthBuildRoutes } from "./routes/berth-build.ts";
import { buildRoutes } from "./routes/build.ts";
import { buildsRoutes } from "./routes/builds.ts";
import { containerRoutes } from "./routes/containers.ts";
import { diskUsageRoutes } from "./routes/disk-usage.ts";
import { execRoutes } from "./routes/execs.ts";
import { fileRoutes } from "./routes/files.ts";
import { imageTransferRoutes } from "./routes/image-transfers.ts";
import { imageLayerRoutes } from "./routes/image-layers.ts";
import { imageRoutes } from "./routes/images.ts";
import { logRoutes } from "./routes/logs.ts";
import { networkRoutes } from "./routes/networks.ts";
import { registryRoutes } from "./routes/registry.ts";
import { statsHistoryRoutes } from "./routes/stats-history.ts";
import { statsRoutes } from "./routes/stats.ts";
import { systemRoutes } from "./routes/system.ts";
import { volumeRoutes } from "./routes/volumes.ts";

export const routes: readonly Route[] = [
  ...systemRoutes,
  ...diskUsageRoutes,
  ...containerRoutes,
  ...archiveRoutes,
  ...attachRoutes,
  ...logRoutes,
  ...statsRoutes,
  ...execRoutes,
  ...registryRoutes,
  ...imageTransferRoutes,
  ...imageRoutes,
  ...buildRoutes,
  ...volumeRoutes,
  ...networkRoutes,
  ...fileRoutes,
  ...imageLayerRoutes,
  ...statsHistoryRoutes,
  ...berthRoutes,
  ...berthBuildRoutes,
  ...buildsRoutes,
];
