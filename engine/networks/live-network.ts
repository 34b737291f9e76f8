/**
 * A network with what is in use on it: addresses and endpoints.
 */
import { randomBytes } from "node:crypto";
import type { EndpointSettings } from "../api/types/network.ts";
import { EngineError } from "../errors.ts";
import { formatAddress, formatPrefix, overlaps, parseAddress } from "../host/cidr.ts";
import type { Address, Prefix } from "../host/cidr.ts";
import type { LinkAddress } from "../host/netlink.ts";
import { addressNeedsNetwork, addressNeedsSubnet, configurationOnly, endpointExists, invalidEndpoint } from "./errors.ts";
import type { Pool } from "./ipam.ts";
import { claimAddress, pickAddress, poolFrom } from "./ipam.ts";
import type { Endpoint, Network } from "./networks.ts";
import { BRIDGE_PREFIX } from "./rules.ts";
import type { NetworkRecord } from "./store.ts";

export interface EndpointRequest {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  readonly settings: EndpointSettings;
}

/** The name that Docker gives the default bridge network. */
export const DEFAULT_NETWORK = "bridge";
const MAC = /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i;

export class LiveNetwork {
  readonly record: NetworkRecord;
  readonly #pools: readonly Pool[];
  readonly #endpoints = new Map<string, Endpoint>();
  /** Addresses in use, by the pool's place. */
  readonly #used: readonly Set<bigint>[];

  constructor(record: NetworkRecord) {
    this.record = record;
    const configs = record.configOnly ? [] : (record.ipam.Config ?? []);
    this.#pools = configs.map((config) => poolFrom(config, record.chosen));
    this.#used = this.#pools.map(() => new Set<bigint>());
  }

  /** The bridge's interface name in R. */
  get bridge(): string {
    return `${BRIDGE_PREFIX}${this.record.id.slice(0, 12)}`;
  }

  get isDefault(): boolean {
    return this.record.name === DEFAULT_NETWORK;
  }

  /** Containers find each other by name. */
  get hasNames(): boolean {
    return this.record.driver === "bridge" && !this.isDefault;
  }

  get subnets(): string[] {
    return this.#pools.map(({ subnet }) => formatPrefix(subnet));
  }

  /** The bridge's own addresses. */
  get gateways(): LinkAddress[] {
    return this.#pools.map(({ gateway, subnet }) => ({ address: formatAddress(gateway), prefix: subnet.length }));
  }

  get endpoints(): readonly Endpoint[] {
    return [...this.#endpoints.values()];
  }

  view(): Network {
    const { chosen: _, ...record } = this.record;
    return { ...record, endpoints: Object.fromEntries(this.#endpoints) };
  }

  /**
   * Gives a container its place and addresses.
   * @throws {EngineError} forbidden when it has one already or its address is taken, invalid for settings that cannot be
   */
  allocate(request: EndpointRequest): Endpoint {
    const { containerId, containerName, settings } = request;
    if (this.record.configOnly) throw configurationOnly();
    if (this.#endpoints.has(containerId)) throw endpointExists(containerName, this.record.name);
    const wanted = { 4: settings.IPAMConfig?.IPv4Address || undefined, 6: settings.IPAMConfig?.IPv6Address || undefined };
    if ((wanted[4] ?? wanted[6]) !== undefined) this.#mayChoose();
    const v4 = this.#address(4, wanted[4]);
    const v6 = this.#address(6, wanted[6]);
    const endpoint = this.#endpoint(request, v4, v6);
    this.adopt(endpoint);
    return endpoint;
  }

  /** Takes in an endpoint that a container had when the engine ended. */
  adopt(endpoint: Endpoint): void {
    this.#endpoints.set(endpoint.containerId, endpoint);
    for (const text of [endpoint.ipv4, endpoint.ipv6]) this.#mark(text, (used, value) => used.add(value));
  }

  release(containerId: string): void {
    const endpoint = this.#endpoints.get(containerId);
    if (!endpoint) return;
    this.#endpoints.delete(containerId);
    for (const text of [endpoint.ipv4, endpoint.ipv6]) this.#mark(text, (used, value) => used.delete(value));
  }

  #mayChoose(): void {
    if (this.record.driver !== "bridge" || this.isDefault) throw addressNeedsNetwork();
    if (!this.record.chosen) throw addressNeedsSubnet();
  }

  #mark(text: string, change: (used: Set<bigint>, value: bigint) => void): void {
    const address = parseAddress(text);
    if (!address) return;
    this.#pools.forEach(({ subnet }, index) => {
      if (subnet.family === address.family) change(this.#used[index]!, address.value);
    });
  }

  /** The wanted address, or the lowest free one of the first pool of the family that has one. */
  #address(family: 4 | 6, wanted: string | undefined): { address: Address; pool: Pool } | undefined {
    const pools = this.#pools
      .map((pool, index) => ({ pool, used: this.#used[index]! }))
      .filter(({ pool }) => pool.subnet.family === family);
    if (wanted !== undefined) return this.#claim(pools, wanted, family);
    let failure: unknown;
    for (const { pool, used } of pools) {
      try {
        return { address: pickAddress(pool, used), pool };
      } catch (error) {
        failure = error;
      }
    }
    if (failure)
      throw new EngineError(
        "invalid",
        `no available IPv${family} addresses on this network's address pools: ${this.record.name} (${this.record.id})`,
      );
    return undefined;
  }

  #claim(pools: readonly { pool: Pool; used: ReadonlySet<bigint> }[], wanted: string, family: 4 | 6): { address: Address; pool: Pool } {
    const address = parseAddress(wanted);
    if (address?.family !== family) throw invalidEndpoint(`invalid IPv${family} address: ${wanted}`);
    const own: Prefix = { ...address, length: family === 4 ? 32 : 128 };
    if (pools.length === 0) throw addressNeedsSubnet();
    let failure: unknown = invalidEndpoint(`no configured subnet or ip-range contain the IP address ${wanted}`);
    for (const { pool, used } of pools.filter((candidate) => overlaps(candidate.pool.subnet, own))) {
      try {
        return { address: claimAddress(pool, address, used), pool };
      } catch (error) {
        failure = error;
        if (error instanceof EngineError && error.kind === "forbidden") break;
      }
    }
    throw failure;
  }

  #endpoint(
    { containerId, containerName, hostname, settings }: EndpointRequest,
    v4: { address: Address; pool: Pool } | undefined,
    v6: { address: Address; pool: Pool } | undefined,
  ): Endpoint {
    const aliases = settings.Aliases ?? [];
    const names = [containerName, ...aliases, containerId.slice(0, 12), hostname].filter((name) => name !== "");
    const hasGateway = !this.record.internal;
    return {
      id: randomBytes(32).toString("hex"),
      networkId: this.record.id,
      networkName: this.record.name,
      containerId,
      containerName,
      macAddress: macOf(settings.MacAddress, v4?.address),
      ipv4: v4 ? formatAddress(v4.address) : "",
      prefix: v4?.pool.subnet.length ?? 0,
      gateway: v4 && hasGateway ? formatAddress(v4.pool.gateway) : "",
      ipv6: v6 ? formatAddress(v6.address) : "",
      ipv6Prefix: v6?.pool.subnet.length ?? 0,
      ipv6Gateway: v6 && hasGateway ? formatAddress(v6.pool.gateway) : "",
      dnsNames: this.hasNames ? [...new Set(names)] : [],
      aliases,
      links: Object.fromEntries((settings.Links ?? []).map(linkOf)),
      gatewayPriority: settings.GwPriority ?? 0,
    };
  }
}

/** `web:w` means web, called w; `web` alone is called web. */
function linkOf(text: string): [alias: string, containerName: string] {
  const [name = "", alias = name] = text.split(":");
  return [alias.replace(/^.*\//, ""), name.replace(/^\//, "")];
}

/** Made from the address unless given, so that an address that is used again means the same machine to its neighbors' caches. */
function macOf(wanted: string | undefined, v4: Address | undefined): string {
  if (wanted) {
    if (!MAC.test(wanted)) throw new EngineError("invalid", `invalid MAC address: address ${wanted}: invalid MAC address`);
    return wanted.toLowerCase();
  }
  if (!v4) return "";
  const hex = v4.value.toString(16).padStart(8, "0");
  return `02:42:${hex.match(/../g)!.join(":")}`;
}
