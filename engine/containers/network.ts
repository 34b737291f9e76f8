/** What a container tells the network room, and the files that the answer becomes. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { EndpointSettings } from "../api/types/network.ts";
import { EngineError } from "../errors.ts";
import { noneNetworkConnect } from "../networks/errors.ts";
import type { Sandbox, SandboxRequest } from "../networks/networks.ts";
import type { ContainerFiles, ContainerRecord } from "./containers.ts";
import type { Entry } from "./entry.ts";
import { noSuchContainer } from "./messages.ts";
import type { Rooms } from "./rooms.ts";
import type { ContainerStore } from "./store.ts";

/** The directory of a container's own files. */
export function containerDirectory(rooms: Pick<Rooms, "host">, id: string): string {
  return join(rooms.host.paths.storage, "containers", id);
}

export interface NetworkFiles {
  readonly resolvConf: string;
  readonly hostname: string;
  readonly hosts: string;
}

export function networkFiles(rooms: Pick<Rooms, "host">, id: string): NetworkFiles {
  const directory = containerDirectory(rooms, id);
  return { resolvConf: join(directory, "resolv.conf"), hostname: join(directory, "hostname"), hosts: join(directory, "hosts") };
}

/** What of its files a container has since its first start: those of its network, and the log that Docker names, of json-file. */
export function ownFiles(rooms: Pick<Rooms, "host">, { id, log, record }: Entry): ContainerFiles {
  const owned = record.hostConfig.NetworkMode?.startsWith("container:") ? undefined : networkFiles(rooms, id);
  const started = record.state.startedAt !== "";
  const { resolvConf = "", hostname = "", hosts = "" } = (started && owned) || {};
  return { resolvConf, hostname, hosts, log: started && record.hostConfig.LogConfig?.Type === "json-file" ? log.directory : "" };
}

/** The container whose network is shared by `container:<name>`; undefined for other modes. */
export function networkOwner(store: ContainerStore, record: ContainerRecord): Entry | undefined {
  const name = /^container:(.*)$/.exec(record.hostConfig.NetworkMode ?? "")?.[1];
  if (name === undefined) return undefined;
  const owner = findOwner(store, name);
  if (!owner.isUp)
    throw new EngineError(
      "conflict",
      `cannot join network namespace of a non running container: container ${owner.record.name} is ${owner.record.state.status}`,
    );
  return owner;
}

function findOwner(store: ContainerStore, name: string): Entry {
  try {
    return store.find(name);
  } catch {
    throw new EngineError("internal", `joining network namespace of container: ${noSuchContainer(name).message}`);
  }
}

/** Only a container with networks of its own can have one more, and none is no network beside others. @throws {EngineError} invalid */
export function checkPrivate({ hostConfig, networking }: ContainerRecord, network: string): void {
  if (/^(host$|container:)/.test(hostConfig.NetworkMode ?? ""))
    throw new EngineError(
      "invalid",
      "container sharing network namespace with another container or host cannot be connected to any other network",
    );
  const others = Object.keys(networking.EndpointsConfig ?? {}).filter((name) => name !== network);
  if (others.includes("none") || (network === "none" && others.length > 0)) throw noneNetworkConnect();
}

export function sandboxRequest(record: ContainerRecord, joinPid: number | undefined): SandboxRequest {
  const { config, hostConfig } = record;
  const links = hostConfig.Links?.length ? { Links: hostConfig.Links } : {};
  const endpoints = Object.entries(record.networking.EndpointsConfig ?? {}).map(([name, settings]): [string, EndpointSettings] => [
    name,
    { ...settings, ...(name === "bridge" && links) },
  ]);
  return {
    containerId: record.id,
    containerName: record.name,
    hostname: config.Hostname ?? "",
    domainname: config.Domainname ?? "",
    mode: config.NetworkDisabled ? "none" : (hostConfig.NetworkMode ?? "bridge"),
    ...(joinPid !== undefined && { joinPid }),
    endpoints: Object.fromEntries(endpoints),
    ports: hostConfig.PortBindings ?? {},
    publishAll: hostConfig.PublishAllPorts ?? false,
    exposedPorts: Object.keys(config.ExposedPorts ?? {}),
    dns: hostConfig.Dns ?? [],
    dnsSearch: hostConfig.DnsSearch ?? [],
    dnsOptions: hostConfig.DnsOptions ?? [],
  };
}

const LOCAL_HOSTS = `127.0.0.1\tlocalhost
::1\tlocalhost ip6-localhost ip6-loopback
fe00::\tip6-localnet
ff00::\tip6-mcastprefix
ff02::1\tip6-allnodes
ff02::2\tip6-allrouters
`;

/** Content of /etc/hosts. `--add-host` takes `name:address` and `name=address`, and `host-gateway` for an address. */
export function hostsFile(sandbox: Pick<Sandbox, "netnsPath" | "hosts" | "hostGateway">, extraHosts: readonly string[]): string {
  const base = sandbox.netnsPath === null ? machineHosts() : LOCAL_HOSTS;
  const extra = extraHosts.flatMap((entry) => {
    const [, name, address] = /^([^:=]+)[:=](.*)$/s.exec(entry) ?? [];
    if (!name || !address) return [];
    const ip = address.replace(/^\[(.*)\]$/, "$1");
    return [`${ip === "host-gateway" ? sandbox.hostGateway : ip}\t${name}`];
  });
  const own = sandbox.hosts.map((line) => line.replace(/\s+/, "\t"));
  return base + [...extra, ...own].map((line) => `${line}\n`).join("");
}

function machineHosts(): string {
  try {
    return readFileSync("/etc/hosts", "utf8");
  } catch {
    return LOCAL_HOSTS;
  }
}

/** Writes the files of a container; they are bind-mounted, so that they are written in place. */
export function writeNetworkFiles(rooms: Rooms, record: ContainerRecord, sandbox: Sandbox): NetworkFiles {
  const files = networkFiles(rooms, record.id);
  mkdirSync(containerDirectory(rooms, record.id), { recursive: true, mode: 0o711 });
  writeFileSync(files.resolvConf, sandbox.resolvConf, { mode: 0o644 });
  writeFileSync(files.hostname, `${hostnameOf(record)}\n`, { mode: 0o644 });
  writeFileSync(files.hosts, hostsFile(sandbox, record.hostConfig.ExtraHosts ?? []), { mode: 0o644 });
  return files;
}

export function hostnameOf({ config, hostConfig }: Pick<ContainerRecord, "config" | "hostConfig">): string {
  return hostConfig.UTSMode === "host" ? hostname() : (config.Hostname ?? "");
}
