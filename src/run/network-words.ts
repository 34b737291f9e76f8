/** The networks of a container as flags of `run`. Pure. */
import type { ContainerInspect } from "../../engine/api/types/container.ts";
import type { EndpointSettings } from "../../engine/api/types/network.ts";
import { quoteField } from "./mount-words.ts";

/** The network of its mode first; each with the names and addresses that it was given there. */
export function networkFlags({ HostConfig, NetworkSettings, Id, Config }: ContainerInspect): string[] {
  const mode = HostConfig.NetworkMode ?? "default";
  if (/^(none|host|container:.*)$/.test(mode)) return ["--network", mode];
  const first = mode === "default" ? "bridge" : mode;
  // Docker's command does not take the default network together with others: those are joined afterwards.
  const others = Object.entries(NetworkSettings.Networks).filter(([name]) => name !== first && first !== "bridge" && name !== "bridge");
  const fields = fieldsOf(NetworkSettings.Networks[first], Id);
  const plain = first === "bridge" && others.length === 0 && fields.length === 0;
  return [
    ...(plain ? [] : ["--network", networkWord(first, fields)]),
    ...others.flatMap(([name, endpoint]) => ["--network", networkWord(name, fieldsOf(endpoint, Id))]),
    ...(Config.MacAddress ? ["--mac-address", Config.MacAddress] : []),
  ];
}

function networkWord(name: string, fields: readonly string[]): string {
  return fields.length === 0 ? name : [`name=${name}`, ...fields].map(quoteField).join(",");
}

function fieldsOf(endpoint: EndpointSettings | null | undefined, id: string): string[] {
  const { Aliases, IPAMConfig, DriverOpts } = endpoint ?? {};
  return [
    // Its own short id is an alias that nobody gave.
    ...(Aliases ?? []).filter((alias) => alias !== id.slice(0, 12)).map((alias) => `alias=${alias}`),
    ...(IPAMConfig?.IPv4Address ? [`ip=${IPAMConfig.IPv4Address}`] : []),
    ...(IPAMConfig?.IPv6Address ? [`ip6=${IPAMConfig.IPv6Address}`] : []),
    ...(IPAMConfig?.LinkLocalIPs ?? []).map((address) => `link-local-ip=${address}`),
    ...Object.entries(DriverOpts ?? {}).map(([name, value]) => `driver-opt=${name}=${value}`),
  ];
}
