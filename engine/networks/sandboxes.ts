/**
 * The sandboxes of running containers: attaching, changing and detaching them.
 */
import { readdirSync } from "node:fs";
import { isIPv4 } from "node:net";
import type { EndpointSettings, PortMap } from "../api/types/network.ts";
import { EngineError } from "../errors.ts";
import type { Events } from "../events.ts";
import { errorCode } from "../host/libc.ts";
import { log } from "../host/log.ts";
import type { NetdPort } from "../host/netd/protocol.ts";
import { configurationOnly, hostNetworkConnect, inSetUp, noneNetworkConnect, notConnected } from "./errors.ts";
import { hostResolv, hostResolvText, resolvWithout } from "./host-resolv.ts";
import { DEFAULT_NETWORK } from "./live-network.ts";
import type { LiveNetwork } from "./live-network.ts";
import type { NetworkTable } from "./network-table.ts";
import type { Endpoint, Sandbox, SandboxRequest } from "./networks.ts";
import { EphemeralPorts, publish, wantedPorts } from "./published.ts";
import type { Ask, Router } from "./router.ts";
import {
  PORT_PREFIX,
  embeddedDns,
  fullName,
  gatewayOf,
  gatewaysOf,
  hostsOf,
  interfaceOf,
  linkHostsOf,
  netdSandboxOf,
  netnsDirectory,
  netnsPath,
  pluggedOf,
  portOf,
  renamed,
  resolvConfOf,
} from "./sandbox.ts";
import { BRIDGE_PREFIX } from "./rules.ts";

const HOST_BINDING_OPTION = "com.docker.network.bridge.host_binding_ipv4";
/** Cut-off interfaces that the kernel has not removed by itself after this long are deleted. */
const SWEEP_MS = 2000;

export interface SandboxesOptions {
  readonly run: string;
  readonly table: NetworkTable;
  readonly router: Router;
  readonly events: Events;
}

type Names = Pick<SandboxRequest, "containerName" | "hostname" | "domainname">;

export class Sandboxes {
  readonly #options: SandboxesOptions;
  readonly #alive = new Map<string, Sandbox>();
  readonly #ephemeral = new EphemeralPorts();
  #sweeping: NodeJS.Timeout | undefined;

  constructor(options: SandboxesOptions) {
    this.#options = options;
    options.router.onNewNetd = (ask) => this.#tellNetd(ask);
  }

  /** @see Networks.attach */
  async attach(request: SandboxRequest): Promise<Sandbox> {
    await this.detach(request.containerId);
    try {
      if (request.mode.startsWith("container:")) return this.#join(request);
      await this.#options.router.checkUplink();
      return await this.#make(request);
    } catch (error) {
      throw inSetUp(error);
    }
  }

  /** @see Networks.detach */
  async detach(containerId: string): Promise<void> {
    const sandbox = this.#alive.get(containerId);
    if (!sandbox) return;
    this.#alive.delete(containerId);
    const gone = this.#tearDown(containerId, sandbox.endpoints);
    for (const endpoint of sandbox.endpoints) this.#event("disconnect", endpoint);
    await gone;
  }

  /** @see Networks.connect */
  async connect(containerId: string, network: LiveNetwork, options: { settings: EndpointSettings; names: Names }): Promise<Sandbox> {
    const sandbox = this.#known(containerId);
    if (network.record.configOnly) throw configurationOnly();
    if (network.record.driver === "null") throw noneNetworkConnect();
    if (sandbox.netnsPath === null || network.record.driver !== "bridge") throw hostNetworkConnect();
    const endpoint = network.allocate({ containerId, ...options.names, settings: options.settings });
    const endpoints = [...sandbox.endpoints, endpoint];
    try {
      const plug = this.#interface(endpoint, { name: "", gateways: gatewaysOf(endpoint, endpoints) });
      await this.#options.router.plumbing.connect({ path: netnsPath(this.#options.run, containerId), plug, dns: this.#dns(endpoints) });
    } catch (error) {
      network.release(containerId);
      throw error;
    }
    const changed = await this.#changed(sandbox, endpoints, fullName(options.names));
    this.#event("connect", endpoint);
    return changed;
  }

  /** @see Networks.disconnect */
  async disconnect(containerId: string, network: LiveNetwork): Promise<Sandbox> {
    const sandbox = this.#known(containerId);
    const endpoint = sandbox.endpoints.find(({ networkId }) => networkId === network.record.id);
    if (!endpoint) throw notConnected(containerId, network.record.name);
    const endpoints = sandbox.endpoints.filter((other) => other !== endpoint);
    const path = netnsPath(this.#options.run, containerId);
    if (pluggedOf([endpoint]).length > 0)
      await this.#options.router.plumbing.disconnect({ path, port: portOf(endpoint), dns: this.#dns(endpoints) });
    for (const other of pluggedOf(endpoints)) {
      const gateways = gatewaysOf(other, endpoints);
      if (gateways.length > 0) await this.#options.router.plumbing.reroute({ path, mac: other.macAddress, gateways });
    }
    network.release(containerId);
    const changed = await this.#changed(sandbox, endpoints, "");
    this.#event("disconnect", endpoint);
    return changed;
  }

  /** @see Networks.rename */
  async rename(containerId: string, containerName: string): Promise<Sandbox> {
    const sandbox = this.#known(containerId);
    const endpoints = sandbox.endpoints.map((endpoint) => renamed(endpoint, containerName));
    for (const endpoint of endpoints) this.#network(endpoint)?.adopt(endpoint);
    const changed = { ...sandbox, endpoints };
    this.#alive.set(containerId, changed);
    await this.#options.router.ask({ call: "sandbox", sandbox: netdSandboxOf(changed) });
    return changed;
  }

  /** @see Networks.restore */
  async restore(sandboxes: readonly Sandbox[]): Promise<void> {
    for (const sandbox of sandboxes) {
      this.#alive.set(sandbox.containerId, sandbox);
      for (const endpoint of sandbox.endpoints) this.#network(endpoint)?.adopt(endpoint);
    }
    await this.#removeStrays();
    await this.#tellNetd((question) => this.#options.router.ask(question));
    for (const sandbox of this.#alive.values()) await this.#redirect(sandbox);
    const networks = this.#options.table.all().map(({ record }) => record.id);
    await this.#options.router.ask({ call: "keep", networks, sandboxes: [...this.#alive.keys()] });
  }

  /** Ends what waits in the background. */
  close(): void {
    clearTimeout(this.#sweeping);
  }

  #known(containerId: string): Sandbox {
    const sandbox = this.#alive.get(containerId);
    if (!sandbox) throw new EngineError("conflict", `container ${containerId} is not running`);
    return sandbox;
  }

  /** The namespace of another container: its files are that one's as well. */
  #join({ containerId, mode, joinPid, dns, dnsSearch, dnsOptions }: SandboxRequest): Sandbox {
    const name = mode.slice("container:".length);
    const owner = this.#owner(name);
    if (!owner && joinPid === undefined) throw new EngineError("conflict", `cannot join network of a non running container: ${name}`);
    const path = owner ? owner.netnsPath : `/proc/${joinPid}/ns/net`;
    return {
      containerId,
      netnsPath: path,
      endpoints: [],
      ports: {},
      dns: { servers: dns, search: dnsSearch, options: dnsOptions },
      resolvConf: owner?.resolvConf ?? hostResolvText(),
      hosts: owner?.hosts ?? [],
      hostGateway: this.#hostGateway(),
    };
  }

  /** By id, a beginning of it, or the container's name. */
  #owner(name: string): Sandbox | undefined {
    const named = ({ containerName }: Endpoint): boolean => containerName === name;
    return (
      this.#alive.get(name) ??
      [...this.#alive.values()].find(({ containerId, endpoints }) => containerId.startsWith(name) || endpoints.some(named))
    );
  }

  async #make(request: SandboxRequest): Promise<Sandbox> {
    const { containerId } = request;
    const endpoints: Endpoint[] = [];
    try {
      for (const { network, settings } of this.#wanted(request)) endpoints.push(network.allocate({ ...request, settings }));
      const sandbox = this.#sandbox(request, endpoints);
      const { plumbing } = this.#options.router;
      const isolated = sandbox.netnsPath !== null;
      const made = isolated
        ? plumbing.createSandbox({ path: sandbox.netnsPath, interfaces: this.#interfaces(endpoints), dns: this.#dns(endpoints) })
        : undefined;
      const ports = await bothOrNeither(made, isolated ? this.#serve(request, sandbox) : Promise.resolve({}));
      const whole = { ...sandbox, ports };
      this.#alive.set(containerId, whole);
      await this.#redirect(whole);
      for (const endpoint of endpoints) this.#event("connect", endpoint);
      return whole;
    } catch (error) {
      await this.#tearDown(containerId, endpoints);
      throw error;
    }
  }

  /** The networks that a container begins with; its mode's comes first and is eth0. */
  #wanted({ mode, endpoints }: SandboxRequest): { network: LiveNetwork; settings: EndpointSettings }[] {
    const { table } = this.#options;
    const all = new Map<LiveNetwork, EndpointSettings>();
    // Who has left none for another network does not come back to it.
    const left = mode === "none" && Object.keys(endpoints).length > 0;
    if (!left) all.set(table.find(mode === "default" || mode === "" ? DEFAULT_NETWORK : mode), {});
    for (const [name, settings] of Object.entries(endpoints)) all.set(table.find(name === "default" ? DEFAULT_NETWORK : name), settings);
    return [...all].map(([network, settings]) => ({ network, settings }));
  }

  #sandbox(request: SandboxRequest, endpoints: readonly Endpoint[]): Sandbox {
    const { containerId, mode, dns, dnsSearch, dnsOptions } = request;
    const settings = { servers: dns, search: dnsSearch, options: dnsOptions };
    return {
      containerId,
      netnsPath: mode === "host" ? null : netnsPath(this.#options.run, containerId),
      endpoints,
      ports: {},
      dns: settings,
      resolvConf: this.#resolvConf(endpoints, settings),
      hosts: [...endpoints.flatMap((endpoint) => this.#linkHosts(endpoint)), ...hostsOf(endpoints, fullName(request))],
      hostGateway: this.#hostGateway(),
    };
  }

  #linkHosts(endpoint: Endpoint): string[] {
    const network = this.#network(endpoint);
    return !network || network.hasNames ? [] : linkHostsOf(endpoint, network.endpoints);
  }

  /** Names and published ports, in netd. */
  async #serve(request: SandboxRequest, sandbox: Sandbox): Promise<PortMap> {
    const { router } = this.#options;
    const plugged = pluggedOf(sandbox.endpoints);
    if (plugged.length === 0) return {};
    const endpoint = gatewayOf(plugged) ?? plugged[0]!;
    const defaultIp = this.#network(endpoint)?.record.options[HOST_BINDING_OPTION] ?? "0.0.0.0";
    const wanted = wantedPorts(request, defaultIp);
    await router.ask({ call: "sandbox", sandbox: netdSandboxOf(sandbox) });
    const bound = await publish(wanted, this.#ephemeral, {
      listen: async (port) => void (await router.ask({ call: "publish", port: { ...port, sandbox: request.containerId } })),
      unlisten: async (port) => void (await router.ask({ call: "unpublish", port: { ...port, sandbox: request.containerId } })),
      containerName: request.containerName,
      endpointId: endpoint.id,
      defaultIp,
    });
    const unbound = [...request.exposedPorts, ...Object.keys(request.ports)].filter((key) => !bound[key]);
    return { ...Object.fromEntries(unbound.map((key) => [key, null])), ...bound };
  }

  async #tearDown(containerId: string, endpoints: readonly Endpoint[]): Promise<void> {
    const { router, run } = this.#options;
    // Who gets an address next asks netd later, and netd does one thing after the other.
    for (const endpoint of endpoints) this.#network(endpoint)?.release(containerId);
    await Promise.all([
      router.setPorts(containerId, []),
      router.plumbing.removeSandbox({ path: netnsPath(run, containerId), ports: pluggedOf(endpoints).map(portOf) }),
      router.ask({ call: "removeSandbox", id: containerId }).catch((error: unknown) => log("warn", error)),
    ]);
    if (this.#sweeping === undefined) this.#sweeping = setTimeout(() => this.#sweep(), SWEEP_MS).unref();
  }

  #sweep(): void {
    this.#sweeping = undefined;
    this.#options.router.plumbing.sweep().catch((error: unknown) => log("warn", error));
  }

  async #changed(sandbox: Sandbox, endpoints: readonly Endpoint[], hostname: string): Promise<Sandbox> {
    const added =
      hostname === ""
        ? []
        : hostsOf(
            endpoints.filter((endpoint) => !sandbox.endpoints.includes(endpoint)),
            hostname,
          );
    const gone = sandbox.endpoints.filter((endpoint) => !endpoints.includes(endpoint)).flatMap(({ ipv4, ipv6 }) => [ipv4, ipv6]);
    const changed = {
      ...sandbox,
      endpoints,
      resolvConf: this.#resolvConf(endpoints, sandbox.dns),
      hosts: [...sandbox.hosts.filter((line) => !gone.includes(line.split("\t")[0] ?? "")), ...added],
    };
    this.#alive.set(sandbox.containerId, changed);
    await this.#options.router.ask({ call: "sandbox", sandbox: netdSandboxOf(changed) });
    await this.#redirect(changed);
    return changed;
  }

  /** Lets the kernel carry what it can of the container's ports: TCP over IPv4, on a network that has a way to the host. */
  async #redirect(sandbox: Sandbox): Promise<void> {
    // It may have been detached or changed in the meantime.
    if (this.#alive.get(sandbox.containerId) !== sandbox) return;
    const plugged = pluggedOf(sandbox.endpoints);
    const endpoint = gatewayOf(plugged) ?? plugged[0];
    const address = endpoint && !this.#network(endpoint)?.record.internal ? endpoint.ipv4 : "";
    const ports = address === "" ? [] : portsOf(sandbox).filter(({ protocol, hostIp }) => protocol === "tcp" && isIPv4(hostIp));
    await this.#options.router.setPorts(
      sandbox.containerId,
      ports.map(({ hostIp, hostPort, containerPort }) => ({ hostIp, hostPort, address, containerPort })),
    );
  }

  #interfaces(endpoints: readonly Endpoint[]): ReturnType<typeof interfaceOf>[] {
    return pluggedOf(endpoints).map((endpoint, index) =>
      this.#interface(endpoint, { name: `eth${index}`, gateways: gatewaysOf(endpoint, endpoints) }),
    );
  }

  #interface(endpoint: Endpoint, options: { name: string; gateways: readonly string[] }): ReturnType<typeof interfaceOf> {
    const network = this.#network(endpoint)!;
    return interfaceOf(endpoint, { ...options, bridge: network.bridge, mtu: this.#options.router.mtuOf(network) });
  }

  #network(endpoint: Endpoint): LiveNetwork | undefined {
    return this.#options.table.byId(endpoint.networkId);
  }

  #dns(endpoints: readonly Endpoint[]): string | null {
    return embeddedDns(endpoints, (endpoint) => this.#network(endpoint));
  }

  #resolvConf(endpoints: readonly Endpoint[], dns: Sandbox["dns"]): string {
    const [first] = pluggedOf(endpoints);
    if (!first) return resolvWithout(dns);
    const gateway = this.#network(first)?.gateways[0]?.address ?? "";
    return resolvConfOf({ host: hostResolv(), dns, embedded: this.#dns(endpoints), gateway });
  }

  #hostGateway(): string {
    return this.#options.router.hostAddress || (this.#options.table.find(DEFAULT_NETWORK).gateways[0]?.address ?? "");
  }

  /** Sends netd every sandbox and port; what it has already is kept. A port that somebody took meanwhile stays closed. */
  async #tellNetd(ask: Ask): Promise<void> {
    for (const sandbox of this.#alive.values()) {
      await ask({ call: "sandbox", sandbox: netdSandboxOf(sandbox) });
      for (const port of portsOf(sandbox)) await ask({ call: "publish", port }).catch((error: unknown) => log("warn", error));
    }
  }

  /** Everything in R and in the run directory that belongs to nobody alive. */
  async #removeStrays(): Promise<void> {
    const { router, table, run } = this.#options;
    const bridges = new Set(table.all().map(({ bridge }) => bridge));
    const ports = new Set([...this.#alive.values()].flatMap(({ endpoints }) => endpoints.map(portOf)));
    const strays = (await router.plumbing.links()).filter(({ name, kind }) =>
      kind === "bridge"
        ? name.startsWith(BRIDGE_PREFIX) && !bridges.has(name)
        : kind === "veth" && name.startsWith(PORT_PREFIX) && !ports.has(name),
    );
    for (const id of namesIn(netnsDirectory(run)).filter((name) => !this.#alive.has(name)))
      await router.plumbing.removeSandbox({ path: netnsPath(run, id), ports: [] });
    for (const { name } of strays) await router.plumbing.removeLink(name);
  }

  #event(action: "connect" | "disconnect", { networkId, networkName, containerId }: Endpoint): void {
    const type = this.#options.table.byId(networkId)?.record.driver ?? "bridge";
    this.#options.events.publish("network", action, networkId, { container: containerId, name: networkName, type });
  }
}

/** Waits for both, so that nothing is under way any more when one has failed. */
async function bothOrNeither<Result>(first: Promise<void> | undefined, second: Promise<Result>): Promise<Result> {
  const [one, two] = await Promise.allSettled([first, second]);
  if (one.status === "rejected") throw one.reason;
  if (two.status === "rejected") throw two.reason;
  return two.value;
}

function portsOf({ containerId, ports }: Sandbox): NetdPort[] {
  return Object.entries(ports).flatMap(([key, bindings]) => {
    const [port = "", protocol] = key.split("/");
    const common = { sandbox: containerId, protocol: protocol === "udp" ? "udp" : "tcp", containerPort: Number(port) } as const;
    return (bindings ?? []).map(({ HostIp = "", HostPort = "" }) => ({ ...common, hostIp: HostIp, hostPort: Number(HostPort) }));
  });
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return [];
    throw error;
  }
}
