/** All paths that are served. */
import type { Route } from "./router.ts";
import { attachRoutes } from "./routes/attach.ts";
import { berthRoutes } from "./routes/berth.ts";
import { containerRoutes } from "./routes/containers.ts";
import { execRoutes } from "./routes/execs.ts";
import { logRoutes } from "./routes/logs.ts";
import { systemRoutes } from "./routes/system.ts";

export const routes: readonly Route[] = [...systemRoutes, ...containerRoutes, ...attachRoutes, ...logRoutes, ...execRoutes, ...berthRoutes];
