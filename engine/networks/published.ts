/**
 * From a container's port map to listening ports.
 */
import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import type { PortBinding, PortMap } from "../api/types/network.ts";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";
import type { NetdPort } from "../host/netd/protocol.ts";
import { cannotPublish } from "./errors.ts";

/** One binding as asked for. */
export interface WantedPort {
  /** `80/tcp` */
  readonly key: string;
  readonly protocol: "tcp" | "udp";
  readonly containerPort: number;
  /** One address, or both unspecified ones when none was named. */
  readonly hostIps: readonly string[];
  /** Ports to try in order; empty for any free one. */
  readonly hostPorts: readonly number[];
}

export interface PublishRequest {
  readonly ports: PortMap;
  readonly publishAll: boolean;
  readonly exposedPorts: readonly string[];
}

/** What netd is asked for. */
export type Listen = (port: Omit<NetdPort, "sandbox">) => Promise<void>;

export interface Publisher {
  readonly listen: Listen;
  readonly unlisten: Listen;
  readonly containerName: string;
  readonly endpointId: string;
  /** Stands in for a binding's empty host address (`com.docker.network.bridge.host_binding_ipv4`). */
  readonly defaultIp: string;
}

/**
 * Every port that is to be published. Pure.
 * @throws {EngineError} invalid
 */
export function wantedPorts({ ports, publishAll, exposedPorts }: PublishRequest, defaultIp: string): WantedPort[] {
  const bindings: [string, readonly PortBinding[]][] = Object.entries(ports).map(([key, list]) => [key, list ?? []]);
  const all = publishAll ? exposedPorts.filter((key) => !ports[key]?.length).map((key): [string, PortBinding[]] => [key, [{}]]) : [];
  return [...bindings, ...all].flatMap(([key, list]) => list.map((binding) => wantedPort(key, binding, defaultIp)));
}

function wantedPort(key: string, { HostIp: hostIp = "", HostPort: hostPort = "" }: PortBinding, defaultIp: string): WantedPort {
  const [, port = "", protocol = "tcp"] = /^(\d{1,5})(?:\/(\w+))?$/.exec(key) ?? [];
  if (!isPort(Number(port))) throw new EngineError("invalid", `invalid port specification: "${key}"`);
  if (protocol !== "tcp" && protocol !== "udp")
    throw new EngineError("invalid", `Cannot publish port ${key}: only tcp and udp ports can be published`);
  if (hostIp && !isIP(hostIp)) throw new EngineError("invalid", `invalid IP address "${hostIp}"`);
  const hostIps = hostIp ? [hostIp] : defaultIp === "0.0.0.0" ? ["0.0.0.0", "::"] : [defaultIp];
  return { key: `${port}/${protocol}`, protocol, containerPort: Number(port), hostIps, hostPorts: hostPortsOf(hostPort) };
}

function hostPortsOf(text: string): number[] {
  if (text === "" || text === "0") return [];
  const [, from = "", to = from] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  if (!isPort(Number(from)) || !isPort(Number(to)) || Number(to) < Number(from))
    throw new EngineError("invalid", `invalid port specification: "${text}"`);
  return Array.from({ length: Number(to) - Number(from) + 1 }, (_, index) => Number(from) + index);
}

const isPort = (value: number): boolean => Number.isInteger(value) && value > 0 && value < 65536;

/** Gives out ephemeral ports in order, as dockerd does, so that a freed port is not taken again at once. */
export class EphemeralPorts {
  readonly #first: number;
  readonly #last: number;
  #next: number;

  constructor(range = readPortRange()) {
    [this.#first, this.#last] = range;
    this.#next = this.#first;
  }

  /** Every port of the range once, beginning after the last one given out. */
  *[Symbol.iterator](): Generator<number> {
    for (let count = this.#last - this.#first; count >= 0; count--) {
      const port = this.#next;
      this.#next = port === this.#last ? this.#first : port + 1;
      yield port;
    }
  }
}

function readPortRange(): [number, number] {
  try {
    const [first = 0, last = 0] = readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8").trim().split(/\s+/).map(Number);
    if (isPort(first) && isPort(last) && first < last) return [first, last];
  } catch {
    // Docker's own fallback follows.
  }
  return [49153, 65535];
}

/**
 * Opens every wanted port. What was opened before a failure is left to the caller, who closes the sandbox.
 * @returns the bindings as they are
 * @throws {EngineError} internal, in Docker's words
 */
export async function publish(wanted: readonly WantedPort[], ephemeral: EphemeralPorts, publisher: Publisher): Promise<PortMap> {
  const bound: Record<string, PortBinding[]> = {};
  for (const port of wanted) (bound[port.key] ??= []).push(...(await publishOne(port, ephemeral, publisher)));
  return bound;
}

async function publishOne(wanted: WantedPort, ephemeral: EphemeralPorts, publisher: Publisher): Promise<PortBinding[]> {
  const candidates = wanted.hostPorts.length > 0 ? wanted.hostPorts : ephemeral;
  let failure: unknown;
  for (const hostPort of candidates) {
    try {
      return await listenOnAll(wanted, hostPort, publisher);
    } catch (error) {
      failure = error;
      if (errorCode((error as Error).cause) !== "EADDRINUSE") break;
    }
  }
  throw failure;
}

/** On every address or on none. A machine without IPv6 simply has no `::`. */
async function listenOnAll(wanted: WantedPort, hostPort: number, publisher: Publisher): Promise<PortBinding[]> {
  const open: PortBinding[] = [];
  for (const hostIp of wanted.hostIps) {
    const port = { protocol: wanted.protocol, hostIp, hostPort, containerPort: wanted.containerPort };
    try {
      await publisher.listen(port);
      open.push({ HostIp: hostIp, HostPort: String(hostPort) });
    } catch (error) {
      const code = errorCode(error) ?? "";
      if (open.length > 0 && ["EAFNOSUPPORT", "EADDRNOTAVAIL"].includes(code)) continue;
      for (const { HostIp } of open) await publisher.unlisten({ ...port, hostIp: HostIp! });
      const details = { containerName: publisher.containerName, endpointId: publisher.endpointId, hostIp, hostPort, code };
      throw Object.assign(cannotPublish(details), { cause: error });
    }
  }
  return open;
}
