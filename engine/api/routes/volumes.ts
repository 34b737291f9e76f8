/** Volumes: list, inspect, create, remove, prune. */
import { EngineError } from "../../errors.ts";
import { measureIn } from "../../layers/jail.ts";
import type { Volume as VolumeRecord } from "../../volumes/volumes.ts";
import type { Exchange } from "../exchange.ts";
import { parseFilters } from "../filters.ts";
import type { Filters } from "../filters.ts";
import { volumeCreate } from "../requests.ts";
import type { Route } from "../router.ts";
import type { Services } from "../services.ts";
import type { Volume } from "../types/volume.ts";

/** A volume as Docker shows it. */
export function viewVolume(volume: VolumeRecord): Volume {
  const orNull = (map: Readonly<Record<string, string>>): Record<string, string> | null =>
    Object.keys(map).length > 0 ? { ...map } : null;
  return {
    CreatedAt: volume.createdAt,
    Driver: volume.driver,
    Labels: orNull(volume.labels),
    Mountpoint: volume.mountpoint,
    Name: volume.name,
    Options: orNull(volume.options),
    Scope: "local",
  };
}

/** How many containers, running or not, use each volume. */
export async function volumeUsers({ containers }: Services): Promise<Map<string, number>> {
  const users = new Map<string, number>();
  for (const { mounts } of await containers.list())
    for (const name of new Set(mounts.map(({ Name }) => Name))) if (name !== undefined) users.set(name, (users.get(name) ?? 0) + 1);
  return users;
}

async function select(services: Services, filters: Filters): Promise<VolumeRecord[]> {
  const dangling = filters.flag("dangling");
  const users = dangling === undefined ? undefined : await volumeUsers(services);
  const all = (await services.volumes.list()).filter(
    (volume) =>
      filters.matches("name", volume.name) &&
      filters.exact("driver", volume.driver) &&
      filters.labels(volume.labels) &&
      (users === undefined || dangling === !users.has(volume.name)),
  );
  return all.toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

async function list(exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query.text("filters"), ["dangling", "driver", "label", "name"]);
  exchange.json({ Volumes: (await select(exchange.services, filters)).map(viewVolume), Warnings: null });
}

async function inspect(exchange: Exchange): Promise<void> {
  exchange.json(viewVolume(await exchange.services.volumes.get(exchange.param("name"))));
}

async function create(exchange: Exchange): Promise<void> {
  const { Name: name, Driver: driver, DriverOpts: options, Labels: labels } = await exchange.readJson(volumeCreate);
  const volume = await exchange.services.volumes.create({
    ...(name && { name }),
    ...(driver && { driver }),
    ...(options && { options }),
    ...(labels && { labels }),
  });
  exchange.json(viewVolume(volume), 201);
}

async function remove(exchange: Exchange): Promise<void> {
  await exchange.services.volumes.remove(exchange.param("name"), { force: exchange.query.flag("force") });
  exchange.empty(204);
}

async function prune(exchange: Exchange): Promise<void> {
  const { services, version } = exchange;
  const filters = parseFilters(exchange.query.text("filters"), ["all", "label", "label!"]);
  // Before API 1.42 there was no difference between volumes with and without a name.
  const all = filters.flag("all") ?? version < 42;
  const users = await volumeUsers(services);
  const deleted: string[] = [];
  let bytes = 0;
  for (const volume of await select(services, filters)) {
    if (users.has(volume.name) || (!all && !volume.anonymous)) continue;
    const size = await measureIn(volume.mountpoint, "/").catch(() => 0);
    try {
      await services.volumes.remove(volume.name, { force: false });
      deleted.push(volume.name);
      bytes += size;
    } catch (error) {
      // A container took it meanwhile, or somebody else removed it.
      if (!(error instanceof EngineError)) throw error;
    }
  }
  services.events.publish("volume", "prune", "", { reclaimed: String(bytes) });
  exchange.json({ VolumesDeleted: deleted.length > 0 ? deleted : null, SpaceReclaimed: bytes });
}

/** Cluster volumes belong to swarms. */
function update(): never {
  throw new EngineError("unavailable", "This node is not part of a swarm");
}

export const volumeRoutes: readonly Route[] = [
  { method: "GET", path: "/volumes", handle: list },
  { method: "POST", path: "/volumes/create", handle: create },
  { method: "POST", path: "/volumes/prune", handle: prune },
  { method: "GET", path: "/volumes/{name}", handle: inspect },
  { method: "DELETE", path: "/volumes/{name}", handle: remove },
  { method: "PUT", path: "/volumes/{name}", handle: update },
];
