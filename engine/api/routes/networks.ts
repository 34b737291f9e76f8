/** Networks: list, inspect, create, connect, disconnect, remove, prune. */
import { EngineError } from "../../errors.ts";
import type { Network as NetworkRecord } from "../../networks/networks.ts";
import { parseMoment, timeNs } from "../duration.ts";
import type { Exchange } from "../exchange.ts";
import { parseFilters } from "../filters.ts";
import type { Filters } from "../filters.ts";
import { networkConnect, networkCreate, networkDisconnect } from "../requests.ts";
import type { Route } from "../router.ts";
import type { Network, NetworkContainer } from "../types/network.ts";

const PREDEFINED: readonly string[] = ["bridge", "host", "none"];
const NO_SWARM =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.';
/** What Go reads as true or false. */
const BOOLEAN = /^([01tTfF]|true|TRUE|True|false|FALSE|False)$/;
const FILTERS = ["dangling", "driver", "id", "label", "name", "scope", "type"];

/** A network as Docker shows it. */
export function viewNetwork(network: NetworkRecord): Network {
  const { ipam } = network;
  return {
    Name: network.name,
    Id: network.id,
    Created: network.createdAt,
    Scope: "local",
    Driver: network.driver,
    EnableIPv4: true,
    EnableIPv6: network.ipv6,
    IPAM: {
      Driver: ipam.Driver ?? "default",
      Options: ipam.Options ?? null,
      Config: ipam.Config && ipam.Config.length > 0 ? ipam.Config : null,
    },
    Internal: network.internal,
    Attachable: network.attachable,
    Ingress: false,
    ConfigFrom: { Network: network.configFrom ?? "" },
    ConfigOnly: network.configOnly ?? false,
    Containers: Object.fromEntries(Object.entries(network.endpoints).map(([id, endpoint]) => [id, viewEndpoint(endpoint)])),
    Options: { ...network.options },
    Labels: { ...network.labels },
  };
}

function viewEndpoint(endpoint: NetworkRecord["endpoints"][string]): NetworkContainer {
  return {
    Name: endpoint.containerName,
    EndpointID: endpoint.id,
    MacAddress: endpoint.macAddress,
    IPv4Address: endpoint.ipv4 ? `${endpoint.ipv4}/${endpoint.prefix}` : "",
    IPv6Address: endpoint.ipv6 ? `${endpoint.ipv6}/${endpoint.ipv6Prefix}` : "",
  };
}

function matches(network: NetworkRecord, filters: Filters): boolean {
  const predefined = PREDEFINED.includes(network.name);
  const inUse = predefined || Object.keys(network.endpoints).length > 0;
  const dangling = filters.flag("dangling");
  return (
    filters.matches("name", network.name) &&
    filters.matches("id", network.id) &&
    filters.exact("driver", network.driver) &&
    filters.exact("scope", "local") &&
    filters.exact("type", predefined ? "builtin" : "custom") &&
    filters.labels(network.labels) &&
    (dangling === undefined || dangling === !inUse)
  );
}

async function list(exchange: Exchange): Promise<void> {
  const filters = parseFilters(exchange.query.text("filters"), FILTERS);
  const wrong = filters.get("type").find((type) => !["builtin", "custom"].includes(type));
  if (wrong !== undefined) throw new EngineError("internal", `invalid filter: 'type'='${wrong}'`);
  const networks = (await exchange.services.networks.list()).filter((network) => matches(network, filters));
  exchange.json(networks.map((network) => ({ ...viewNetwork(network), Containers: {} })));
}

async function inspect(exchange: Exchange): Promise<void> {
  const scope = exchange.query.optional("scope");
  const verbose = exchange.query.optional("verbose");
  if (verbose !== undefined && !BOOLEAN.test(verbose))
    throw new EngineError(
      "invalid",
      `invalid value for verbose: ${verbose}: strconv.ParseBool: parsing ${JSON.stringify(verbose)}: invalid syntax`,
    );
  const network = await exchange.services.networks.get(exchange.param("id"));
  if (scope !== undefined && scope !== "local") throw new EngineError("not-found", `network ${exchange.param("id")} not found`);
  exchange.json(viewNetwork(network));
}

async function create(exchange: Exchange): Promise<void> {
  const body = await exchange.readJson(networkCreate);
  const { Name: name = "" } = body;
  if (name === "") throw new EngineError("invalid", "invalid name: name is empty");
  if (body.EnableIPv4 === false && !body.ConfigOnly)
    throw new EngineError(
      "invalid",
      body.EnableIPv6 ? "networks without IPv4 are not supported: leave it enabled" : "IPv4 or IPv6 must be enabled",
    );
  if (body.Ingress || (body.Scope && body.Scope !== "local")) throw new EngineError("unavailable", NO_SWARM);
  const { network, warning } = await exchange.services.networks.create({
    name,
    ...(body.Driver && { driver: body.Driver }),
    ...(body.Internal !== undefined && { internal: body.Internal }),
    ...(body.Attachable !== undefined && { attachable: body.Attachable }),
    ...(typeof body.EnableIPv6 === "boolean" && { ipv6: body.EnableIPv6 }),
    ...(body.IPAM && { ipam: body.IPAM }),
    ...(body.Options && { options: body.Options }),
    ...(body.Labels && { labels: body.Labels }),
    ...(body.ConfigOnly && { configOnly: true }),
    ...(body.ConfigFrom?.Network && { configFrom: body.ConfigFrom.Network }),
  });
  exchange.json({ Id: network.id, Warning: warning }, 201);
}

async function connect(exchange: Exchange): Promise<void> {
  const { Container: container = "", EndpointConfig: settings } = await exchange.readJson(networkConnect);
  await exchange.services.containers.connectNetwork(container, exchange.param("id"), settings ?? {});
  exchange.empty(200);
}

async function disconnect(exchange: Exchange): Promise<void> {
  const { Container: container = "", Force: force = false } = await exchange.readJson(networkDisconnect);
  await exchange.services.containers.disconnectNetwork(container, exchange.param("id"), { force });
  exchange.empty(200);
}

async function remove(exchange: Exchange): Promise<void> {
  await exchange.services.networks.remove(exchange.param("id"));
  exchange.empty(204);
}

async function prune(exchange: Exchange): Promise<void> {
  const { services } = exchange;
  const filters = parseFilters(exchange.query.text("filters"), ["label", "label!", "until"]);
  const until = parseMoment(filters.single("until") ?? "", "until");
  const deleted: string[] = [];
  for (const network of await services.networks.list()) {
    if (PREDEFINED.includes(network.name) || Object.keys(network.endpoints).length > 0) continue;
    if (!filters.labels(network.labels) || (until !== undefined && timeNs(network.createdAt) > until)) continue;
    try {
      await services.networks.remove(network.id);
      deleted.push(network.name);
    } catch (error) {
      // A container joined it meanwhile, or somebody else removed it.
      if (!(error instanceof EngineError)) throw error;
    }
  }
  services.events.publish("network", "prune", "", { reclaimed: "0" });
  exchange.json({ NetworksDeleted: deleted.length > 0 ? deleted : null });
}

export const networkRoutes: readonly Route[] = [
  { method: "GET", path: "/networks", handle: list },
  { method: "POST", path: "/networks/create", handle: create },
  { method: "POST", path: "/networks/prune", handle: prune },
  { method: "GET", path: "/networks/{id}", handle: inspect },
  { method: "DELETE", path: "/networks/{id}", handle: remove },
  { method: "POST", path: "/networks/{id}/connect", handle: connect },
  { method: "POST", path: "/networks/{id}/disconnect", handle: disconnect },
];
