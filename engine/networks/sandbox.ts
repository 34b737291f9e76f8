/**
 * From endpoints to the plans that host/ carries out and the files that a container finds. Pure.
 */
import { join } from "node:path";
import type { NetdSandbox } from "../host/netd/protocol.ts";
import type { InterfacePlan } from "../host/netns.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { DnsSettings, Endpoint, Sandbox } from "./networks.ts";
import type { HostResolv } from "./resolv.ts";
import { EMBEDDED_DNS, renderResolv } from "./resolv.ts";

/** Where sandboxes' namespaces are kept. */
export const netnsDirectory = (run: string): string => join(run, "netns");
export const netnsPath = (run: string, containerId: string): string => join(netnsDirectory(run), containerId);

/** Every port's name begins so. */
export const PORT_PREFIX = "v";

/** The name of an endpoint's interface in R: derived, so that it need not be remembered. */
export const portOf = (endpoint: Pick<Endpoint, "id">): string => `${PORT_PREFIX}${endpoint.id.slice(0, 12)}`;

/** Endpoints that have an interface: those of bridge networks. */
export const pluggedOf = (endpoints: readonly Endpoint[]): Endpoint[] => endpoints.filter(({ ipv4, ipv6 }) => ipv4 !== "" || ipv6 !== "");

/** The endpoint with a family's default route: the highest priority, then the first network by name, as Docker chooses. */
export function gatewayOf(endpoints: readonly Endpoint[], family: 4 | 6 = 4): Endpoint | undefined {
  return endpoints
    .filter((endpoint) => nextHop(endpoint, family) !== "")
    .toSorted((a, b) => b.gatewayPriority - a.gatewayPriority || (a.networkName < b.networkName ? -1 : 1))[0];
}

const nextHop = (endpoint: Endpoint, family: 4 | 6): string => (family === 4 ? endpoint.gateway : endpoint.ipv6Gateway);

/**
 * Next hops of the default routes that `endpoint` has among a container's `endpoints`. Where the host has no way for IPv6, R
 * has none either and says so at once, so that programs try IPv4.
 */
export const gatewaysOf = (endpoint: Endpoint, endpoints: readonly Endpoint[]): string[] =>
  ([4, 6] as const).filter((family) => gatewayOf(endpoints, family) === endpoint).map((family) => nextHop(endpoint, family));

export interface InterfaceOptions {
  readonly name: string;
  readonly bridge: string;
  readonly mtu: number;
  /** Next hops of default routes. */
  readonly gateways: readonly string[];
}

export function interfaceOf(endpoint: Endpoint, { name, bridge, mtu, gateways }: InterfaceOptions): InterfacePlan {
  const addresses = [
    { address: endpoint.ipv4, prefix: endpoint.prefix },
    { address: endpoint.ipv6, prefix: endpoint.ipv6Prefix },
  ].filter(({ address }) => address !== "");
  return { name, port: portOf(endpoint), bridge, mac: endpoint.macAddress, mtu, addresses, gateways };
}

/** Where 127.0.0.11 leads to: the gateway of a network with names, one that carries the default route if possible. */
export function embeddedDns(endpoints: readonly Endpoint[], networkOf: (endpoint: Endpoint) => LiveNetwork | undefined): string | null {
  const named = endpoints.filter((endpoint) => networkOf(endpoint)?.hasNames);
  const best = gatewayOf(named) ?? named[0];
  const gateway = best && networkOf(best)?.gateways.find(({ address }) => !address.includes(":"));
  return gateway?.address ?? null;
}

export interface ResolvRequest {
  readonly host: HostResolv;
  readonly dns: DnsSettings;
  /** The gateway behind 127.0.0.11, or null without names. */
  readonly embedded: string | null;
  /** The default bridge's gateway, for containers on it alone. */
  readonly gateway: string;
}

/** The container's resolv.conf. On the default bridge its own servers stand there themselves, as with Docker. */
export function resolvConfOf({ host, dns, embedded, gateway }: ResolvRequest): string {
  if (embedded !== null) return renderResolv(host, { ...dns, servers: [EMBEDDED_DNS], defaults: ["ndots:0"] });
  return renderResolv(host, { ...dns, servers: dns.servers.length > 0 ? dns.servers : [gateway], defaults: [] });
}

/** A container's host name with its domain. */
export function fullName({ hostname, domainname = "" }: { hostname: string; domainname?: string }): string {
  return hostname !== "" && domainname !== "" ? `${hostname}.${domainname}` : hostname;
}

/** Lines of /etc/hosts: each address with the full host name and its first label. */
export function hostsOf(endpoints: readonly Endpoint[], hostname: string): string[] {
  const short = hostname.split(".")[0] ?? hostname;
  const names = short === hostname ? hostname : `${hostname} ${short}`;
  return endpoints.flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6].filter((address) => address !== "").map((address) => `${address}\t${names}`));
}

/**
 * Lines of /etc/hosts for links on a network without names, as Docker writes them: alias, short id, name. Links to containers
 * that are not there have none.
 */
export function linkHostsOf({ links }: Endpoint, others: readonly Endpoint[]): string[] {
  return Object.entries(links).flatMap(([alias, target]) => {
    const other = others.find(({ containerName, containerId }) => containerName === target || containerId.startsWith(target));
    if (!other) return [];
    const names = [alias, other.containerId.slice(0, 12), other.containerName];
    return [`${other.ipv4}\t${[...new Set(names)].join(" ")}`];
  });
}

/** The endpoint of a container that has another name now. An alias that is like the old name stays. */
export function renamed(endpoint: Endpoint, containerName: string): Endpoint {
  const { aliases, dnsNames } = endpoint;
  const kept = dnsNames.filter((name) => name !== endpoint.containerName || aliases.includes(name));
  return { ...endpoint, containerName, dnsNames: dnsNames.length > 0 ? [...new Set([containerName, ...kept])] : [] };
}

export function netdSandboxOf({ containerId, endpoints, dns }: Pick<Sandbox, "containerId" | "endpoints" | "dns">): NetdSandbox {
  const plugged = pluggedOf(endpoints);
  return {
    id: containerId,
    address: (gatewayOf(plugged) ?? plugged[0])?.ipv4 ?? "",
    servers: dns.servers,
    endpoints: plugged.map(({ networkId, ipv4, ipv6, dnsNames, links }) => ({
      network: networkId,
      addresses: [ipv4, ipv6].filter((address) => address !== ""),
      names: dnsNames.map((name) => name.toLowerCase()),
      links: Object.fromEntries(Object.entries(links).map((pair) => pair.map((name) => name.toLowerCase()) as [string, string])),
    })),
  };
}
