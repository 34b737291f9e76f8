/**
 * A service's container as the engine is asked for it: the file's words → the body of a create request. Pure.
 */
import type { ContainerCreateRequest, ContainerSummary, HealthConfig, HostConfig, LogConfig } from "../api/types/container.ts";
import { mountsOf } from "./config-mounts.ts";
import { connections, exposedPorts, networkingConfig, portBindings } from "./config-network.ts";
import type { Connections } from "./config-network.ts";
import { resources, restartPolicy, security, toBytes } from "./config-resources.ts";
import { durationNanoseconds } from "./units.ts";
import { serviceHash } from "./hash.ts";
import { COMPOSE_VERSION, LABEL } from "./labels.ts";
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** All that a container's request depends on. */
export interface ContainerWish {
  readonly project: Project;
  /** The service's name. */
  readonly name: string;
  readonly number: number;
  /** With references to other services replaced by their containers. */
  readonly service: ServiceConfig;
  /** The service again, with the host's paths as the engine has them. */
  readonly mounted: ServiceConfig;
  /** Id of the image, and the directories it declares as volumes. */
  readonly image: { readonly id: string; readonly volumes: readonly string[] };
  /** `container:alias` of `links`. */
  readonly links: readonly string[];
  /** The container whose place this one takes. */
  readonly replaced?: ContainerSummary | undefined;
  /** Whether the engine takes several networks at once (API 1.44). */
  readonly severalNetworks: boolean;
  /** The engine's name or id of a network. */
  readonly networkName: (key: string) => string;
  readonly readFile: (path: string) => string;
  /** For `run`: no part of the service's replicas. */
  readonly oneOff?: { readonly labels: Readonly<Record<string, string>>; readonly aliases: boolean; readonly autoRemove: boolean };
}

/** The request, and all networks that the container is to be in. */
export function containerRequest(wish: ContainerWish): { request: ContainerCreateRequest; connections: Connections } {
  const { service } = wish;
  const connected = connections({ ...wish, aliases: wish.oneOff?.aliases ?? true }, wish.networkName);
  const main = connected.endpoints[0]?.[1];
  // An engine that knows addresses of endpoints wants the service's own there; an older one wants it on the container.
  if (main && service.mac_address && wish.severalNetworks) main.MacAddress ??= service.mac_address;
  const mac = wish.severalNetworks ? undefined : (service.mac_address ?? main?.MacAddress);
  const grace = service.stop_grace_period;
  const stdin = service.stdin_open ?? false;
  const request: ContainerCreateRequest = {
    Hostname: service.hostname ?? "",
    Domainname: service.domainname ?? "",
    User: service.user ?? "",
    // Only a command that somebody types to reads it, and once.
    AttachStdin: stdin && wish.oneOff !== undefined,
    AttachStdout: true,
    AttachStderr: true,
    ExposedPorts: exposedPorts(service),
    Tty: service.tty ?? false,
    OpenStdin: stdin,
    StdinOnce: stdin && wish.oneOff !== undefined,
    Env: environment(service),
    Cmd: service.command ?? null,
    ...(service.healthcheck ? { Healthcheck: health(service.healthcheck) } : {}),
    Image: imageName(wish),
    WorkingDir: service.working_dir ?? "",
    Entrypoint: service.entrypoint ?? null,
    ...(mac ? { MacAddress: mac } : {}),
    Labels: labels(wish),
    ...(service.stop_signal ? { StopSignal: service.stop_signal } : {}),
    ...(grace ? { StopTimeout: Math.round(durationNanoseconds(grace) / 1e9) } : {}),
    HostConfig: hostConfig(wish, connected),
    NetworkingConfig: networkingConfig(connected, wish.severalNetworks),
  };
  return { request, connections: connected };
}

function imageName({ project, name, service }: ContainerWish): string {
  return service.image ?? `${project.name}-${name}`;
}

/** `NAME=value`; a variable that has no value anywhere is not handed on. */
export function environment({ environment: values = {} }: { environment?: Readonly<Record<string, string | null>> }): string[] | null {
  const texts = Object.entries(values).flatMap(([name, value]) => (value === null ? [] : [`${name}=${value}`]));
  return texts.length > 0 ? texts : null;
}

function health(check: NonNullable<ServiceConfig["healthcheck"]>): HealthConfig {
  if (check.disable) return { Test: ["NONE"] };
  return {
    ...(check.test ? { Test: check.test } : {}),
    ...(check.interval ? { Interval: durationNanoseconds(check.interval) } : {}),
    ...(check.timeout ? { Timeout: durationNanoseconds(check.timeout) } : {}),
    ...(check.start_period ? { StartPeriod: durationNanoseconds(check.start_period) } : {}),
    ...(check.start_interval ? { StartInterval: durationNanoseconds(check.start_interval) } : {}),
    ...(check.retries ? { Retries: check.retries } : {}),
  };
}

/** Labels that every container of a project has. */
export function projectLabels(project: Project, service: string): Record<string, string> {
  return {
    [LABEL.project]: project.name,
    [LABEL.service]: service,
    [LABEL.version]: COMPOSE_VERSION,
    [LABEL.workingDirectory]: project.workingDir,
    [LABEL.configFiles]: project.files.join(","),
    ...(project.envFiles.length > 0 ? { [LABEL.environmentFile]: project.envFiles.join(",") } : {}),
  };
}

function labels({ project, name, number, service, image, replaced, oneOff }: ContainerWish): Record<string, string> {
  const needs = Object.entries(service.depends_on ?? {}).map(([other, need]) => `${other}:${need.condition}:${need.restart ?? false}`);
  return {
    ...service.labels,
    ...projectLabels(project, name),
    [LABEL.configHash]: serviceHash(service),
    [LABEL.dependsOn]: needs.join(","),
    [LABEL.image]: image.id,
    ...(oneOff ? oneOff.labels : { [LABEL.oneOff]: "False", [LABEL.number]: String(number) }),
    ...(replaced ? { [LABEL.replace]: replaced.Id } : {}),
  };
}

function hostConfig(wish: ContainerWish, connected: Connections): HostConfig {
  const { project, service, replaced, image, readFile, oneOff } = wish;
  const { binds, mounts } = mountsOf(project, wish.mounted, { replaced, imageVolumes: image.volumes });
  return {
    Binds: binds.length > 0 ? binds : null,
    ...(mounts.length > 0 ? { Mounts: mounts } : {}),
    LogConfig: log(service),
    NetworkMode: connected.mode,
    PortBindings: portBindings(service),
    RestartPolicy: restartPolicy(service),
    AutoRemove: oneOff?.autoRemove ?? false,
    VolumesFrom: service.volumes_from ?? null,
    CapAdd: service.cap_add ?? null,
    CapDrop: service.cap_drop ?? null,
    CgroupnsMode: cgroupMode(service.cgroup),
    Dns: service.dns ?? null,
    DnsOptions: service.dns_opt ?? null,
    DnsSearch: service.dns_search ?? null,
    ExtraHosts: (service.extra_hosts ?? []).map((text) => text.replace("=", ":")),
    GroupAdd: service.group_add ?? null,
    IpcMode: service.ipc ?? "",
    OomScoreAdj: service.oom_score_adj ?? 0,
    PidMode: service.pid ?? "",
    Privileged: service.privileged ?? false,
    ReadonlyRootfs: service.read_only ?? false,
    ...security(service, readFile),
    ...(service.storage_opt ? { StorageOpt: service.storage_opt } : {}),
    ...(service.tmpfs ? { Tmpfs: Object.fromEntries(service.tmpfs.map(pathAndOptions)) } : {}),
    UTSMode: service.uts ?? "",
    UsernsMode: service.userns_mode ?? "",
    ShmSize: toBytes(service.shm_size),
    ...(service.sysctls ? { Sysctls: service.sysctls } : {}),
    ...(service.runtime ? { Runtime: service.runtime } : {}),
    ...(service.isolation ? { Isolation: service.isolation } : {}),
    ...(service.annotations ? { Annotations: service.annotations } : {}),
    ...(service.init === undefined ? {} : { Init: service.init }),
    ...resources(service),
  };
}

function log({ logging }: ServiceConfig): LogConfig {
  return { Type: logging?.driver ?? "", Config: logging?.options ?? null };
}

function cgroupMode(mode: string | undefined): "" | "host" | "private" {
  return mode === "host" || mode === "private" ? mode : "";
}

function pathAndOptions(text: string): [path: string, options: string] {
  const at = text.indexOf(":");
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}
