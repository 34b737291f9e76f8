/**
 * `--network` and the flags of a container's first network.
 */
import type { EndpointSettings } from "../../api/types/network.ts";
import { csvFields, cut } from "./text.ts";

/** One `--network`, either a name or `name=n,alias=a,ip=…`. */
export interface NetworkAttachment {
  target: string;
  aliases: string[];
  links: string[];
  driverOpts: Record<string, string>;
  ip: string;
  ip6: string;
  linkLocalIps: string[];
  mac: string;
  gwPriority: number;
}

function attachment(target: string): NetworkAttachment {
  return { target, aliases: [], links: [], driverOpts: {}, ip: "", ip6: "", linkLocalIps: [], mac: "", gwPriority: 0 };
}

/** @throws {Error} in docker's words */
export function readNetwork(text: string): NetworkAttachment {
  if (!text.includes("=")) return attachment(text);
  const network = attachment("");
  for (const field of csvFields(text)) {
    const [key, value] = cut(field);
    if (!field.includes("=")) throw new Error("invalid field specification, expected key=value");
    setField(network, key.trim().toLowerCase(), value.trim());
  }
  if (network.target === "") throw new Error("network name/id is not specified");
  return network;
}

function setField(network: NetworkAttachment, key: string, value: string): void {
  if (key === "name") network.target = value;
  else if (key === "alias") network.aliases.push(value);
  else if (key === "ip") network.ip = value;
  else if (key === "ip6") network.ip6 = value;
  else if (key === "mac-address") network.mac = value;
  else if (key === "link-local-ip") network.linkLocalIps.push(value);
  else if (key === "gw-priority") network.gwPriority = Number(value);
  else if (key === "driver-opt") {
    if (!value.includes("=")) throw new Error("invalid key value pair format in driver options");
    const [option, text] = cut(value);
    network.driverOpts[option.toLowerCase()] = text.toLowerCase();
  } else throw new Error(`invalid field key ${key}`);
}

/** Flags that belong to the first network. */
export interface FirstNetworkFlags {
  readonly "network-alias": readonly string[];
  readonly link: readonly string[];
  readonly "link-local-ip": readonly string[];
  readonly ip: string;
  readonly ip6: string;
  readonly "mac-address": string;
}

/** A network that a user made, not one of the built-in modes. */
export function isUserDefined(mode: string): boolean {
  return !["default", "bridge", "host", "none"].includes(mode) && !mode.startsWith("container:");
}

export interface Networking {
  readonly mode: string;
  readonly endpoints: Record<string, EndpointSettings>;
}

/** The container's network mode and what it wants on each network. @throws {Error} in docker's words */
export function readNetworking(texts: readonly string[], flags: FirstNetworkFlags): Networking {
  if (texts.includes("")) throw new Error("no name set for network");
  const networks = texts.length > 0 ? texts.map(readNetwork) : [attachment("default")];
  const kinds = new Set(networks.map(({ target }) => isUserDefined(target)));
  if (kinds.size > 1) throw new Error("conflicting options: cannot attach both user-defined and non-user-defined network-modes");
  applyFlags(networks[0]!, flags);
  if (networks.some(({ target, aliases }) => aliases.length > 0 && !isUserDefined(target)))
    throw new Error("network-scoped aliases are only supported for user-defined networks");
  const endpoints: Record<string, EndpointSettings> = {};
  for (const network of networks) {
    if (Object.hasOwn(endpoints, network.target)) throw new Error(`network ${JSON.stringify(network.target)} is specified multiple times`);
    // The engine makes the endpoint of an only network by itself: nothing is sent when nothing is asked of it.
    if (texts.length !== 1 || !isPlain(network)) endpoints[network.target] = endpointOf(network);
  }
  return { mode: networks[0]!.target, endpoints };
}

function applyFlags(network: NetworkAttachment, flags: FirstNetworkFlags): void {
  const conflict = (both: boolean, what: string): void => {
    if (both) throw new Error(`conflicting options: cannot specify both ${what}`);
  };
  conflict(network.aliases.length > 0 && flags["network-alias"].length > 0, "--network-alias and per-network alias");
  conflict(network.ip !== "" && flags.ip !== "", "--ip and per-network IPv4 address");
  conflict(network.ip6 !== "" && flags.ip6 !== "", "--ip6 and per-network IPv6 address");
  conflict(network.mac !== "" && flags["mac-address"] !== "", "--mac-address and per-network MAC address");
  conflict(network.linkLocalIps.length > 0 && flags["link-local-ip"].length > 0, "--link-local-ip and per-network link-local IP addresses");
  network.aliases.push(...flags["network-alias"]);
  if (isUserDefined(network.target)) network.links.push(...flags.link);
  network.ip ||= flags.ip;
  network.ip6 ||= flags.ip6;
  network.mac ||= flags["mac-address"];
  network.linkLocalIps.push(...flags["link-local-ip"]);
}

function isPlain(network: NetworkAttachment): boolean {
  const { aliases, links, driverOpts, ip, ip6, linkLocalIps, mac, gwPriority } = network;
  return (
    aliases.length + links.length + linkLocalIps.length + Object.keys(driverOpts).length === 0 && !ip && !ip6 && !mac && gwPriority === 0
  );
}

function endpointOf(network: NetworkAttachment): EndpointSettings {
  const { aliases, links, driverOpts, ip, ip6, linkLocalIps, mac, gwPriority } = network;
  const hasAddress = ip !== "" || ip6 !== "" || linkLocalIps.length > 0;
  return {
    IPAMConfig: hasAddress
      ? {
          ...(ip ? { IPv4Address: ip } : {}),
          ...(ip6 ? { IPv6Address: ip6 } : {}),
          ...(linkLocalIps.length > 0 ? { LinkLocalIPs: linkLocalIps } : {}),
        }
      : null,
    Links: links.length > 0 ? links : null,
    Aliases: aliases.length > 0 ? aliases : null,
    MacAddress: mac,
    DriverOpts: Object.keys(driverOpts).length > 0 ? driverOpts : null,
    GwPriority: gwPriority,
  };
}
