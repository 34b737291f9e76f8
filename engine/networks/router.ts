/**
 * The private network namespace R as a working router: netd, the way out and the firewall. Knows networks only as
 * bridges; which containers are on them is told by whoever plugs them in.
 */
import { join } from "node:path";
import { errorCode } from "../host/libc.ts";
import { log } from "../host/log.ts";
import { NETD_ENDED, Netd } from "../host/netd-client.ts";
import type { NetdRequest } from "../host/netd/protocol.ts";
import { plumbingBy } from "../host/plumbing.ts";
import type { Plumbing } from "../host/plumbing.ts";
import { isAlive } from "../host/process.ts";
import type { HostPort, Uplink, UplinkOptions } from "../host/uplink-kinds.ts";
import { openIpv6 } from "../host/uplink-ipv6.ts";
import { hostTableOf } from "../host/uplink-veth.ts";
import { closeUplink, openUplink } from "../host/uplink.ts";
import type { LiveNetwork } from "./live-network.ts";
import { rulesOf } from "./rules.ts";

/** Removes what a former engine's router may have left on the host, without making one. netd is killed with the engine. */
export async function endRouter({ name, rootless, paths }: RouterHost): Promise<void> {
  await closeUplink({ name, rootless, run: paths.run });
}

/** What the router needs of the machine. */
export interface RouterHost {
  readonly paths: { readonly run: string; readonly state: string; readonly log: string };
  readonly rootless: boolean;
  readonly name: string;
  readonly networkNamespace: string;
}

const MTU_OPTION = "com.docker.network.driver.mtu";
const ICC_OPTION = "com.docker.network.bridge.enable_icc";

/** How often to look whether the way out is alive, for containers that run already. */
const WATCH_MS = 5000;

/** One request to netd. */
export type Ask = (request: NetdRequest) => Promise<unknown>;

export class Router {
  readonly plumbing: Plumbing = plumbingBy(async (request) => this.ask(request));
  readonly #host: RouterHost;
  readonly #bridges = new Map<string, LiveNetwork>();
  #netd: Promise<Netd>;
  #uplink: Uplink = { kind: "none", mtu: 1500, process: null, veth: null, ipv6: null, problem: "" };
  #hostAddress = "";
  #reopening: Promise<void> | undefined;
  /** By container: its TCP ports that the kernel may carry. */
  readonly #ports = new Map<string, readonly HostPort[]>();
  #lastLoad: Promise<void> = Promise.resolve();
  #nextLoad: Promise<void> | undefined;
  #closed = false;
  #watching: NodeJS.Timeout | undefined;
  #netdPid = 0;
  /** Called when netd had to be started anew: sends it the sandboxes and their ports, before anybody else asks it. */
  onNewNetd: (ask: Ask) => Promise<void> = async () => Promise.resolve();

  private constructor(host: RouterHost, netd: Promise<Netd>) {
    this.#host = host;
    this.#netd = this.#watch(netd);
  }

  /** Adopts what a former engine left alive in R, makes the rest. */
  static async open(host: RouterHost): Promise<Router> {
    const router = new Router(host, openNetd(host));
    // The way out is tried from inside R, where a former engine's rules may be strict about it; they come after.
    router.#hostAddress = (await router.ask({ call: "host", address: "" })) as string;
    await router.#openUplink();
    router.#watching = setInterval(() => {
      router.#look().catch((error: unknown) => log("warn", error));
    }, WATCH_MS).unref();
    return router;
  }

  get uplink(): Uplink {
    return this.#uplink;
  }

  /** What `host-gateway` means: the host as containers reach it; empty when it has no address at all. */
  get hostAddress(): string {
    return this.#uplink.veth?.host ?? this.#hostAddress;
  }

  processes(): Record<string, number> {
    const uplink = this.#uplink.process;
    return { ...(this.#netdPid ? { netd: this.#netdPid } : {}), ...(uplink ? { uplink: uplink.pid } : {}) };
  }

  /** The largest packet on a network, from its options or else what the way out carries. */
  mtuOf({ record }: LiveNetwork): number {
    const wanted = Number(record.options[MTU_OPTION]);
    return Number.isInteger(wanted) && wanted >= 68 && wanted <= 65535 ? wanted : this.#uplink.mtu;
  }

  /** Asks netd; one that is killed meanwhile is replaced and asked again. */
  async ask(request: NetdRequest): Promise<unknown> {
    const netd = await (this.#netd = this.#netd.catch(() => this.#replaceNetd()));
    try {
      return await netd.ask(request);
    } catch (error) {
      if (this.#closed || errorCode(error) !== NETD_ENDED) throw error;
      await netd.gone;
      return (await this.#netd).ask(request);
    }
  }

  /** Makes the networks' bridges, or adopts them; the rules are loaded once for all. */
  async addNetworks(networks: readonly LiveNetwork[]): Promise<void> {
    for (const network of networks) this.#bridges.set(network.record.id, network);
    await this.#wantIpv6();
    await this.#loadRules();
    await Promise.all(networks.map((network) => this.#addBridge(network)));
  }

  async removeNetwork(network: LiveNetwork): Promise<void> {
    this.#bridges.delete(network.record.id);
    const { veth } = this.#uplink;
    await this.ask({ call: "removeNetwork", id: network.record.id });
    if (veth) await Promise.all(network.subnets.map((to) => this.plumbing.removeHostRoute({ to, device: veth.device })));
    await this.plumbing.removeLink(network.bridge);
    await this.#loadRules();
  }

  async #look(): Promise<void> {
    await this.checkUplink();
    // The host may have it only now.
    if (!this.#closed && (await this.#wantIpv6())) await this.#loadRules();
  }

  /** Replaces a way out that has died. Cheap when it lives. */
  async checkUplink(): Promise<void> {
    const { process: known } = this.#uplink;
    if (!known || isAlive(known.pid, known.startTime)) return;
    log("warn", `The uplink ${this.#uplink.kind} has ended and is started again`);
    await (this.#reopening ??= this.#openUplink().finally(() => (this.#reopening = undefined)));
  }

  /** The published TCP ports of a container that netd has open; none when it is gone. Where they cannot be in the kernel, netd serves. */
  async setPorts(containerId: string, ports: readonly HostPort[]): Promise<void> {
    if (ports.length === 0 && !this.#ports.has(containerId)) return;
    if (ports.length > 0) this.#ports.set(containerId, ports);
    else this.#ports.delete(containerId);
    await this.#redirectPorts();
  }

  /** Ends it; once is enough. */
  async close({ everything }: { everything: boolean }): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#watching);
    const netd = await this.#netd.catch(() => undefined);
    if (everything) {
      await netd?.ask({ call: "exit" }).catch(() => undefined);
      await netd?.gone;
      const { name, rootless, paths } = this.#host;
      await closeUplink({ name, rootless, run: paths.run }, this.#uplink);
    }
    netd?.close();
  }

  async #addBridge(network: LiveNetwork): Promise<void> {
    const mac = `02:42:${network.record.id.slice(0, 8).match(/../g)!.join(":")}`;
    await this.plumbing.bridge({ name: network.bridge, mac, mtu: this.mtuOf(network), addresses: network.gateways });
    await this.ask(netdNetworkOf(network));
    await this.#addHostRoutes(network);
  }

  /** As root the host reaches containers by their own addresses. */
  async #addHostRoutes({ record, subnets }: LiveNetwork): Promise<void> {
    const { veth, ipv6 } = this.#uplink;
    if (!veth || record.internal) return;
    for (const to of subnets) {
      const via = to.includes(":") ? ipv6?.inside : veth.inside;
      if (via) await this.plumbing.hostRoute({ to, via, device: veth.device });
    }
  }

  /** Lets IPv6 out as soon as a network has some and the host can. @returns whether it does from now on */
  async #wantIpv6(): Promise<boolean> {
    const networks = [...this.#bridges.values()].filter(({ record }) => record.ipv6 && !record.internal);
    if (this.#uplink.ipv6 || networks.length === 0) return false;
    const ipv6 = await openIpv6(this.#uplink, { name: this.#host.name, run: this.#host.paths.run, plumbing: this.plumbing });
    if (!ipv6) return false;
    this.#uplink = { ...this.#uplink, ipv6 };
    await this.#redirectPorts();
    for (const network of networks) await this.#addHostRoutes(network);
    return true;
  }

  async #loadRules(): Promise<void> {
    const bridges = [...this.#bridges.values()].map((network) => ({
      bridge: network.bridge,
      internal: network.record.internal,
      betweenContainers: network.record.options[ICC_OPTION] !== "false",
    }));
    await this.plumbing.rules(rulesOf(bridges, this.#uplink));
  }

  /** One load at a time; who comes while one waits for its turn is part of it. */
  async #redirectPorts(): Promise<void> {
    this.#nextLoad ??= this.#lastLoad.then(async () => {
      this.#nextLoad = undefined;
      this.#lastLoad = this.#loadHostTable((request) => this.ask(request)).catch((error: unknown) => log("warn", error));
      return this.#lastLoad;
    });
    return this.#nextLoad;
  }

  async #loadHostTable(ask: Ask): Promise<void> {
    const table = hostTableOf(this.#uplink, [...this.#ports.values()].flat());
    if (table) await ask({ call: "hostRules", table });
  }

  async #openUplink(): Promise<void> {
    const { name, rootless, networkNamespace, paths } = this.#host;
    const probe: UplinkOptions["probe"] = (address, port) => this.ask({ call: "probe", address, port });
    const hostRules: UplinkOptions["hostRules"] = (table) => this.ask({ call: "hostRules", table });
    const options = { name, rootless, run: paths.run, netns: networkNamespace, log: paths.log, plumbing: this.plumbing, probe, hostRules };
    this.#uplink = await openUplink({ ...options, hostAddress: this.#hostAddress });
    if (this.#uplink.problem) log("warn", this.#uplink.problem);
    await this.ask({ call: "host", address: this.#uplink.veth?.host ?? "" });
    if (this.#bridges.size > 0) await this.addNetworks([...this.#bridges.values()]);
    if (this.#ports.size > 0) await this.#redirectPorts();
  }

  async #watch(opening: Promise<Netd>): Promise<Netd> {
    const netd = await opening;
    this.#netdPid = netd.pid;
    void netd.gone.then(() => this.#netdEnded());
    return netd;
  }

  /** netd was killed: a new one gets everything again. Requests made meanwhile wait for it. */
  #netdEnded(): void {
    if (this.#closed) return;
    log("warn", "netd has ended and is started again");
    this.#netd = this.#replaceNetd();
    this.#netd.catch((error: unknown) => log("error", error));
  }

  async #replaceNetd(): Promise<Netd> {
    const netd = await this.#watch(openNetd(this.#host));
    const ask: Ask = (request) => netd.ask(request);
    await ask({ call: "host", address: this.#uplink.veth?.host ?? "" });
    await this.#loadHostTable(ask);
    for (const network of this.#bridges.values()) await ask(netdNetworkOf(network));
    await this.onNewNetd(ask);
    return netd;
  }
}

async function openNetd({ name, paths, networkNamespace }: RouterHost): Promise<Netd> {
  const options = { socket: join(paths.run, "netd.sock"), netns: networkNamespace, log: paths.log, name };
  return (await Netd.open(options)).netd;
}

function netdNetworkOf({ record, hasNames, gateways: addresses }: LiveNetwork): NetdRequest {
  const gateways = addresses.map(({ address }) => address);
  return { call: "network", network: { id: record.id, name: record.name, gateways, names: hasNames, internal: record.internal } };
}
