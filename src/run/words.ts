/** A container that exists as what one would type behind `run`, for docker's own command as well. Pure. */
import type { ContainerInspect, HealthConfig, HostConfig } from "../../engine/api/types/container.ts";
import type { ImageInspect } from "../../engine/api/types/image.ts";
import { mountFlags } from "./mount-words.ts";
import { networkFlags } from "./network-words.ts";
import { quoteWord, runFlags, specOf } from "./spec.ts";

/** What an image says of its containers. */
export type ImageConfig = NonNullable<ImageInspect["Config"]>;

const each = (flag: string, values: readonly string[] | null | undefined): string[] => (values ?? []).flatMap((value) => [flag, value]);
const one = (flag: string, value: string | undefined): string[] => (value ? [flag, value] : []);
const on = (flag: string, value: boolean | null | undefined): string[] => (value ? [flag] : []);
const number = (flag: string, value: number | null | undefined): string[] => (value ? [flag, String(value)] : []);
const pairs = (flag: string, values: Readonly<Record<string, string>> | null | undefined): string[] =>
  each(
    flag,
    Object.entries(values ?? {}).map(([name, value]) => `${name}=${value}`),
  );

/** What the image says by itself is not repeated. Compose's own labels are left out: such a container is nobody's. */
export function containerWords(inspect: ContainerInspect, image: Partial<ImageConfig>): string[] {
  const { Config, HostConfig: host } = inspect;
  const entrypoint = same(Config.Entrypoint, image.Entrypoint) ? undefined : (Config.Entrypoint ?? [""]);
  const spec = specOf(inspect, image);
  return [
    ...runFlags({ ...spec, mounts: host.Binds ?? [], network: "", restart: "no" }),
    ...configFlags(inspect, image),
    ...one("--restart", restartWord(host)),
    ...(entrypoint === undefined ? [] : ["--entrypoint", entrypoint[0] ?? ""]),
    ...networkFlags(inspect),
    ...mountFlags(host),
    ...hostFlags(host),
    ...limitFlags(host),
    spec.image,
    // Another entry point forgets the image's command, and only its first word is a flag's.
    ...(entrypoint ?? []).slice(1),
    ...(entrypoint !== undefined || spec.command !== "" ? (Config.Cmd ?? []) : []),
  ];
}

function configFlags({ Config, HostConfig: host, Id }: ContainerInspect, image: Partial<ImageConfig>): string[] {
  const labels = Object.entries(Config.Labels ?? {}).filter(
    ([name, value]) => image.Labels?.[name] !== value && !name.startsWith("com.docker.compose."),
  );
  const beyond = (key: "ExposedPorts" | "Volumes"): string[] =>
    Object.keys(Config[key] ?? {}).filter((name) => !(name in (image[key] ?? {})));
  const published = host.PortBindings ?? {};
  return [
    ...pairs("--label", Object.fromEntries(labels)),
    ...one("--hostname", Config.Hostname && Config.Hostname !== Id.slice(0, 12) && host.NetworkMode !== "host" ? Config.Hostname : ""),
    ...one("--domainname", Config.Domainname),
    ...each(
      "--expose",
      beyond("ExposedPorts").filter((port) => !(port in published)),
    ),
    ...each("--volume", beyond("Volumes")),
    ...on("--interactive", Config.OpenStdin),
    ...on("--tty", Config.Tty),
    ...one("--stop-signal", Config.StopSignal === image.StopSignal ? "" : Config.StopSignal),
    ...(Config.StopTimeout === undefined ? [] : ["--stop-timeout", String(Config.StopTimeout)]),
    ...(same(Config.Healthcheck, image.Healthcheck) ? [] : healthFlags(Config.Healthcheck)),
  ];
}

/** Docker's command knows checks in a shell only: the words of another one are quoted for it. */
function healthFlags(check: HealthConfig | undefined): string[] {
  if (!check) return [];
  const [kind, ...words] = check.Test ?? [];
  if (kind === "NONE") return ["--no-healthcheck"];
  const seconds = (flag: string, nanoseconds: number | undefined): string[] => (nanoseconds ? [flag, `${nanoseconds / 1e9}s`] : []);
  return [
    ...one("--health-cmd", kind === "CMD" ? words.map(quoteWord).join(" ") : words[0]),
    ...seconds("--health-interval", check.Interval),
    ...seconds("--health-timeout", check.Timeout),
    ...seconds("--health-start-period", check.StartPeriod),
    ...seconds("--health-start-interval", check.StartInterval),
    ...number("--health-retries", check.Retries),
  ];
}

function restartWord({ RestartPolicy }: HostConfig): string {
  const { Name = "no", MaximumRetryCount = 0 } = RestartPolicy ?? {};
  if (Name === "no" || Name === "") return "";
  return MaximumRetryCount > 0 ? `${Name}:${MaximumRetryCount}` : Name;
}

function hostFlags(host: HostConfig): string[] {
  const { LogConfig } = host;
  return [
    ...on("--privileged", host.Privileged),
    ...on("--read-only", host.ReadonlyRootfs),
    ...on("--init", host.Init),
    ...on("--publish-all", host.PublishAllPorts),
    ...each("--cap-add", host.CapAdd),
    ...each("--cap-drop", host.CapDrop),
    ...each("--security-opt", host.SecurityOpt),
    ...each("--group-add", host.GroupAdd),
    ...each("--add-host", host.ExtraHosts),
    ...each("--dns", host.Dns),
    ...each("--dns-search", host.DnsSearch),
    ...each("--dns-option", host.DnsOptions),
    ...each("--link", host.Links?.map(linkWord)),
    ...each(
      "--device",
      host.Devices?.map(({ PathOnHost, PathInContainer, CgroupPermissions }) => `${PathOnHost}:${PathInContainer}:${CgroupPermissions}`),
    ),
    ...each("--device-cgroup-rule", host.DeviceCgroupRules),
    ...pairs("--sysctl", host.Sysctls),
    ...pairs("--annotation", host.Annotations),
    ...pairs("--storage-opt", host.StorageOpt),
    ...one("--log-driver", LogConfig?.Type === "json-file" ? "" : LogConfig?.Type),
    ...pairs("--log-opt", LogConfig?.Config),
    ...one("--pid", host.PidMode),
    ...one("--ipc", host.IpcMode === "private" || host.IpcMode === "shareable" ? "" : host.IpcMode),
    ...one("--uts", host.UTSMode),
    ...one("--userns", host.UsernsMode),
    ...one("--cgroup-parent", host.CgroupParent),
  ];
}

/** What the engine answers without being asked is left out: swap as large as memory, 64 MB of shared memory. */
function limitFlags(host: HostConfig): string[] {
  const swap = host.MemorySwap === 2 * (host.Memory ?? 0) ? 0 : host.MemorySwap;
  return [
    ...number("--memory-swap", swap),
    ...number("--memory-reservation", host.MemoryReservation),
    ...number("--memory-swappiness", host.MemorySwappiness),
    ...number("--cpu-shares", host.CpuShares),
    ...number("--cpu-period", host.CpuPeriod),
    ...number("--cpu-quota", host.CpuQuota),
    ...number("--cpu-rt-period", host.CpuRealtimePeriod),
    ...number("--cpu-rt-runtime", host.CpuRealtimeRuntime),
    ...one("--cpuset-cpus", host.CpusetCpus),
    ...one("--cpuset-mems", host.CpusetMems),
    ...number("--pids-limit", host.PidsLimit),
    ...number("--blkio-weight", host.BlkioWeight),
    ...each(
      "--blkio-weight-device",
      host.BlkioWeightDevice?.map(({ Path, Weight }) => `${Path}:${Weight}`),
    ),
    ...(
      [
        ["--device-read-bps", host.BlkioDeviceReadBps],
        ["--device-write-bps", host.BlkioDeviceWriteBps],
        ["--device-read-iops", host.BlkioDeviceReadIOps],
        ["--device-write-iops", host.BlkioDeviceWriteIOps],
      ] as const
    ).flatMap(([flag, devices]) =>
      each(
        flag,
        devices?.map(({ Path, Rate }) => `${Path}:${Rate}`),
      ),
    ),
    ...number("--shm-size", host.ShmSize === 64 * 1024 ** 2 ? 0 : host.ShmSize),
    ...each(
      "--ulimit",
      host.Ulimits?.map(({ Name, Soft, Hard }) => `${Name}=${Soft}:${Hard}`),
    ),
    ...number("--oom-score-adj", host.OomScoreAdj),
    ...on("--oom-kill-disable", host.OomKillDisable),
  ];
}

/** Docker answers `/other:/this/alias`, others `other:alias`. */
function linkWord(link: string): string {
  const [other = "", alias = ""] = link.split(":");
  return `${other.replace(/^\//, "")}:${alias.slice(alias.lastIndexOf("/") + 1)}`;
}

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a ?? []) === JSON.stringify(b ?? []);
