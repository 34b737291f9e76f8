/**
 * Flags of `run` and `create` → the body of `POST /containers/create`.
 */
import type { ContainerConfig, ContainerCreateRequest, HealthConfig, HostConfig, Resources } from "../../api/types/container.ts";
import type { Cli } from "../cli.ts";
import { checkLogOptions, checkMac, checkStorageOptions, checkSwappiness, readExtraHost } from "./checks.ts";
import type { ContainerFlags } from "./flags.ts";
import {
  checkDevice,
  readByteRate,
  readCapabilities,
  readDevice,
  readGpus,
  readOperationRate,
  readRestartPolicy,
  readSecurityOptions,
  readUlimits,
  readWeightDevice,
} from "./limits.ts";
import { readMount, readTmpfs, readVolumes } from "./mounts.ts";
import { readNetworking } from "./networks.ts";
import { readExposed, readPublished } from "./ports.ts";
import { pairs, readEnvironment, readPairsFile } from "./text.ts";

export interface ContainerRequest {
  readonly flags: ContainerFlags;
  readonly given: ReadonlySet<string>;
  /** Image, then the command and its arguments. */
  readonly args: readonly string[];
  readonly autoRemove: boolean;
}

/** What `Env`, `Labels` and the like need of this process. */
type Surroundings = Pick<Cli, "cwd" | "env" | "stdout">;

/** @throws {Error} for flags that contradict each other, in docker's words */
export async function containerConfig(request: ContainerRequest, cli: Surroundings): Promise<ContainerCreateRequest> {
  const { flags } = request;
  const networking = readNetworking(flags.network, flags);
  const volumes = readVolumes(flags.volume, cli.cwd);
  const published = readPublished(flags.publish);
  const host = await hostConfig(request, cli);
  return {
    ...(await portableConfig(request, cli)),
    ...exposedPorts([...published.exposed, ...readExposed(flags.expose)]),
    Volumes: Object.fromEntries(volumes.anonymous.map((path) => [path, {}])),
    HostConfig: {
      ...host,
      // Of two for one path, docker sends the tmpfs.
      Binds: orNull(volumes.binds.filter((bind) => !((bind.split(":")[1] ?? "") in (host.Tmpfs ?? {})))),
      NetworkMode: networking.mode,
      PortBindings: published.bindings,
    },
    NetworkingConfig: { EndpointsConfig: networking.endpoints },
  };
}

function exposedPorts(keys: readonly string[]): Pick<ContainerConfig, "ExposedPorts"> {
  return keys.length > 0 ? { ExposedPorts: Object.fromEntries(keys.map((key) => [key, {}])) } : {};
}

async function portableConfig(request: ContainerRequest, cli: Surroundings): Promise<ContainerConfig> {
  const { flags, given } = request;
  const [Image = "", ...command] = request.args;
  const health = healthConfig(flags, given);
  const Env = await readEnvironment(flags["env-file"], flags.env, cli);
  const labels: string[] = [];
  for (const file of flags["label-file"]) labels.push(...(await readPairsFile(file, { cwd: cli.cwd, env: {} })));
  return {
    ...attachConfig(flags),
    Hostname: flags.hostname,
    Domainname: flags.domainname,
    User: flags.user,
    Tty: flags.tty,
    Env: orNull(Env),
    Cmd: orNull(command),
    Image,
    WorkingDir: flags.workdir,
    Entrypoint: given.has("entrypoint") ? [flags.entrypoint] : null,
    Labels: pairs([...labels, ...flags.label]),
    ...(health ? { Healthcheck: health } : {}),
    ...(flags["stop-signal"] ? { StopSignal: flags["stop-signal"] } : {}),
    ...(flags["stop-timeout"] === undefined ? {} : { StopTimeout: flags["stop-timeout"] }),
    ...(flags["mac-address"] ? { MacAddress: flags["mac-address"] } : {}),
  };
}

function attachConfig(flags: ContainerFlags): ContainerConfig {
  const attach = flags.attach.map((name) => name.toLowerCase());
  const all = attach.length === 0;
  const AttachStdin = attach.includes("stdin") || (all && flags.interactive);
  return {
    AttachStdin,
    AttachStdout: all || attach.includes("stdout"),
    AttachStderr: all || attach.includes("stderr"),
    OpenStdin: flags.interactive,
    StdinOnce: flags.interactive && AttachStdin,
  };
}

function healthConfig(flags: ContainerFlags, given: ReadonlySet<string>): HealthConfig | undefined {
  const asked = [...given].some((name) => name.startsWith("health-"));
  if (flags["no-healthcheck"]) {
    if (asked) throw new Error("--no-healthcheck conflicts with --health-* options");
    return { Test: ["NONE"] };
  }
  if (!asked) return undefined;
  for (const name of ["health-interval", "health-timeout", "health-start-period", "health-start-interval"] as const)
    if ((flags[name] ?? 0) < 0) throw new Error(`--${name} cannot be negative`);
  if ((flags["health-retries"] ?? 0) < 0) throw new Error("--health-retries cannot be negative");
  const interval = flags["health-start-interval"];
  return {
    ...(flags["health-cmd"] ? { Test: ["CMD-SHELL", flags["health-cmd"]] } : {}),
    Interval: flags["health-interval"] ?? 0,
    Timeout: flags["health-timeout"] ?? 0,
    StartPeriod: flags["health-start-period"] ?? 0,
    ...(interval ? { StartInterval: interval } : {}),
    Retries: flags["health-retries"] ?? 0,
  };
}

async function hostConfig(request: ContainerRequest, cli: Surroundings): Promise<HostConfig> {
  const { flags, given } = request;
  const restart = readRestartPolicy(flags.restart);
  if (request.autoRemove && restart.Name !== "no" && restart.Name !== "")
    throw new Error("conflicting options: cannot specify both --restart and --rm");
  checkModes(flags);
  checkMac(flags["mac-address"]);
  flags.device.forEach(checkDevice);
  checkLogOptions(flags["log-driver"], flags["log-opt"]);
  checkStorageOptions(flags["storage-opt"]);
  checkSwappiness(flags["memory-swappiness"]);
  return {
    ...resources(flags),
    ...(await readSecurityOptions(flags["security-opt"])),
    ...(flags.mount.length > 0 ? { Mounts: flags.mount.map((text) => readMount(text, cli.cwd)) } : {}),
    ...(flags.tmpfs.length > 0 ? { Tmpfs: readTmpfs(flags.tmpfs) } : {}),
    ...(Object.keys(flags.annotation).length > 0 ? { Annotations: flags.annotation } : {}),
    ...(Object.keys(flags.sysctl).length > 0 ? { Sysctls: flags.sysctl } : {}),
    ...(flags["storage-opt"].length > 0 ? { StorageOpt: pairs(flags["storage-opt"]) } : {}),
    ...(given.has("init") ? { Init: flags.init } : {}),
    ...(flags.runtime ? { Runtime: flags.runtime } : {}),
    ContainerIDFile: flags.cidfile,
    LogConfig: { Type: flags["log-driver"], Config: pairs(flags["log-opt"]) },
    RestartPolicy: restart,
    AutoRemove: request.autoRemove,
    VolumeDriver: flags["volume-driver"],
    VolumesFrom: orNull(flags["volumes-from"]),
    ConsoleSize: flags.tty ? [cli.stdout.rows ?? 0, cli.stdout.columns ?? 0] : [0, 0],
    CapAdd: readCapabilities(flags["cap-add"]),
    CapDrop: readCapabilities(flags["cap-drop"]),
    CgroupnsMode: flags.cgroupns as NonNullable<HostConfig["CgroupnsMode"]>,
    Dns: [...flags.dns],
    DnsOptions: [...flags["dns-option"]],
    DnsSearch: [...flags["dns-search"]],
    ExtraHosts: orNull(flags["add-host"].map(readExtraHost)),
    GroupAdd: orNull(flags["group-add"]),
    IpcMode: flags.ipc,
    Links: orNull(flags.link),
    OomScoreAdj: flags["oom-score-adj"] ?? 0,
    PidMode: flags.pid,
    Privileged: flags.privileged,
    PublishAllPorts: flags["publish-all"],
    ReadonlyRootfs: flags["read-only"],
    UTSMode: flags.uts,
    UsernsMode: flags.userns,
    ShmSize: flags["shm-size"] ?? 0,
    Isolation: flags.isolation,
  };
}

/** Names of shared namespaces that the engine would not understand. */
function checkModes(flags: ContainerFlags): void {
  if (flags.pid !== "" && flags.pid !== "host" && !/^container:.+/.test(flags.pid)) throw new Error("--pid: invalid PID mode");
  if (flags.uts !== "" && flags.uts !== "host") throw new Error("--uts: invalid UTS mode");
  if (flags.userns !== "" && flags.userns !== "host") throw new Error("--userns: invalid USER mode");
  if (!["", "host", "private"].includes(flags.cgroupns)) throw new Error("--cgroupns: invalid CGROUP mode");
}

function resources(flags: ContainerFlags): Resources {
  return {
    CpuShares: flags["cpu-shares"] ?? 0,
    Memory: flags.memory ?? 0,
    NanoCpus: flags.cpus ?? 0,
    CgroupParent: flags["cgroup-parent"],
    BlkioWeight: flags["blkio-weight"] ?? 0,
    BlkioWeightDevice: flags["blkio-weight-device"].map(readWeightDevice),
    BlkioDeviceReadBps: flags["device-read-bps"].map(readByteRate),
    BlkioDeviceWriteBps: flags["device-write-bps"].map(readByteRate),
    BlkioDeviceReadIOps: flags["device-read-iops"].map(readOperationRate),
    BlkioDeviceWriteIOps: flags["device-write-iops"].map(readOperationRate),
    CpuPeriod: flags["cpu-period"] ?? 0,
    CpuQuota: flags["cpu-quota"] ?? 0,
    CpuRealtimePeriod: flags["cpu-rt-period"] ?? 0,
    CpuRealtimeRuntime: flags["cpu-rt-runtime"] ?? 0,
    CpusetCpus: flags["cpuset-cpus"],
    CpusetMems: flags["cpuset-mems"],
    Devices: flags.device.map(readDevice),
    DeviceCgroupRules: orNull(flags["device-cgroup-rule"]),
    DeviceRequests: flags.gpus ? [readGpus(flags.gpus)] : null,
    MemoryReservation: flags["memory-reservation"] ?? 0,
    MemorySwap: flags["memory-swap"] ?? 0,
    MemorySwappiness: flags["memory-swappiness"] ?? -1,
    OomKillDisable: flags["oom-kill-disable"],
    PidsLimit: flags["pids-limit"] ?? 0,
    Ulimits: readUlimits(flags.ulimit),
  };
}

function orNull(texts: readonly string[]): string[] | null {
  return texts.length > 0 ? [...texts] : null;
}
