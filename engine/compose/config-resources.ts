/**
 * The part of a service that limits and places its containers, as the engine's host configuration.
 */
import type { DeviceRequest, HostConfig, Resources, RestartPolicy, ThrottleDevice } from "../api/types/container.ts";
import type { DeviceRequest as WantedDevice, Resource, ServiceConfig, ThrottleDevice as Throttled } from "./service.ts";

/** Bytes of a number that the model wrote as text. */
export function toBytes(value: string | number | undefined): number {
  return value === undefined ? 0 : Number(value);
}

/** Limits of CPU, memory, processes, devices and disks; those under `deploy` count more. */
export function resources(service: ServiceConfig): Resources {
  const limits = service.deploy?.resources?.limits;
  const reserved = service.deploy?.resources?.reservations;
  const pids = limits?.pids || service.pids_limit;
  return {
    CgroupParent: service.cgroup_parent ?? "",
    Memory: toBytes(limits?.memory) || toBytes(service.mem_limit),
    MemoryReservation: toBytes(reserved?.memory) || toBytes(service.mem_reservation),
    MemorySwap: toBytes(service.memswap_limit),
    ...(service.mem_swappiness ? { MemorySwappiness: toBytes(service.mem_swappiness) } : {}),
    OomKillDisable: service.oom_kill_disable ?? false,
    ...cpu(service, limits),
    ...(pids ? { PidsLimit: pids } : {}),
    ...disks(service),
    Devices: (service.devices ?? []).map(({ source = "", target, permissions }) => ({
      PathOnHost: source,
      PathInContainer: target || source,
      CgroupPermissions: permissions || "rwm",
    })),
    DeviceCgroupRules: service.device_cgroup_rules ?? null,
    DeviceRequests: [...(service.gpus ?? []).map(gpuRequest), ...(reserved?.devices ?? []).map(deviceRequest)],
    Ulimits: Object.entries(service.ulimits ?? {}).map(([Name, limit]) =>
      typeof limit === "number" ? { Name, Soft: limit, Hard: limit } : { Name, Soft: limit.soft ?? 0, Hard: limit.hard ?? 0 },
    ),
  };
}

function cpu(service: ServiceConfig, limits: Resource | undefined): Resources {
  return {
    NanoCpus: Math.round(Number(limits?.cpus ?? service.cpus ?? 0) * 1e9),
    CpuCount: service.cpu_count ?? 0,
    CpuPercent: Math.round((service.cpu_percent ?? 0) * 100),
    CpuPeriod: service.cpu_period ?? 0,
    CpuQuota: service.cpu_quota ?? 0,
    CpuRealtimePeriod: service.cpu_rt_period ?? 0,
    CpuRealtimeRuntime: service.cpu_rt_runtime ?? 0,
    CpuShares: service.cpu_shares ?? 0,
    CpusetCpus: service.cpuset ?? "",
  };
}

function disks({ blkio_config: wanted }: ServiceConfig): Resources {
  if (!wanted) return {};
  const throttle = (devices: readonly Throttled[] | undefined): ThrottleDevice[] =>
    (devices ?? []).map(({ path = "", rate }) => ({ Path: path, Rate: toBytes(rate) }));
  return {
    BlkioWeight: wanted.weight ?? 0,
    BlkioWeightDevice: (wanted.weight_device ?? []).map(({ path = "", weight = 0 }) => ({ Path: path, Weight: weight })),
    BlkioDeviceReadBps: throttle(wanted.device_read_bps),
    BlkioDeviceReadIOps: throttle(wanted.device_read_iops),
    BlkioDeviceWriteBps: throttle(wanted.device_write_bps),
    BlkioDeviceWriteIOps: throttle(wanted.device_write_iops),
  };
}

/** Graphics processors always have the capability that names them. */
function gpuRequest(device: WantedDevice): DeviceRequest {
  return deviceRequest({ ...device, capabilities: [...(device.capabilities ?? []), "gpu"] });
}

function deviceRequest({ capabilities = [], count, device_ids: ids, driver, options }: WantedDevice): DeviceRequest {
  return { Capabilities: [capabilities], Count: count ?? 0, DeviceIDs: ids ?? null, Driver: driver ?? "", Options: options ?? null };
}

const CONDITIONS: Readonly<Record<string, NonNullable<RestartPolicy["Name"]>>> = {
  none: "no",
  no: "no",
  any: "always",
  always: "always",
  "on-failure": "on-failure",
  "unless-stopped": "unless-stopped",
};

/** `restart: on-failure:3`, or what `deploy` says. */
export function restartPolicy({ restart, deploy }: ServiceConfig): RestartPolicy {
  const policy = deploy?.restart_policy;
  if (policy) return { Name: CONDITIONS[policy.condition ?? "any"] ?? "", MaximumRetryCount: policy.max_attempts ?? 0 };
  const [name = "", attempts] = (restart ?? "").split(":");
  return { Name: CONDITIONS[name] ?? "", MaximumRetryCount: Number(attempts ?? 0) };
}

/** Security options and what `systempaths=unconfined` opens. `readProfile` gives the text of a seccomp profile's file. */
export function security(
  { security_opt: options = [] }: ServiceConfig,
  readProfile: (path: string) => string,
): Pick<HostConfig, "SecurityOpt" | "MaskedPaths" | "ReadonlyPaths"> {
  const SecurityOpt = options
    .filter((option) => option !== "systempaths=unconfined")
    .map((option) => {
      const [, profile] = /^seccomp[=:](.+)$/s.exec(option) ?? [];
      if (!profile || profile === "unconfined" || profile.startsWith("{")) return option;
      return `seccomp=${JSON.stringify(JSON.parse(readProfile(profile)))}`;
    });
  const open = SecurityOpt.length < options.length;
  return { SecurityOpt: SecurityOpt.length > 0 ? SecurityOpt : null, ...(open ? { MaskedPaths: [], ReadonlyPaths: [] } : {}) };
}
