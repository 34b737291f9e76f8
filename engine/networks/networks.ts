/**
 * Networks live in one private network namespace R, root and rootless alike; a container's *sandbox* is its own network
 * namespace, an *endpoint* is its place on one network.
 *
 *     create(network) … allocate(sandbox) → attach(sandbox) → container runs → detach(sandbox)
 */
import type { EndpointSettings, Ipam, PortMap } from "../api/types/network.ts";

export interface Network {
  readonly id: string;
  readonly name: string;
  readonly driver: "bridge" | "host" | "null";
  readonly createdAt: string;
  readonly internal: boolean;
  readonly attachable: boolean;
  readonly ipv6: boolean;
  readonly ipam: Ipam;
  readonly options: Readonly<Record<string, string>>;
  readonly labels: Readonly<Record<string, string>>;
  /** Only settings for networks that are made from it: nothing can join it. */
  readonly configOnly?: boolean;
  /** Name of the network that its settings were taken from. */
  readonly configFrom?: string;
  /** Endpoints in use, by container id. */
  readonly endpoints: Readonly<Record<string, Endpoint>>;
}

export interface Endpoint {
  readonly id: string;
  readonly networkId: string;
  readonly networkName: string;
  readonly containerId: string;
  readonly containerName: string;
  readonly macAddress: string;
  readonly ipv4: string;
  readonly prefix: number;
  readonly gateway: string;
  readonly ipv6: string;
  readonly ipv6Prefix: number;
  readonly ipv6Gateway: string;
  readonly dnsNames: readonly string[];
  readonly aliases: readonly string[];
  /** Names that this container alone has for others: alias to container name (`Links: ["web:w"]`). */
  readonly links: Readonly<Record<string, string>>;
  /** Among a container's networks the highest has the default route. */
  readonly gatewayPriority: number;
}

/** The container's own settings of its resolver; empty lists mean the host's. */
export interface DnsSettings {
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export interface SandboxRequest {
  readonly containerId: string;
  readonly containerName: string;
  readonly hostname: string;
  /** Behind the host name in /etc/hosts; "" or absent for none. */
  readonly domainname?: string;
  /** `bridge`, `default`, `none`, `host`, `container:<id>` or a network's name or id. */
  readonly mode: string;
  /** For `container:<id>`: the pid whose namespace is joined. */
  readonly joinPid?: number;
  readonly endpoints: Readonly<Record<string, EndpointSettings>>;
  readonly ports: PortMap;
  /** Exposed ports get an ephemeral host port each (`-P`). */
  readonly publishAll: boolean;
  readonly exposedPorts: readonly string[];
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
}

/** What a container needs to know of its network. Plain JSON: it is kept in the container's state and given back to restore(). */
export interface Sandbox {
  readonly containerId: string;
  /** Path of a network namespace for the runtime spec; null means the host's own. */
  readonly netnsPath: string | null;
  readonly endpoints: readonly Endpoint[];
  /** Actual bindings, ephemeral ports filled in. */
  readonly ports: PortMap;
  readonly dns: DnsSettings;
  /** Content for /etc/resolv.conf. */
  readonly resolvConf: string;
  /** Lines `address name name…` that belong into /etc/hosts besides the localhost ones. */
  readonly hosts: readonly string[];
  /** The address that `host-gateway` stands for in extra hosts. */
  readonly hostGateway: string;
}

export interface Networks {
  list(): Promise<Network[]>;
  /** @throws {EngineError} not-found `network <name> not found` */
  get(nameOrId: string): Promise<Network>;
  create(options: {
    name: string;
    driver?: string;
    internal?: boolean;
    attachable?: boolean;
    ipv6?: boolean;
    ipam?: Ipam;
    options?: Record<string, string>;
    labels?: Record<string, string>;
    configOnly?: boolean;
    configFrom?: string;
  }): Promise<{ network: Network; warning: string }>;
  remove(nameOrId: string): Promise<void>;

  /**
   * Makes the namespace, plugs the endpoints, opens the published ports. All or nothing.
   * Messages are complete: they begin with dockerd's `failed to set up container networking: `.
   * @throws {EngineError} internal with Docker's sentence `… port is already allocated`, or the sysctl to set for a low port
   */
  attach(request: SandboxRequest): Promise<Sandbox>;
  /** Undoes attach; idempotent. Addresses are free at once, published ports and the namespace are gone when it resolves. */
  detach(containerId: string): Promise<void>;

  /** Connects a running container to one more network; returns its sandbox as it is now. */
  connect(
    sandbox: Sandbox,
    nameOrId: string,
    settings: EndpointSettings,
    names: { containerName: string; hostname: string; domainname?: string },
  ): Promise<Sandbox>;
  disconnect(sandbox: Sandbox, nameOrId: string): Promise<Sandbox>;
  /** Gives a running container another name, which others find from now on instead of the old one; returns its sandbox. */
  rename(sandbox: Sandbox, containerName: string): Promise<Sandbox>;

  /** After an engine restart: these sandboxes are alive; everything else that is found is removed. */
  restore(sandboxes: readonly Sandbox[]): Promise<void>;

  /** Pids of the processes behind the networks: `netd`, and `uplink` when it is a process. */
  processes(): Record<string, number>;
  /** Why containers cannot reach the world, and what to do about it; empty when they can. */
  problem(): string;
  /** Lets go of what only this process holds. With `everything`, netd and uplink end and the host keeps no trace of them. */
  close(options?: { everything: boolean }): Promise<void>;
}
