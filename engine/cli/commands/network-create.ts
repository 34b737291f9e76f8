import { command } from "../cli.ts";
import type { IpamPoolConfig } from "../../api/types/network.ts";
import { bool, list, map, strings, text } from "../flags.ts";
import { BlockList, isIPv6 } from "node:net";
import { pairs } from "../run-config/text.ts";

export const networkCreate = command({
  usage: "[OPTIONS] NETWORK",
  arity: [1, 1],
  flags: {
    attachable: bool("Enable manual container attachment"),
    "aux-address": map("Auxiliary IPv4 or IPv6 addresses used by Network driver"),
    "config-from": text("The network from which to copy the configuration"),
    "config-only": bool("Create a configuration only network"),
    driver: text("Driver to manage the Network", { short: "d", initial: "bridge" }),
    gateway: strings("IPv4 or IPv6 Gateway for the master subnet"),
    ingress: bool("Create swarm routing-mesh network"),
    internal: bool("Restrict external access to the network"),
    "ip-range": strings("Allocate container ip from a sub-range"),
    "ipam-driver": text("IP Address Management Driver", { initial: "default" }),
    "ipam-opt": map("Set IPAM driver specific options"),
    ipv4: bool("Enable or disable IPv4 address assignment", { initial: true }),
    ipv6: bool("Enable or disable IPv6 address assignment"),
    label: list("Set metadata on a network"),
    opt: map("Set driver specific options", { short: "o" }),
    scope: text("Control the network's scope"),
    subnet: strings("Subnet in CIDR format that represents a network segment"),
  },
  async run(cli, { args: [Name = ""], flags, given }) {
    const pools = ipamPools({ subnets: flags.subnet, ranges: flags["ip-range"], gateways: flags.gateway, auxiliary: flags["aux-address"] });
    const client = await cli.client();
    const created = await client.networks.create(
      {
        Name,
        Driver: flags.driver,
        Scope: flags.scope,
        Internal: flags.internal,
        Attachable: flags.attachable,
        Ingress: flags.ingress,
        ConfigOnly: flags["config-only"],
        ConfigFrom: flags["config-from"] ? { Network: flags["config-from"] } : null,
        IPAM: { Driver: flags["ipam-driver"], Options: flags["ipam-opt"], Config: pools },
        ...(given.has("ipv4") ? { EnableIPv4: flags.ipv4 } : {}),
        ...(given.has("ipv6") ? { EnableIPv6: flags.ipv6 } : {}),
        Options: flags.opt,
        Labels: pairs(flags.label),
      },
      { signal: cli.signal },
    );
    if (created.Warning) cli.complain(`WARNING: ${created.Warning}`);
    cli.print(created.Id);
  },
});

interface Addresses {
  readonly subnets: readonly string[];
  readonly ranges: readonly string[];
  readonly gateways: readonly string[];
  readonly auxiliary: Readonly<Record<string, string>>;
}

/** One pool a subnet; ranges, gateways and auxiliary addresses go to the subnet that holds them. */
export function ipamPools({ subnets, ranges, gateways, auxiliary }: Addresses): IpamPoolConfig[] {
  if (subnets.length < ranges.length || subnets.length < gateways.length)
    throw new Error("every ip-range or gateway must have a corresponding subnet");
  const pools: IpamPoolConfig[] = subnets.map((Subnet) => ({ Subnet }));
  for (const range of ranges) owner(pools, range, "range").IPRange = range;
  for (const gateway of gateways) owner(pools, gateway, "gateway").Gateway = gateway;
  for (const [name, address] of Object.entries(auxiliary)) {
    const pool = owner(pools, address, "aux-address");
    pool.AuxiliaryAddresses = { ...pool.AuxiliaryAddresses, [name]: address };
  }
  return pools;
}

function owner(pools: IpamPoolConfig[], address: string, what: string): IpamPoolConfig {
  const found = pools.find(({ Subnet = "" }) => subnetHolds(Subnet, address.split("/")[0] ?? ""));
  if (!found) throw new Error(`no matching subnet for ${what} ${address}`);
  return found;
}

function subnetHolds(subnet: string, address: string): boolean {
  const [base = "", bits = ""] = subnet.split("/");
  const family = isIPv6(base) ? "ipv6" : "ipv4";
  if (isIPv6(address) !== (family === "ipv6") || bits === "") return false;
  const list = new BlockList();
  list.addSubnet(base, Number(bits), family);
  return list.check(address, family);
}
