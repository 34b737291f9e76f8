/**
 * The root uplink: R is a small router behind the host, on a /30 of its own. On the host there is one interface, one
 * nftables table, and, where forwarded traffic is dropped by default, two accepting rules of iptables.
 */
import { createHash } from "node:crypto";
import { existsSync, writeFileSync } from "node:fs";
import type { Prefix } from "./cidr.ts";
import { formatAddress, overlaps, parsePrefix } from "./cidr.ts";
import { firewallInTheWay } from "./foreign-firewall.ts";
import { forwardingFile, switchForwardingOff, switchForwardingOn, switchedForwarding } from "./forwarding.ts";
import type { Family } from "./forwarding.ts";
import { HostNetwork } from "./host-network.ts";
import { log } from "./log.ts";
import type { NftRule, NftTable } from "./nft.ts";
import { run } from "./process.ts";
import { findProgram } from "./programs.ts";
import { UPLINK_DEVICE } from "./uplink-kinds.ts";
import type { HostPort, Uplink, UplinkOptions } from "./uplink-kinds.ts";

/** Link-local addresses are never anybody's route; those of the upper half are left to others (cloud metadata). */
const NEIGHBORHOOD = parsePrefix("169.254.64.0/18")!;

export async function openVeth({ name, plumbing, hostRules, run: directory }: UplinkOptions): Promise<Uplink> {
  const { taken } = await plumbing.hostNetwork({ ours: [name] });
  const subnet = freeSubnet(
    name,
    taken.flatMap((text) => parsePrefix(text) ?? []),
  );
  const [host, inside] = [1n, 2n].map((number) => formatAddress({ family: 4, value: subnet.value + number })) as [string, string];
  await plumbing.removeVethUplink({ device: name, table: hostTable(name, [inside]) });
  await plumbing.vethUplink({ host: { name, address: host, prefix: 30 }, inside: { name: UPLINK_DEVICE, address: inside, prefix: 30 } });
  await hostRules(hostTable(name, [inside]));
  letLoopbackOut(name);
  switchForwardingOn(directory, "ipv4");
  await letPass(name, "-I");
  return {
    kind: "veth",
    mtu: 1500,
    process: null,
    veth: { host, inside, device: name, switchedForwarding: switchedForwarding(directory) },
    ipv6: null,
    problem: await problemOf(name),
  };
}

/** What keeps containers from the world though all of ours is in place; empty for nothing. */
export async function problemOf(name: string): Promise<string> {
  const nft = findProgram("nft");
  const firewall = nft && firewallInTheWay((await run([nft, "list", "chains"])).stdout, name);
  if (!firewall) return "";
  const { stdout: rules } = await run([nft, "list", "table", ...firewall.table.split(" ")]);
  return !rules.includes(`"${name}"`)
    ? `The firewall in the nftables table ${JSON.stringify(firewall.table)} may keep containers from reaching the world. To let them: ${firewall.fix}`
    : "";
}

/** After a restart of the engine: what somebody may have flushed is put back. */
export async function adoptVeth({ device, inside }: NonNullable<Uplink["veth"]>, hostRules: UplinkOptions["hostRules"]): Promise<void> {
  await hostRules(hostTable(device, [inside]));
  letLoopbackOut(device);
  await letPass(device, "-I");
}

/** @param switched what is known where the directory may be gone */
export async function closeVeth({ name, run: directory }: Pick<UplinkOptions, "name" | "run">, switched: readonly Family[]): Promise<void> {
  await letPass(name, "-D");
  // netd may be gone.
  const host = new HostNetwork();
  host.removeVethUplink({ device: name, table: hostTable(name, []) });
  const families = [...switched, ...switchedForwarding(directory)];
  if (families.length === 0) return;
  if (existsSync(directory)) writeFileSync(forwardingFile(directory), "");
  switchForwardingOff(families, host.hostNetwork({ ours: [] }).links);
}

/** A /30 that the host does not use; each engine begins to look at a place of its own. */
export function freeSubnet(name: string, taken: readonly Prefix[]): Prefix {
  const places = 1 << (30 - NEIGHBORHOOD.length);
  const first = createHash("sha256").update(name).digest().readUInt32BE() % places;
  for (let turn = 0; turn < places; turn++) {
    const value = NEIGHBORHOOD.value + BigInt(((first + turn) % places) * 4);
    const subnet: Prefix = { family: 4, value, length: 30 };
    if (!taken.some((other) => overlaps(other, subnet))) return subnet;
  }
  throw new Error(`every subnet of ${formatAddress(NEIGHBORHOOD)}/${NEIGHBORHOOD.length} is in use`);
}

/**
 * What leaves R carries R's address; on its way to the world it gets the host's. Another engine's R is not the world: with
 * the host's address its containers would take us for the host.
 */
function hostTable(name: string, inside: readonly string[], ports: readonly HostPort[] = []): NftTable {
  const nat = { type: "nat", hook: "postrouting", priority: 100, policy: "accept" } as const;
  const raw = { type: "filter", hook: "prerouting", priority: -300, policy: "accept" } as const;
  const incoming = { type: "nat", hook: "prerouting", priority: -100, policy: "accept" } as const;
  const output = { type: "nat", hook: "output", priority: -100, policy: "accept" } as const;
  const filter = { type: "filter", hook: "forward", priority: 0, policy: "accept" } as const;
  return {
    family: "inet",
    name: hostTableName(name),
    chains: [
      { name: "b_prerouting", ...raw, rules: [{ iif: name, to: "127.0.0.0/8", verdict: "drop" }] },
      { name: "b_incoming", ...incoming, rules: ports.map((port) => ({ iif: name, ...redirect(port) })) },
      { name: "b_output", ...output, rules: ports.map(redirect) },
      {
        name: "b_postrouting",
        ...nat,
        rules: [
          ...inside.map((from): NftRule => ({ from, notOif: name, verdict: "masquerade" })),
          { oif: name, redirected: true, verdict: "masquerade" },
        ],
      },
      {
        name: "b_forward",
        ...filter,
        rules: [
          { iif: name, oif: name, redirected: true, verdict: "accept" },
          { iif: name, oif: "berth*", verdict: "reject" },
        ],
      },
    ],
  };
}

function redirect({ hostIp, hostPort, address, containerPort }: HostPort): NftRule {
  const where: NftRule["verdict"] = { dnat: address, port: containerPort };
  const to = hostIp === "0.0.0.0" ? ({ toLocal: true } as const) : { to: hostIp };
  return { ...to, protocol: "tcp", port: hostPort, verdict: where };
}

/**
 * Connections of the host and of containers to published ports go straight to the containers, in the kernel, past what the
 * host's firewall thinks of incoming ones. netd has every port as well: for others' connections, which the host's firewall shall see arrive at a program, and for ours when these rules are gone.
 */
export function hostTableOf({ veth, ipv6 }: Pick<Uplink, "veth" | "ipv6">, ports: readonly HostPort[]): NftTable | undefined {
  return veth ? hostTable(veth.device, [veth.inside, ...(ipv6 ? [ipv6.inside] : [])], ports) : undefined;
}

/** For 127.0.0.1:PORT. What comes in to a loopback address from there is dropped by a rule, as it was by this switch. */
function letLoopbackOut(device: string): void {
  try {
    writeFileSync(`/proc/sys/net/ipv4/conf/${device}/route_localnet`, "1");
  } catch (error) {
    log("warn", error);
  }
}

/** The nftables table of the engine with this short name. */
export function hostTableName(name: string): string {
  return name.replaceAll("-", "_");
}

/**
 * Where the host drops what it does not know on its way through (Docker, ufw), our two accepting rules stand first: in
 * Docker's chain for others' rules if there is one, else in FORWARD itself.
 */
export async function letPass(name: string, action: "-I" | "-D"): Promise<void> {
  for (const program of ["iptables", "ip6tables"]) {
    const found = findProgram(program);
    if (found) await letPassWith(found, { name, action });
  }
}

async function letPassWith(iptables: string, { name, action }: { name: string; action: "-I" | "-D" }): Promise<void> {
  const forward = await run([iptables, "-w", "-S", "FORWARD"]);
  const hasDocker = (await run([iptables, "-w", "-n", "-L", "DOCKER-USER"])).exitCode === 0;
  const wanted = hasDocker ? "DOCKER-USER" : forward.stdout.includes("-P FORWARD DROP") ? "FORWARD" : "";
  for (const chain of action === "-D" ? ["DOCKER-USER", "FORWARD"] : [wanted].filter(Boolean)) {
    for (const direction of ["-i", "-o"]) {
      const rule = [chain, direction, name, "-j", "ACCEPT"];
      const there = (await run([iptables, "-w", "-C", ...rule])).exitCode === 0;
      if (there !== (action === "-I")) await run([iptables, "-w", action, ...rule]);
    }
  }
}
