/**
 * The networks of an engine: finding, creating and removing them. The three predefined ones are made at the first start and
 * keep their ids.
 */
import { randomBytes } from "node:crypto";
import type { Ipam } from "../api/types/network.ts";
import type { Events } from "../events.ts";
import { overlaps, parsePrefix } from "../host/cidr.ts";
import type { Prefix } from "../host/cidr.ts";
import type { NetworkInUse } from "../host/host-network.ts";
import { lock } from "../host/lock.ts";
import { EngineError } from "../errors.ts";
import {
  ambiguousNetwork,
  configurationInUse,
  hasEndpoints,
  nameIsEmpty,
  networkExists,
  noSuchConfiguration,
  noSuchDriver,
  noSuchNetwork,
  oneInstance,
  predefinedOperation,
  predefinedRemoval,
} from "./errors.ts";
import { checkOptions } from "./driver-options.ts";
import { configOf, invalidConfiguration, poolsFor, problemsOf } from "./ipam.ts";
import { DEFAULT_NETWORK, LiveNetwork } from "./live-network.ts";
import type { Networks } from "./networks.ts";
import type { Router } from "./router.ts";
import type { NetworkRecord, NetworkStore } from "./store.ts";

export type CreateOptions = Parameters<Networks["create"]>[0];

/** Names that no network of a person can have. */
const PREDEFINED: ReadonlySet<string> = new Set([DEFAULT_NETWORK, "host", "none", "default"]);

/** Of all engines of root on a host. */
const SUBNETS_LOCK = "/run/berth-subnets.lock";

/** What `docker network inspect bridge` shows. */
const defaultBridgeOptions = {
  "com.docker.network.bridge.default_bridge": "true",
  "com.docker.network.bridge.enable_icc": "true",
  "com.docker.network.bridge.enable_ip_masquerade": "true",
  "com.docker.network.bridge.host_binding_ipv4": "0.0.0.0",
  "com.docker.network.bridge.name": "docker0",
};

export interface NetworkTableOptions {
  readonly store: NetworkStore;
  readonly router: Router;
  readonly events: Events;
  /** The engine's interface name on the host: its own routes are not somebody else's. */
  readonly hostDevice: string;
}

export class NetworkTable {
  readonly #options: NetworkTableOptions;
  readonly #networks = new Map<string, LiveNetwork>();
  /** Creating and removing take turns: each looks at all subnets. */
  #turn: Promise<unknown> = Promise.resolve();

  constructor(options: NetworkTableOptions) {
    this.#options = options;
  }

  /** Brings up what is on disk, and the predefined networks that are not there yet. */
  async begin(): Promise<void> {
    for (const record of await this.#options.store.load()) this.#networks.set(record.id, new LiveNetwork(record));
    await this.#alone(async () => this.#begin());
  }

  async #begin(): Promise<void> {
    await this.#giveWay();
    const make = async (name: string, driver: NetworkRecord["driver"]): Promise<void> => {
      if (this.all().some(({ record }) => record.name === name)) return;
      const options = driver === "bridge" ? defaultBridgeOptions : {};
      const record = await this.#record({ name, options }, driver);
      await this.#options.store.save(record);
      this.#networks.set(record.id, new LiveNetwork(record));
    };
    await make(DEFAULT_NETWORK, "bridge");
    await make("host", "host");
    await make("none", "null");
    await this.#options.router.addNetworks(this.all().filter(({ record }) => record.driver === "bridge"));
  }

  /**
   * As root: networks that nobody chose the subnets of get others where somebody else on this host has taken theirs while this
   * engine was stopped. What runs is never moved: routes of its own interface show that there is something.
   */
  async #giveWay(): Promise<void> {
    if (!this.#options.router.uplink.veth) return;
    const taken = prefixes((await this.#hostNetwork()).taken);
    for (const { record, subnets } of this.all()) {
      if (record.chosen || !prefixes(subnets).some((own) => taken.some((other) => overlaps(own, other)))) continue;
      this.#networks.delete(record.id);
      const moved = {
        ...record,
        ipam: await this.#ipam({ name: record.name, ipv6: record.ipv6, ipam: { ...record.ipam, Config: null } }, record.id),
      };
      await this.#options.store.save(moved);
      this.#networks.set(record.id, new LiveNetwork(moved));
    }
  }

  /** As root the engines of a host take turns while they pick subnets: each has to see the routes that the others have set. */
  async #alone<Result>(act: () => Promise<Result>): Promise<Result> {
    if (!this.#options.router.uplink.veth) return act();
    const unlock = await lock(SUBNETS_LOCK);
    try {
      return await act();
    } finally {
      unlock();
    }
  }

  all(): LiveNetwork[] {
    return [...this.#networks.values()];
  }

  byId(id: string): LiveNetwork | undefined {
    return this.#networks.get(id);
  }

  /**
   * By name, id, or a beginning of an id, in this order.
   * @throws {EngineError} not-found, invalid when the beginning fits several
   */
  find(nameOrId: string): LiveNetwork {
    const exact = this.all().find(({ record }) => record.name === nameOrId) ?? this.#networks.get(nameOrId);
    if (exact) return exact;
    const matches = nameOrId === "" ? [] : this.all().filter(({ record }) => record.id.startsWith(nameOrId));
    if (matches.length > 1) throw ambiguousNetwork(nameOrId, matches.length);
    if (!matches[0]) throw noSuchNetwork(nameOrId);
    return matches[0];
  }

  create(options: CreateOptions): Promise<LiveNetwork> {
    return this.#inTurn(() => this.#alone(() => this.#create(options)));
  }

  remove(nameOrId: string): Promise<void> {
    return this.#inTurn(() => this.#remove(nameOrId));
  }

  async #create(options: CreateOptions): Promise<LiveNetwork> {
    checkName(options.name);
    if (!options.configOnly) checkDriver(options.driver);
    if (!["default", "", undefined].includes(options.ipam?.Driver)) throw noSuchDriver(options.ipam!.Driver!);
    checkOptions(options.options ?? {});
    if (this.all().some(({ record }) => record.name === options.name)) throw networkExists(options.name);
    checkConfiguration(options);
    const problems = problemsOf(options.ipam, options.ipv6 ?? false);
    if (problems.length > 0) throw invalidConfiguration(problems);
    if (options.configOnly) return this.#keep(new LiveNetwork(await this.#record(options, "null")));
    const network = new LiveNetwork(await this.#record(this.#configured(options), "bridge"));
    const { id } = network.record;
    await this.#options.store.save(network.record);
    try {
      await this.#options.router.addNetworks([network]);
    } catch (error) {
      await this.#options.router.removeNetwork(network).catch(() => undefined);
      await this.#options.store.remove(id);
      throw error;
    }
    return this.#shown(network);
  }

  /** Settings alone: there is nothing to make. */
  async #keep(network: LiveNetwork): Promise<LiveNetwork> {
    await this.#options.store.save(network.record);
    return this.#shown(network);
  }

  #shown(network: LiveNetwork): LiveNetwork {
    const { id, name, driver } = network.record;
    this.#networks.set(id, network);
    this.#options.events.publish("network", "create", id, { name, type: driver });
    return network;
  }

  /** With the settings of the network that it is made from. @throws {EngineError} not-found */
  #configured(options: CreateOptions): CreateOptions {
    const { configFrom } = options;
    if (!configFrom) return options;
    const from = this.all().find(({ record }) => record.configOnly && record.name === configFrom);
    if (!from) throw noSuchConfiguration(configFrom);
    const { ipam, ipv6, labels, options: driverOptions } = from.record;
    return { ...options, ipam, ipv6, labels: { ...labels }, options: { ...driverOptions } };
  }

  async #remove(nameOrId: string): Promise<void> {
    const network = this.find(nameOrId);
    const { id, name, driver } = network.record;
    if (PREDEFINED.has(name)) throw predefinedRemoval(name);
    if (network.endpoints.length > 0) throw hasEndpoints(name, network.endpoints);
    if (network.record.configOnly && this.all().some(({ record }) => record.configFrom === name)) throw configurationInUse(name);
    this.#networks.delete(id);
    await this.#options.store.remove(id);
    await this.#options.router.removeNetwork(network);
    this.#options.events.publish("network", "destroy", id, { name, type: driver });
  }

  async #record(options: CreateOptions, driver: NetworkRecord["driver"]): Promise<NetworkRecord> {
    const id = randomBytes(32).toString("hex");
    const plain = { Driver: "default", Options: options.ipam?.Options ?? null, Config: options.ipam?.Config ?? null };
    const ipam = driver === "bridge" ? await this.#ipam(options, id) : plain;
    return {
      id,
      name: options.name,
      driver,
      createdAt: new Date().toISOString(),
      internal: options.internal ?? false,
      attachable: options.attachable ?? false,
      ipv6: options.ipv6 ?? false,
      ipam,
      chosen: (options.ipam?.Config ?? []).length > 0,
      options: options.options ?? {},
      labels: options.labels ?? {},
      ...(options.configOnly && { configOnly: true }),
      ...(options.configFrom && { configFrom: options.configFrom }),
    };
  }

  async #ipam({ name, ipam, ipv6 = false }: CreateOptions, id: string): Promise<Ipam> {
    const host = await this.#hostNetwork();
    const taken = { networks: this.all().flatMap(({ subnets }) => prefixes(subnets)), host: prefixes(host.taken) };
    const pools = poolsFor(ipam, { taken, ipv6, key: id });
    const options = name === DEFAULT_NETWORK ? null : (ipam?.Options ?? {});
    return { Driver: "default", Options: options, Config: pools.map(configOf) };
  }

  async #hostNetwork(): Promise<NetworkInUse> {
    return this.#options.router.plumbing.hostNetwork({ ours: [this.#options.hostDevice] });
  }

  #inTurn<Result>(act: () => Promise<Result>): Promise<Result> {
    const result = this.#turn.then(act);
    this.#turn = result.catch(() => undefined);
    return result;
  }
}

function prefixes(texts: readonly string[]): Prefix[] {
  return texts.flatMap((text) => parsePrefix(text) ?? []);
}

function checkName(name: string): void {
  if (name.trim() === "") throw nameIsEmpty();
  if (PREDEFINED.has(name)) throw predefinedOperation(name);
}

/** @throws {EngineError} forbidden, with libnetwork's sentences */
function checkConfiguration({ configOnly, configFrom, ...options }: CreateOptions): void {
  const refuse = (what: string): never => {
    throw new EngineError("forbidden", what);
  };
  const words = "Network operator fields like [ ingress | internal | attachable | scope ] are not supported.";
  if (configOnly && (options.internal || options.attachable))
    refuse(`configuration network can only contain network specific fields. ${words}`);
  if (!configFrom) return;
  if (configOnly) refuse("a configuration network cannot depend on another configuration network");
  const { ipv6, labels = {}, ipam } = options;
  const settings = [ipam?.Config ?? [], Object.keys(ipam?.Options ?? {}), Object.keys(labels)];
  const depends = "are not supported if the network depends on a configuration network";
  if (ipv6 || settings.some(({ length }) => length > 0)) refuse(`user specified configurations ${depends}`);
  if (Object.keys(options.options ?? {}).length > 0) refuse(`network driver options ${depends}`);
}

function checkDriver(driver = "bridge"): void {
  if (driver === "host" || driver === "null") throw oneInstance(driver);
  if (!["bridge", "default", ""].includes(driver)) throw noSuchDriver(driver);
}
