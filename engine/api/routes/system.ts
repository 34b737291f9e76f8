/** The engine itself: ping, version, info, events, disk usage; and what an engine outside of a swarm says about swarms. */
import { EngineError } from "../../errors.ts";
import { sendEvents } from "../event-stream.ts";
import type { Exchange } from "../exchange.ts";
import { authConfig } from "../requests.ts";
import type { Route } from "../router.ts";

/**
 * Newer docker commands build with buildx, where it is installed, whatever this says. To docker 20.10, "2" means another
 * protocol, `POST /build?version=2`, which is not served: with "1" it builds through the classic `/build`.
 */
const BUILDER_VERSION = "1";

function ping({ request, response }: Exchange): void {
  response.setHeader("Builder-Version", BUILDER_VERSION);
  response.setHeader("Swarm", "inactive");
  response.setHeader("Cache-Control", "no-cache, no-store, must-revalidate");
  response.setHeader("Pragma", "no-cache");
  const head = request.method === "HEAD";
  response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8", "Content-Length": head ? 0 : 2 }).end(head ? undefined : "OK");
}

async function info(exchange: Exchange): Promise<void> {
  const { containers, images, system, events } = exchange.services;
  const [facts, records, all] = await Promise.all([system.describe(), containers.list(), images.list()]);
  const count = (...status: string[]): number => records.filter(({ state }) => status.includes(state.status)).length;
  const running = count("running", "restarting");
  const paused = count("paused");
  exchange.json({
    Containers: records.length,
    ContainersRunning: running,
    ContainersPaused: paused,
    ContainersStopped: records.length - running - paused,
    Images: all.length,
    ...facts,
    SystemTime: new Date().toISOString(),
    NEventsListener: events.listeners,
  });
}

async function auth(exchange: Exchange): Promise<void> {
  const credentials = await exchange.readJson(authConfig);
  const { status, identityToken } = await exchange.services.registry.login(credentials, exchange.signal);
  exchange.json({ IdentityToken: identityToken, Status: status });
}

const NO_MANAGER =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';

function refuse(message: string): () => never {
  return () => {
    throw new EngineError("unavailable", message);
  };
}

function swarmRoutes(): Route[] {
  const all: Route[] = [];
  for (const noun of ["nodes", "services", "tasks", "secrets", "configs"])
    for (const method of ["GET", "POST", "DELETE"] as const)
      for (const path of [`/${noun}`, `/${noun}/{id}`, `/${noun}/{id}/{action}`]) all.push({ method, path, handle: refuse(NO_MANAGER) });
  for (const path of ["/swarm", "/swarm/unlockkey"]) all.push({ method: "GET", path, handle: refuse(NO_MANAGER) });
  for (const action of ["update", "unlock"]) all.push({ method: "POST", path: `/swarm/${action}`, handle: refuse(NO_MANAGER) });
  all.push({ method: "POST", path: "/swarm/leave", handle: refuse("This node is not part of a swarm") });
  for (const action of ["init", "join"])
    all.push({
      method: "POST",
      path: `/swarm/${action}`,
      handle: () => {
        throw new EngineError("not-implemented", "Berth has no swarm mode");
      },
    });
  return all;
}

function noPlugin({ params }: Exchange): never {
  throw new EngineError("not-found", `plugin ${JSON.stringify(params["name"])} not found`);
}

export const systemRoutes: readonly Route[] = [
  { method: "GET", path: "/_ping", handle: ping },
  { method: "HEAD", path: "/_ping", handle: ping },
  { method: "OPTIONS", path: "*", handle: (exchange) => exchange.empty(200) },
  { method: "OPTIONS", path: "/{name}", handle: (exchange) => exchange.empty(200) },
  { method: "GET", path: "/version", handle: (exchange) => exchange.json(exchange.services.system.describeVersion()) },
  { method: "GET", path: "/info", handle: info },
  { method: "GET", path: "/events", handle: sendEvents },
  { method: "POST", path: "/auth", handle: auth },
  { method: "GET", path: "/plugins", handle: (exchange) => exchange.json([]) },
  { method: "GET", path: "/plugins/{name}/json", handle: noPlugin },
  { method: "DELETE", path: "/plugins/{name}", handle: noPlugin },
  ...swarmRoutes(),
];
