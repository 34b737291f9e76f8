/**
 * Which subnets and addresses are given out. Pure: the caller says what is taken. Words and errors are Docker's (libnetwork ipam).
 */
import type { Ipam, IpamPoolConfig } from "../api/types/network.ts";
import { EngineError } from "../errors.ts";
import type { Address, Prefix } from "../host/cidr.ts";
import { contains, formatAddress, formatPrefix, masked, overlaps, parseAddress, parsePrefix, sizeOf } from "../host/cidr.ts";

/** A subnet in use by a network, with everything settled. */
export interface Pool {
  readonly subnet: Prefix;
  /** Where addresses are taken from unless one is asked for. */
  readonly range: Prefix;
  readonly gateway: Address;
  readonly auxiliary: Readonly<Record<string, Address>>;
  /** The person named the subnet, so containers may ask for addresses of their own. */
  readonly chosen: boolean;
}

/** Docker's default address pools. */
const predefined: readonly Prefix[] = [
  ...Array.from({ length: 15 }, (_, index) => `172.${17 + index}.0.0/16`),
  ...Array.from({ length: 16 }, (_, index) => `192.168.${index * 16}.0/20`),
].map((text) => parsePrefix(text)!);

export const poolOverlaps = (): EngineError =>
  new EngineError("forbidden", "invalid pool request: Pool overlaps with other one on this address space");
export const invalidConfiguration = (problems: readonly string[]): EngineError =>
  new EngineError("invalid", `invalid network config:\n${problems.join("\n")}`);
export const noMorePools = (): EngineError => new EngineError("invalid", "all predefined address pools have been fully subnetted");
export const addressInUse = (): EngineError => new EngineError("forbidden", "Address already in use");
export const addressOutOfRange = (): EngineError => new EngineError("invalid", "requested address is out of range");

/**
 * The problems of a request, in Docker's words, none when it is fine.
 * @see https://github.com/moby/moby/blob/v28.2.2/api/types/network/ipam.go
 */
export function problemsOf(ipam: Ipam | undefined, withIpv6: boolean): string[] {
  return (ipam?.Config ?? []).flatMap((config) => {
    const subnet = parsePrefix(config.Subnet ?? "");
    if (!subnet) return [`invalid subnet ${config.Subnet ?? ""}: invalid CIDR block notation`];
    if (subnet.family === 6 && !withIpv6) return [];
    return [...subnetProblems(subnet), ...rangeProblems(config, subnet), ...addressProblems(config, subnet)];
  });
}

function subnetProblems(subnet: Prefix): string[] {
  if (masked(subnet).value === subnet.value) return [];
  return [`invalid subnet ${formatPrefix(subnet)}: it should be ${formatPrefix(masked(subnet))}`];
}

function rangeProblems({ IPRange: text }: IpamPoolConfig, subnet: Prefix): string[] {
  if (!text) return [];
  const range = parsePrefix(text);
  if (!range) return [`invalid ip-range ${text}: invalid CIDR block notation`];
  if (range.family !== subnet.family) return [`invalid ip-range ${text}: parent subnet is an IPv${subnet.family} block`];
  const problems: string[] = [];
  if (range.length < subnet.length)
    problems.push(`invalid ip-range ${text}: CIDR block is bigger than its parent subnet ${formatPrefix(subnet)}`);
  if (masked(range).value !== range.value) problems.push(`invalid ip-range ${text}: it should be ${formatPrefix(masked(range))}`);
  if (!overlaps(range, subnet)) problems.push(`invalid ip-range ${text}: parent subnet ${formatPrefix(subnet)} doesn't contain ip-range`);
  return problems;
}

function addressProblems({ Gateway: gateway, AuxiliaryAddresses: auxiliary }: IpamPoolConfig, subnet: Prefix): string[] {
  const problems: string[] = [];
  const gatewayProblem = gateway ? addressProblem(gateway, subnet) : undefined;
  if (gatewayProblem) problems.push(`invalid gateway ${gateway}: ${gatewayProblem}`);
  for (const [name, text] of Object.entries(auxiliary ?? {})) {
    const problem = addressProblem(text, subnet);
    if (problem) problems.push(`invalid auxiliary address ${name}: ${problem}`);
  }
  return problems;
}

function addressProblem(text: string, subnet: Prefix): string | undefined {
  const address = parseAddress(text);
  if (!address) return "invalid address";
  if (address.family !== subnet.family) return `parent subnet is an IPv${subnet.family} block`;
  return contains(subnet, address) ? undefined : `parent subnet ${formatPrefix(subnet)} doesn't contain this address`;
}

/** What a new network must stay clear of. */
export interface Taken {
  /** Subnets of this engine's networks: clear of these always. */
  readonly networks: readonly Prefix[];
  /** Routes and addresses of the host: pools that we pick keep clear of these, chosen ones need not. */
  readonly host: readonly Prefix[];
}

/**
 * The pools of a new network: those of its configuration, and picked ones for the families that it lacks.
 * `key` makes the picked IPv6 subnet: a stable hash of the engine and the network, 40 bits in hex and more.
 * @throws {EngineError} invalid, forbidden
 */
export function poolsFor(ipam: Ipam | undefined, options: { taken: Taken; ipv6: boolean; key: string }): Pool[] {
  const problems = problemsOf(ipam, options.ipv6);
  if (problems.length > 0) throw invalidConfiguration(problems);
  const used = [...options.taken.networks];
  const pools: Pool[] = [];
  for (const config of ipam?.Config ?? []) {
    const subnet = parsePrefix(config.Subnet!)!;
    if (subnet.family === 6 && !options.ipv6) continue;
    if (used.some((other) => overlaps(other, subnet))) throw poolOverlaps();
    used.push(subnet);
    pools.push(poolOf(config, subnet));
  }
  if (!pools.some(({ subnet }) => subnet.family === 4)) pools.unshift(poolOf({}, pickSubnet([...used, ...options.taken.host])));
  if (options.ipv6 && !pools.some(({ subnet }) => subnet.family === 6)) pools.push(poolOf({}, uniqueLocal(options.key)));
  return pools;
}

/** @throws {EngineError} invalid when every predefined subnet is taken */
function pickSubnet(taken: readonly Prefix[]): Prefix {
  const free = predefined.find((pool) => !taken.some((other) => overlaps(pool, other)));
  if (!free) throw noMorePools();
  return free;
}

/** RFC 4193: `fd`, 40 bits from the key, subnet 0. */
function uniqueLocal(key: string): Prefix {
  return { family: 6, value: BigInt(`0xfd${key.slice(0, 10)}`) << 80n, length: 64 };
}

function poolOf(config: IpamPoolConfig, subnet: Prefix): Pool {
  const auxiliary = Object.fromEntries(Object.entries(config.AuxiliaryAddresses ?? {}).map(([name, text]) => [name, parseAddress(text)!]));
  const range = config.IPRange ? parsePrefix(config.IPRange)! : subnet;
  const gateway = config.Gateway
    ? parseAddress(config.Gateway)!
    : { family: subnet.family, value: masked(range).value + (masked(range).value === masked(subnet).value ? 1n : 0n) };
  return { subnet, range, gateway, auxiliary, chosen: config.Subnet !== undefined };
}

/** The pool as `docker network inspect` shows it. */
export function configOf({ subnet, range, gateway, auxiliary }: Pool): IpamPoolConfig {
  const names = Object.entries(auxiliary);
  return {
    Subnet: formatPrefix(subnet),
    ...(range.length === subnet.length ? {} : { IPRange: formatPrefix(range) }),
    Gateway: formatAddress(gateway),
    ...(names.length > 0 ? { AuxiliaryAddresses: Object.fromEntries(names.map(([name, address]) => [name, formatAddress(address)])) } : {}),
  };
}

/** The pool of a network that was made before: the reverse of configOf(). */
export function poolFrom(config: IpamPoolConfig, chosen: boolean): Pool {
  return { ...poolOf(config, parsePrefix(config.Subnet!)!), chosen };
}

/**
 * The lowest free address of the pool's range.
 * @throws {EngineError} invalid when there is none
 */
export function pickAddress(pool: Pool, used: ReadonlySet<bigint>): Address {
  const reserved = reservedIn(pool);
  const last = masked(pool.range).value + sizeOf(pool.range);
  for (let value = masked(pool.range).value; value < last; value++) {
    if (!used.has(value) && !reserved.has(value)) return { family: pool.subnet.family, value };
  }
  throw new EngineError("invalid", "no available addresses on this pool");
}

/**
 * Checks an address that a container asks for.
 * @throws {EngineError} invalid outside of the subnet, forbidden when it is taken
 */
export function claimAddress(pool: Pool, address: Address, used: ReadonlySet<bigint>): Address {
  if (!contains(pool.subnet, address)) throw addressOutOfRange();
  if (used.has(address.value) || reservedIn(pool).has(address.value)) throw addressInUse();
  return address;
}

/** The gateway, auxiliary addresses, the network's own address and, in IPv4, its broadcast address. */
function reservedIn({ subnet, gateway, auxiliary }: Pool): Set<bigint> {
  const first = masked(subnet).value;
  const reserved = new Set([gateway.value, ...Object.values(auxiliary).map(({ value }) => value)]);
  if (sizeOf(subnet) > 2n) reserved.add(first);
  if (subnet.family === 4 && sizeOf(subnet) > 2n) reserved.add(first + sizeOf(subnet) - 1n);
  return reserved;
}
