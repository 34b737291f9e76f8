/**
 * What netd can do to the private network namespace R, in which it lives; sockets that it opened before it moved there stay in
 * the host's. A container's namespace is visited for a moment, always to come back to R.
 * All calls are synchronous: one thread, so one change at a time. Each may be asked again when netd was killed meanwhile.
 */
import { existsSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { HostNetwork, absorbing } from "./host-network.ts";
import { bindMount, unmount } from "./mount.ts";
import { enterNamespace, enterNamespacePath, unshare } from "./namespace.ts";
import { NETLINK_NETFILTER, NETLINK_ROUTE, NetlinkSocket } from "./netlink-socket.ts";
import type { Link, LinkAddress, NetlinkMessage } from "./netlink.ts";
import {
  addAddress,
  addBridge,
  addRoute,
  addVeth,
  deleteGroup,
  deleteLink,
  getLink,
  getLinks,
  getRoutes,
  readLink,
  readRoute,
  retirePort,
  setUp,
} from "./netlink.ts";
import type { NftTable } from "./nft.ts";
import { addTable, removeTable, replaceTable } from "./nft.ts";
import { UPLINK_DEVICE } from "./uplink-kinds.ts";
import type { Ipv6Ends } from "./uplink-kinds.ts";

/** One interface of a container and the bridge that it is plugged into. */
export interface InterfacePlan {
  /** Inside: `eth0`. */
  readonly name: string;
  /** The other end's name in R, at most 15 characters. */
  readonly port: string;
  readonly bridge: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
  /** Default routes' next hops, IPv4 and IPv6. */
  readonly gateways: readonly string[];
}

/** A gateway on which netd answers; 127.0.0.11 leads there. Null when resolv.conf names no 127.0.0.11. */
export type DnsGateway = string | null;

export interface SandboxPlan {
  /** The file under which the namespace is kept. */
  readonly path: string;
  readonly interfaces: readonly InterfacePlan[];
  readonly dns: DnsGateway;
}

export interface BridgePlan {
  readonly name: string;
  readonly mac: string;
  readonly mtu: number;
  readonly addresses: readonly LinkAddress[];
}

/** The way out in root mode: a pair of interfaces between the host's namespace and R. */
export interface VethUplinkPlan {
  readonly host: { readonly name: string } & LinkAddress;
  readonly inside: { readonly name: string } & LinkAddress;
}

/** Interfaces waiting to be deleted carry this group's number. */
const RETIRED = 0x62657274;
const EMBEDDED_DNS = "127.0.0.11";

export class Netns extends HostNetwork {
  readonly #home: number;
  readonly #route: NetlinkSocket;
  readonly #filter: NetlinkSocket;

  /** Moves the calling thread from the host's namespace into R, for good. */
  constructor(path: string) {
    super();
    this.#home = openSync(path, "r");
    enterNamespace(this.#home, "net");
    this.#route = new NetlinkSocket(NETLINK_ROUTE);
    this.#filter = new NetlinkSocket(NETLINK_NETFILTER);
    this.#route.run(setUp("lo"));
    sysctl("net/ipv4/ip_forward", "1");
    tryable(() => sysctl("net/ipv6/conf/all/forwarding", "1"));
    // Ports of bridges need no addresses of their own.
    tryable(() => sysctl("net/ipv6/conf/default/disable_ipv6", "1"));
  }

  links(): Link[] {
    return this.#route.query(getLinks()).map(readLink);
  }

  /** Whether R has a default route for IPv4 through that interface, which whoever makes one does last. */
  leadsOut({ name }: { name: string }): boolean {
    const index = this.links().find((link) => link.name === name)?.index;
    const routes = this.#route.query(getRoutes()).flatMap((reply) => readRoute(reply) ?? []);
    return routes.some((route) => route.to === "0.0.0.0/0" && route.index === index);
  }

  /** Makes the bridge, or adopts the one of that name. */
  bridge(plan: BridgePlan): void {
    absorbing(["EEXIST"], () => this.#route.run(addBridge(plan)));
    const { index } = this.#find(plan.name);
    if (plan.addresses.some(isIpv6)) sysctl(`net/ipv6/conf/${plan.name}/disable_ipv6`, "0");
    this.#route.run(setUp(plan.name), ...plan.addresses.map((address) => addAddress(index, address)));
  }

  /** Deletes an interface of R; one that is gone is fine. */
  removeLink(name: string): void {
    absorbing(["ENODEV"], () => this.#route.run(deleteLink(name)));
  }

  /** Makes a container's namespace with its interfaces. On failure nothing is left. */
  createSandbox(plan: SandboxPlan): void {
    if (existsSync(plan.path)) this.removeSandbox({ path: plan.path, ports: plan.interfaces.map(({ port }) => port) });
    mkdirSync(dirname(plan.path), { recursive: true, mode: 0o700 });
    writeFileSync(plan.path, "", { mode: 0o600 });
    try {
      this.#away(
        () => unshare("net"),
        (socket) => {
          bindMount("/proc/thread-self/ns/net", plan.path);
          socket.run(setUp("lo"));
          for (const [name, value] of sandboxSysctls) tryable(() => sysctl(name, value));
          this.#plug(socket, plan.interfaces);
          if (plan.dns !== null) setDns(plan.dns, addTable);
        },
      );
      this.#join(plan.interfaces);
    } catch (error) {
      this.removeSandbox({ path: plan.path, ports: plan.interfaces.map(({ port }) => port) });
      throw error;
    }
  }

  /** Undoes createSandbox(); what is gone already is fine. The interfaces are cut off now and deleted by sweep(). */
  removeSandbox({ path, ports }: { path: string; ports: readonly string[] }): void {
    for (const port of ports) absorbing(["ENODEV"], () => this.#retire(this.#find(port)));
    absorbing(["EINVAL", "ENOENT"], () => unmount(path, { lazy: true }));
    rmSync(path, { force: true });
  }

  /** Plugs one more interface into a living sandbox, under the first free name. On failure it is unplugged again. */
  connect({ path, plug, dns }: { path: string; plug: Omit<InterfacePlan, "name">; dns: DnsGateway }): void {
    this.removeLink(plug.port);
    try {
      this.#away(
        () => enterNamespacePath(path, "net"),
        (socket) => {
          this.#plug(socket, [{ ...plug, name: freeName(socket) }]);
          setDns(dns, replaceTable);
        },
      );
      this.#join([plug]);
    } catch (error) {
      this.removeLink(plug.port);
      throw error;
    }
  }

  /** Unplugs an interface of a living sandbox. */
  disconnect({ path, port, dns }: { path: string; port: string; dns: DnsGateway }): void {
    this.removeLink(port);
    this.#away(
      () => enterNamespacePath(path, "net"),
      () => setDns(dns, replaceTable),
    );
  }

  /** Gives the default routes of a living sandbox to the interface with this MAC. */
  reroute({ path, mac, gateways }: { path: string; mac: string; gateways: readonly string[] }): void {
    this.#away(
      () => enterNamespacePath(path, "net"),
      (socket) => {
        const link = socket
          .query(getLinks())
          .map(readLink)
          .find((other) => other.mac === mac);
        if (link) socket.run(...defaultRoutes(link.index, gateways));
      },
    );
  }

  /** Deletes interfaces that removeSandbox() cut off and that the kernel has not yet. Waits for the kernel once. */
  sweep(): void {
    absorbing(["ENODEV"], () => this.#route.run(deleteGroup(RETIRED)));
  }

  /** Puts R's one firewall table in place of the one before. */
  rules(table: NftTable): void {
    this.#filter.runBatch(replaceTable(table));
  }

  /** Gives the way out its IPv6 addresses, and R its default route. @param device the host's end, where it has one */
  uplinkIpv6({ device, ends }: { device: string | null; ends: Ipv6Ends }): void {
    const { host, inside, prefix } = ends;
    if (device !== null) {
      const hostIndex = readLink(this.hostRoutes.query(getLink(device))[0]!).index;
      this.hostRoutes.run(addAddress(hostIndex, { address: host, prefix }));
    }
    const { index } = this.#find(UPLINK_DEVICE);
    sysctl(`net/ipv6/conf/${UPLINK_DEVICE}/disable_ipv6`, "0");
    this.#route.run(addAddress(index, { address: inside, prefix }), addRoute({ to: "::/0", via: host, index }));
  }

  /** Root only: makes the pair, or adopts it. */
  vethUplink({ host, inside }: VethUplinkPlan): void {
    absorbing(["EEXIST"], () => this.hostRoutes.run(addVeth({ name: host.name }, { name: inside.name }, this.#home)));
    const hostIndex = readLink(this.hostRoutes.query(getLink(host.name))[0]!).index;
    const { index } = this.#find(inside.name);
    this.hostRoutes.run(addAddress(hostIndex, host));
    this.#route.run(setUp(inside.name), addAddress(index, inside));
    this.#route.run(addRoute({ to: "0.0.0.0/0", via: host.address, index }));
  }

  #find(name: string): Link {
    return readLink(this.#route.query(getLink(name))[0]!);
  }

  #retire({ index }: Link): void {
    this.#route.run(...retirePort(index, RETIRED));
  }

  /** In the container's namespace: makes interfaces whose other ends appear in R, with addresses and routes. */
  #plug(socket: NetlinkSocket, interfaces: readonly InterfacePlan[]): void {
    let index = Math.max(...socket.query(getLinks()).map((reply) => readLink(reply).index));
    for (const { name, port, mac, mtu, addresses, gateways } of interfaces) {
      index++;
      socket.run(
        addVeth({ name, index, mac, mtu }, { name: port, mtu }, this.#home),
        ...addresses.map((address) => addAddress(index, address)),
      );
      if (!addresses.some(isIpv6)) tryable(() => sysctl(`net/ipv6/conf/${name}/disable_ipv6`, "1"));
      if (gateways.length > 0) socket.run(...defaultRoutes(index, gateways));
    }
  }

  #join(interfaces: readonly Pick<InterfacePlan, "port" | "bridge">[]): void {
    for (const { port, bridge } of interfaces) this.#route.run(setUp(port, this.#find(bridge).index));
  }

  #away(leave: () => void, act: (socket: NetlinkSocket) => void): void {
    leave();
    let socket: NetlinkSocket | undefined;
    try {
      socket = new NetlinkSocket(NETLINK_ROUTE);
      act(socket);
    } finally {
      enterNamespace(this.#home, "net");
      socket?.close();
    }
  }
}

/** Docker's: any user in the container may ping and bind low ports. */
const sandboxSysctls = [
  ["net/ipv4/ping_group_range", "0 65535"],
  ["net/ipv4/ip_unprivileged_port_start", "0"],
] as const;

const isIpv6 = ({ address }: LinkAddress): boolean => address.includes(":");

function freeName(socket: NetlinkSocket): string {
  const names = new Set(socket.query(getLinks()).map((reply) => readLink(reply).name));
  for (let number = 0; ; number++) if (!names.has(`eth${number}`)) return `eth${number}`;
}

function defaultRoutes(index: number, gateways: readonly string[]): NetlinkMessage[] {
  return gateways.map((via) => addRoute({ to: via.includes(":") ? "::/0" : "0.0.0.0/0", via, index }));
}

/** In the container's namespace: 127.0.0.11 leads to netd on `gateway`. */
function setDns(gateway: DnsGateway, load: typeof replaceTable): void {
  const table = { family: "ip", name: "berth_dns" } as const;
  const socket = new NetlinkSocket(NETLINK_NETFILTER);
  try {
    if (gateway === null) return socket.runBatch(removeTable(table));
    sysctl("net/ipv4/conf/all/route_localnet", "1");
    socket.runBatch(load(dnsTable(table, gateway)));
  } finally {
    socket.close();
  }
}

function dnsTable(table: { family: "ip"; name: string }, gateway: string): NftTable {
  const both = ["udp", "tcp"] as const;
  return {
    ...table,
    chains: [
      {
        // The switch lets a neighbor in to what listens on loopback here.
        name: "b_prerouting",
        type: "filter",
        hook: "prerouting",
        priority: -300,
        policy: "accept",
        rules: [{ notIif: "lo", to: "127.0.0.0/8", verdict: "drop" }],
      },
      {
        name: "b_output",
        type: "nat",
        hook: "output",
        priority: -100,
        policy: "accept",
        rules: both.map((protocol) => ({ to: EMBEDDED_DNS, protocol, port: 53, verdict: { dnat: gateway, port: 53 } })),
      },
      {
        name: "b_postrouting",
        type: "nat",
        hook: "postrouting",
        priority: 100,
        policy: "accept",
        rules: both.map((protocol) => ({ from: "127.0.0.0/8", to: gateway, protocol, port: 53, verdict: "masquerade" as const })),
      },
    ],
  };
}

/** Of the calling thread's network namespace. */
function sysctl(name: string, value: string): void {
  writeFileSync(`/proc/sys/${name}`, value);
}

/** For what is a convenience only, and may be missing (IPv6 off) or read-only (in somebody's container). */
function tryable(act: () => void): void {
  try {
    act();
  } catch {
    // The sandbox works without it.
  }
}
