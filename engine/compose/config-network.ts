/**
 * How a container is connected: its networks, names, addresses and ports.
 */
import type { NetworkingConfig } from "../api/types/container.ts";
import type { EndpointSettings, PortMap } from "../api/types/network.ts";
import { containerName } from "./order.ts";
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** Which container of which service; `aliases` is false for one-off containers, which do not answer for their service. */
export interface Identity {
  readonly project: Project;
  readonly name: string;
  readonly number: number;
  readonly service: ServiceConfig;
  readonly aliases: boolean;
  /** `container:alias`. */
  readonly links: readonly string[];
}

/** A container's networks; the first one is the one that its default route takes unless something else is said. */
export interface Connections {
  readonly mode: string;
  readonly endpoints: readonly (readonly [network: string, settings: EndpointSettings])[];
}

/** Networks of a service by priority, then by name. */
export function networksByPriority({ networks = {} }: ServiceConfig): string[] {
  const priority = (name: string): number => networks[name]?.priority ?? 0;
  return Object.keys(networks).toSorted((a, b) => priority(b) - priority(a) || (a < b ? -1 : 1));
}

/** @param networkName the engine's name (or id) of a network of the file */
export function connections(identity: Identity, networkName: (key: string) => string): Connections {
  const { service } = identity;
  if (service.network_mode) return { mode: service.network_mode, endpoints: [] };
  const keys = networksByPriority(service);
  if (keys.length === 0) return { mode: "none", endpoints: [] };
  const endpoints = keys.map((key) => [networkName(key), endpoint(identity, key)] as const);
  return { mode: endpoints[0]![0], endpoints };
}

function endpoint({ project, name, number, service, aliases, links }: Identity, key: string): EndpointSettings {
  const wanted = service.networks?.[key];
  const own = containerName(project, name, number);
  const names = aliases ? [own, name, ...(wanted?.aliases ?? [])] : [own];
  const address = {
    ...(wanted?.ipv4_address ? { IPv4Address: wanted.ipv4_address } : {}),
    ...(wanted?.ipv6_address ? { IPv6Address: wanted.ipv6_address } : {}),
    ...(wanted?.link_local_ips ? { LinkLocalIPs: wanted.link_local_ips } : {}),
  };
  const options = {
    ...wanted?.driver_opts,
    ...(wanted?.interface_name ? { "com.docker.network.endpoint.ifname": wanted.interface_name } : {}),
  };
  return {
    Aliases: [...new Set(names)],
    ...(links.length > 0 ? { Links: [...links] } : {}),
    ...(Object.keys(address).length > 0 ? { IPAMConfig: address } : {}),
    ...(wanted?.mac_address ? { MacAddress: wanted.mac_address } : {}),
    ...(Object.keys(options).length > 0 ? { DriverOpts: options } : {}),
    ...(wanted?.gw_priority ? { GwPriority: wanted.gw_priority } : {}),
  };
}

/** Before API 1.44 an engine takes one network with the container; the others are connected one by one. */
export function networkingConfig({ endpoints }: Connections, severalAtOnce: boolean): NetworkingConfig {
  return { EndpointsConfig: Object.fromEntries(severalAtOnce ? endpoints : endpoints.slice(0, 1)) };
}

/** Ports that a service names, published or not. */
export function exposedPorts({ expose = [], ports = [] }: ServiceConfig): Record<string, object> {
  const named = expose.flatMap((text) => {
    const [, first = "", last = first, protocol = "tcp"] = /^(\d+)(?:-(\d+))?(?:\/(\w+))?$/.exec(String(text)) ?? [];
    return Array.from({ length: Number(last) - Number(first) + 1 }, (_port, at) => `${Number(first) + at}/${protocol}`);
  });
  const published = ports.map(({ target, protocol = "tcp" }) => `${target}/${protocol}`);
  return Object.fromEntries([...named, ...published].map((port) => [port, {}]));
}

/** Published ports. */
export function portBindings({ ports = [] }: ServiceConfig): PortMap {
  const bindings: PortMap = {};
  for (const { target, protocol = "tcp", host_ip: HostIp = "", published: HostPort = "" } of ports)
    (bindings[`${target}/${protocol}`] ??= []).push({ HostIp, HostPort });
  return bindings;
}
