/** From a container's record to what Docker's API shows of it. */
import type { ContainerFiles, ContainerRecord, ContainerStateRecord } from "../containers/containers.ts";
import type { Endpoint, Network } from "../networks/networks.ts";
import { humanDuration } from "../syntax/duration.ts";
import { HOST_CONFIG_DEFAULTS } from "./host-config.ts";
import type {
  ContainerConfig,
  ContainerInspect,
  ContainerState,
  ContainerSummary,
  Health,
  NetworkSettings,
  Port,
} from "./types/container.ts";
import type { EndpointSettings, PortMap } from "./types/network.ts";

const NEVER = "0001-01-01T00:00:00Z";

/** Whether a process of the container is there, also one that is paused. */
export function isRunning({ state }: Pick<ContainerRecord, "state">): boolean {
  return ["running", "paused", "restarting"].includes(state.status);
}

/** Networks by name, for what an endpoint that does not run must be told about its network. */
export type NetworkIds = ReadonlyMap<string, Pick<Network, "id">>;

/** `GET /containers/{id}/json` without sizes. */
export function inspectContainer(
  record: ContainerRecord,
  more: { networks: NetworkIds; execIds: readonly string[]; files: ContainerFiles },
): ContainerInspect {
  const { files } = more;
  return {
    Id: record.id,
    Created: record.createdAt,
    Path: record.path,
    Args: [...record.args],
    State: stateOf(record.state),
    Image: record.imageId,
    ResolvConfPath: files.resolvConf,
    HostnamePath: files.hostname,
    HostsPath: files.hosts,
    LogPath: files.log,
    Name: `/${record.name}`,
    RestartCount: record.restartCount,
    Driver: "overlay2",
    Platform: record.platform.split("/")[0] ?? "linux",
    MountLabel: "",
    ProcessLabel: "",
    AppArmorProfile: "",
    ExecIDs: more.execIds.length > 0 ? [...more.execIds] : null,
    HostConfig: { ...HOST_CONFIG_DEFAULTS, ...record.hostConfig },
    GraphDriver: { Name: "overlay2", Data: { ID: record.id } },
    Mounts: record.mounts,
    Config: { ...CONFIG_DEFAULTS, ...record.config },
    NetworkSettings: networkSettings(record, more.networks),
  };
}

const CONFIG_DEFAULTS: ContainerConfig = {
  Hostname: "",
  Domainname: "",
  User: "",
  AttachStdin: false,
  AttachStdout: false,
  AttachStderr: false,
  Tty: false,
  OpenStdin: false,
  StdinOnce: false,
  Env: [],
  Cmd: null,
  Image: "",
  Volumes: null,
  WorkingDir: "",
  Entrypoint: null,
  OnBuild: null,
  Labels: {},
};

function stateOf(state: ContainerStateRecord): ContainerState {
  const { status, health } = state;
  return {
    Status: status,
    Running: ["running", "paused", "restarting"].includes(status),
    Paused: status === "paused",
    Restarting: status === "restarting",
    OOMKilled: state.oomKilled,
    Dead: status === "dead",
    Pid: state.pid,
    ExitCode: state.exitCode,
    Error: state.error,
    StartedAt: state.startedAt || NEVER,
    FinishedAt: state.finishedAt || NEVER,
    ...(health && { Health: healthOf(health) }),
  };
}

function healthOf(health: NonNullable<ContainerStateRecord["health"]>): Health {
  const log = health.log.map(({ start, end, exitCode, output }) => ({ Start: start, End: end, ExitCode: exitCode, Output: output }));
  return { Status: health.status, FailingStreak: health.failingStreak, Log: log };
}

function networkSettings(record: ContainerRecord, networks: NetworkIds): NetworkSettings {
  const { sandbox } = record;
  const all = endpointsOf(record, networks);
  // Docker's older fields show the endpoint on the default bridge.
  const first = all["bridge"];
  return {
    Bridge: "",
    SandboxID: sandbox ? record.id : "",
    SandboxKey: sandbox?.netnsPath ?? "",
    Ports: portsInUse(record),
    HairpinMode: false,
    LinkLocalIPv6Address: "",
    LinkLocalIPv6PrefixLen: 0,
    SecondaryIPAddresses: null,
    SecondaryIPv6Addresses: null,
    EndpointID: first?.EndpointID ?? "",
    Gateway: first?.Gateway ?? "",
    GlobalIPv6Address: first?.GlobalIPv6Address ?? "",
    GlobalIPv6PrefixLen: first?.GlobalIPv6PrefixLen ?? 0,
    IPAddress: first?.IPAddress ?? "",
    IPPrefixLen: first?.IPPrefixLen ?? 0,
    IPv6Gateway: first?.IPv6Gateway ?? "",
    MacAddress: first?.MacAddress ?? "",
    Networks: all,
  };
}

/** Networks of a container by name: what it was given, and while it runs its addresses. */
export function endpointsOf(record: ContainerRecord, networks: NetworkIds): Record<string, EndpointSettings> {
  const { EndpointsConfig: wanted } = record.networking;
  const live = new Map((record.sandbox?.endpoints ?? []).map((endpoint) => [endpoint.networkName, endpoint]));
  const names = new Set([...Object.keys(wanted ?? {}).map(networkName), ...live.keys()]);
  const mode = networkName(record.hostConfig.NetworkMode ?? "default");
  if (names.size === 0 && mode === "host") names.add(mode);
  return Object.fromEntries(
    [...names].map((name) => {
      const settings = wanted?.[name] ?? (name === "bridge" ? wanted?.["default"] : undefined) ?? {};
      return [name, endpointSettings(settings, live.get(name), networks.get(name)?.id ?? settings.NetworkID ?? "")];
    }),
  );
}

function networkName(name: string): string {
  return name === "default" || name === "" ? "bridge" : name;
}

function endpointSettings(wanted: EndpointSettings, live: Endpoint | undefined, networkId: string): EndpointSettings {
  return {
    IPAMConfig: wanted.IPAMConfig ?? null,
    Links: wanted.Links ?? null,
    Aliases: wanted.Aliases ?? null,
    MacAddress: live?.macAddress ?? wanted.MacAddress ?? "",
    DriverOpts: wanted.DriverOpts ?? null,
    GwPriority: wanted.GwPriority ?? 0,
    NetworkID: live?.networkId ?? networkId,
    EndpointID: live?.id ?? "",
    Gateway: live?.gateway ?? "",
    IPAddress: live?.ipv4 ?? "",
    IPPrefixLen: live?.prefix ?? 0,
    IPv6Gateway: live?.ipv6Gateway ?? "",
    GlobalIPv6Address: live?.ipv6 ?? "",
    GlobalIPv6PrefixLen: live?.ipv6Prefix ?? 0,
    DNSNames: live && live.dnsNames.length > 0 ? [...live.dnsNames] : null,
  };
}

/** Ports of a running container: the bindings there are, and null for what is only exposed. */
export function portsInUse(record: ContainerRecord): PortMap {
  if (!record.sandbox) return {};
  const exposed = Object.keys(record.config.ExposedPorts ?? {}).map((port) => [port, null] as const);
  return { ...Object.fromEntries(exposed), ...record.sandbox.ports };
}

/** One element of `GET /containers/json`. */
export function summarizeContainer(
  record: ContainerRecord,
  more: { networks: NetworkIds; image: string; nowMs: number },
): ContainerSummary {
  const { hostConfig } = record;
  return {
    Id: record.id,
    Names: [`/${record.name}`],
    Image: more.image,
    ImageID: record.imageId,
    Command: commandOf(record),
    Created: Math.trunc(Date.parse(record.createdAt) / 1000),
    Ports: portList(portsInUse(record)),
    Labels: { ...record.config.Labels },
    State: record.state.status,
    Status: statusText(record.state, more.nowMs),
    HostConfig: {
      NetworkMode: networkName(hostConfig.NetworkMode ?? "default"),
      ...(hostConfig.Annotations && { Annotations: hostConfig.Annotations }),
    },
    NetworkSettings: { Networks: endpointsOf(record, more.networks) },
    Mounts: record.mounts,
  };
}

function commandOf({ path, args }: ContainerRecord): string {
  return [path, ...args.map((word) => (word.includes(" ") ? `'${word}'` : word))].join(" ");
}

function portList(ports: PortMap): Port[] {
  const list = Object.entries(ports).flatMap(([key, bindings]): Port[] => {
    const [port = "", protocol = "tcp"] = key.split("/");
    const inside = { PrivatePort: Number(port), Type: protocol };
    if (!bindings || bindings.length === 0) return [inside];
    return bindings.map(({ HostIp, HostPort }) => ({ IP: HostIp || "0.0.0.0", ...inside, PublicPort: Number(HostPort) }));
  });
  return list.toSorted((a, b) => a.PrivatePort - b.PrivatePort);
}

/**
 * The state in words, as `docker ps` prints it: `Up 3 seconds (healthy)`.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/container/state.go
 */
export function statusText(state: ContainerStateRecord, nowMs: number): string {
  const since = (time: string): string => humanDuration(nowMs - Date.parse(time));
  switch (state.status) {
    case "running":
      return `Up ${since(state.startedAt)}${healthText(state)}`;
    case "paused":
      return `Up ${since(state.startedAt)} (Paused)`;
    case "restarting":
      return `Restarting (${state.exitCode}) ${since(state.finishedAt)} ago`;
    case "removing":
      return "Removal In Progress";
    case "dead":
      return "Dead";
    case "created":
      return "Created";
    case "exited":
      return state.finishedAt === "" ? "" : `Exited (${state.exitCode}) ${since(state.finishedAt)} ago`;
  }
}

function healthText({ health }: ContainerStateRecord): string {
  if (!health) return "";
  return health.status === "starting" ? " (health: starting)" : ` (${health.status})`;
}
