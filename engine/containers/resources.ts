/**
 * Limits: checked as Docker checks them, and written as the OCI runtime spec wants them.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/daemon_unix.go verifyPlatformContainerResources
 */
import type { HostConfig, Resources, ThrottleDevice } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { deviceNumbers } from "./devices.ts";

const MIB = 1024 * 1024;
const LOWEST_MEMORY = 6 * MIB;

export interface LimitSupport {
  /** 2 has no swappiness, no kernel memory and `io` for `blkio`. */
  readonly version: 1 | 2;
  /** Controllers that this engine may use; empty means no limits at all. */
  readonly controllers: readonly string[];
  readonly cpus: number;
  /** Memory nodes, e.g. `0-1`. */
  readonly memoryNodes: string;
  /** Whether the kernel schedules groups in real time. */
  readonly realtime: boolean;
  /** Whether the kernel's I/O scheduler knows weights. */
  readonly ioWeight: boolean;
}

function invalid(message: string): EngineError {
  return new EngineError("invalid", message);
}

/**
 * Limits as they can be applied here; what cannot is taken out and said in Docker's words.
 * @param update of a container that is there: what it does not name stays
 * @throws {EngineError} invalid for limits that contradict themselves
 */
export function checkResources<T extends Resources>(asked: T, support: LimitSupport, update = false): { resources: T; warnings: string[] } {
  const resources = { ...asked };
  const warnings: string[] = [];
  const has = (name: string): boolean => support.controllers.includes(name);
  checkMemory(resources, { update });
  checkCpu(resources, support);
  checkRealtime(resources, has("cpu") && support.realtime);
  const discard = (when: unknown, controller: string, sentence: string, ...fields: (keyof Resources)[]): void => {
    if (!when || has(controller)) return;
    warnings.push(sentence);
    for (const field of fields) delete resources[field];
  };
  const io = support.version === 2 ? "io" : "blkio";
  discard(resources.Memory, "memory", unsupported("memory limit capabilities", "Limitation discarded."), "Memory", "MemorySwap");
  discard(
    resources.MemoryReservation,
    "memory",
    unsupported("memory soft limit capabilities", "Limitation discarded."),
    "MemoryReservation",
  );
  const { MemorySwappiness: swappiness } = resources;
  if (typeof swappiness === "number" && swappiness !== -1 && (support.version === 2 || !has("memory"))) {
    warnings.push(unsupported("memory swappiness capabilities", "Memory swappiness discarded."));
    resources.MemorySwappiness = null;
  }
  discard(positive(resources.PidsLimit), "pids", unsupported("PIDs limit capabilities", "PIDs limit discarded."), "PidsLimit");
  discard(resources.NanoCpus, "cpu", unsupported("CPU cfs quota", "Quota discarded."), "NanoCpus");
  discard(resources.CpuShares, "cpu", unsupported("CPU shares", "Shares discarded."), "CpuShares");
  discard(resources.CpuPeriod, "cpu", unsupported("CPU cfs period", "Period discarded."), "CpuPeriod");
  discard(resources.CpuQuota, "cpu", unsupported("CPU cfs quota", "Quota discarded."), "CpuQuota");
  discard(resources.CpusetCpus || resources.CpusetMems, "cpuset", unsupported("cpuset", "Cpuset discarded."), "CpusetCpus", "CpusetMems");
  const weight = support.ioWeight ? io : "";
  discard(resources.BlkioWeight, weight, unsupported("Block I/O weight", "Weight discarded."), "BlkioWeight");
  discard(
    resources.BlkioWeightDevice?.length,
    weight,
    unsupported("Block I/O weight_device", "Weight-device discarded."),
    "BlkioWeightDevice",
  );
  for (const [field, unit, way] of THROTTLES) {
    const limit = `${unit} Block I/O ${way} limit`;
    discard(resources[field]?.length, io, unsupported(limit, `Block I/O ${unit} ${way} limit discarded.`), field);
  }
  checkWeight(resources.BlkioWeight ?? 0);
  if (resources.CgroupParent && !update) {
    warnings.push("Every container's control group is below this engine's own. CgroupParent discarded.");
    delete resources.CgroupParent;
  }
  if (resources.CpuPercent) {
    warnings.push("linux does not support CPU percent. Percent discarded.");
    resources.CpuPercent = 0;
  }
  if (resources.OomKillDisable && (support.version === 2 || !has("memory"))) {
    warnings.push("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
    resources.OomKillDisable = null;
  }
  if (resources.OomKillDisable && !resources.Memory) warnings.push(NO_OOM_KILLER);
  return { resources, warnings };
}

const NO_OOM_KILLER =
  "OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.";

function unsupported(what: string, outcome: string): string {
  return `Your kernel does not support ${what} or the cgroup is not mounted. ${outcome}`;
}

function positive(value: number | null | undefined): boolean {
  return typeof value === "number" && value > 0;
}

function checkMemory(resources: Resources, { update }: { update: boolean }): void {
  const { Memory = 0, MemorySwap = 0, MemoryReservation = 0, MemorySwappiness } = resources;
  if (Memory !== 0 && Memory < LOWEST_MEMORY) throw invalid("Minimum memory limit allowed is 6MB");
  if (Memory > 0 && MemorySwap > 0 && MemorySwap < Memory)
    throw invalid("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (Memory === 0 && MemorySwap > 0 && !update)
    throw invalid("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (typeof MemorySwappiness === "number" && (MemorySwappiness < -1 || MemorySwappiness > 100))
    throw invalid(`Invalid value: ${MemorySwappiness}, valid memory swappiness range is 0-100`);
  if (MemoryReservation > 0 && MemoryReservation < LOWEST_MEMORY) throw invalid("Minimum memory reservation allowed is 6MB");
  if (Memory > 0 && MemoryReservation > Memory)
    throw invalid("Minimum memory limit can not be less than memory reservation limit, see usage");
}

const THROTTLES = [
  ["BlkioDeviceReadBps", "BPS", "read"],
  ["BlkioDeviceWriteBps", "BPS", "write"],
  ["BlkioDeviceReadIOps", "IOPS", "read"],
  ["BlkioDeviceWriteIOps", "IOPS", "write"],
] as const;

function checkWeight(weight: number): void {
  if (weight > 0 && (weight < 10 || weight > 1000)) throw invalid("Range of blkio weight is from 10 to 1000");
}

function checkCpu(resources: Resources, { cpus, memoryNodes }: LimitSupport): void {
  const { NanoCpus = 0, CpuPeriod = 0, CpuQuota = 0, CpuShares = 0, CpusetCpus = "", CpusetMems = "" } = resources;
  if (NanoCpus > 0 && CpuPeriod > 0) throw invalid("Conflicting options: Nano CPUs and CPU Period cannot both be set.");
  if (NanoCpus > 0 && CpuQuota > 0) throw invalid("Conflicting options: Nano CPUs and CPU Quota cannot both be set.");
  if (NanoCpus < 0 || NanoCpus > cpus * 1e9)
    throw invalid(`range of CPUs is from 0.01 to ${cpus.toFixed(2)}, as there are only ${cpus} CPUs available`);
  if (CpuPeriod !== 0 && (CpuPeriod < 1000 || CpuPeriod > 1_000_000))
    throw invalid("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  if (CpuQuota > 0 && CpuQuota < 1000) throw invalid("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  if (CpuShares < 0) throw invalid(`invalid CPU shares (${CpuShares}): value must be a positive integer`);
  checkSet(CpusetCpus, { kind: "cpus", what: "CPUs", available: cpus === 1 ? "0" : `0-${cpus - 1}` });
  checkSet(CpusetMems, { kind: "mems", what: "memory nodes", available: memoryNodes });
}

function checkRealtime({ CpuRealtimePeriod = 0, CpuRealtimeRuntime = 0 }: Resources, supported: boolean): void {
  if ((CpuRealtimePeriod !== 0 || CpuRealtimeRuntime !== 0) && !supported) throw invalid("kernel does not support CPU real-time scheduler");
  if (CpuRealtimePeriod !== 0 && CpuRealtimeRuntime > CpuRealtimePeriod)
    throw invalid("cpu real-time runtime cannot be higher than cpu real-time period");
}

function checkSet(text: string, { kind, what, available }: { kind: string; what: string; available: string }): void {
  if (text === "") return;
  if (!/^\d+(-\d+)?(,\d+(-\d+)?)*$/.test(text)) throw badSet(text, kind);
  if (text.split(",").some(isBackwards)) throw badSet(text, kind);
  const highest = (list: string): number => Math.max(...list.split(/[,-]/).map(Number));
  if (highest(text) > highest(available)) throw invalid(`Requested ${what} are not available - requested ${text}, available: ${available}`);
}

function badSet(text: string, kind: string): EngineError {
  return invalid(`Invalid value ${text} for cpuset ${kind}: invalid format: ${text}`);
}

function isBackwards(range: string): boolean {
  const [first, last = first] = range.split("-").map(Number);
  return first! > last!;
}

/** The runtime spec's `linux.resources` without the device rules. Empty when nothing is limited. */
export function linuxResources(resources: Resources): Record<string, unknown> {
  const memory = given({
    limit: resources.Memory || undefined,
    swap: resources.MemorySwap || undefined,
    reservation: resources.MemoryReservation || undefined,
    swappiness: typeof resources.MemorySwappiness === "number" && resources.MemorySwappiness >= 0 ? resources.MemorySwappiness : undefined,
    disableOOMKiller: resources.OomKillDisable || undefined,
  });
  const { quota, period } = cpuTime(resources);
  const cpu = given({
    shares: resources.CpuShares || undefined,
    quota,
    period,
    realtimePeriod: resources.CpuRealtimePeriod || undefined,
    realtimeRuntime: resources.CpuRealtimeRuntime || undefined,
    cpus: resources.CpusetCpus || undefined,
    mems: resources.CpusetMems || undefined,
  });
  const pids = resources.PidsLimit ? { limit: resources.PidsLimit } : undefined;
  return given({ memory, cpu, pids, blockIO: blockIo(resources) }) ?? {};
}

function cpuTime({ NanoCpus, CpuQuota, CpuPeriod }: Resources): { quota: number | undefined; period: number | undefined } {
  if (NanoCpus) return { quota: Math.round(NanoCpus / 10_000), period: 100_000 };
  // Below zero is no quota, which not every runtime can write.
  return { quota: CpuQuota && CpuQuota > 0 ? CpuQuota : undefined, period: CpuPeriod || undefined };
}

function blockIo(resources: Resources): object | undefined {
  const rates = (devices: ThrottleDevice[] | null | undefined): object[] | undefined =>
    devices?.length ? devices.map(({ Path, Rate }) => ({ ...deviceNumbers(Path), rate: Rate })) : undefined;
  const weights = resources.BlkioWeightDevice ?? [];
  return given({
    weight: resources.BlkioWeight || undefined,
    weightDevice: weights.length > 0 ? weights.map(({ Path, Weight }) => ({ ...deviceNumbers(Path), weight: Weight })) : undefined,
    throttleReadBpsDevice: rates(resources.BlkioDeviceReadBps),
    throttleWriteBpsDevice: rates(resources.BlkioDeviceWriteBps),
    throttleReadIOPSDevice: rates(resources.BlkioDeviceReadIOps),
    throttleWriteIOPSDevice: rates(resources.BlkioDeviceWriteIOps),
  });
}

/** The object without undefined fields; undefined when none is left. */
function given<T extends object>(fields: T): Partial<T> | undefined {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return entries.length === 0 ? undefined : (Object.fromEntries(entries) as Partial<T>);
}

const RLIMITS: Readonly<Record<string, string>> = {
  core: "CORE",
  cpu: "CPU",
  data: "DATA",
  fsize: "FSIZE",
  locks: "LOCKS",
  memlock: "MEMLOCK",
  msgqueue: "MSGQUEUE",
  nice: "NICE",
  nofile: "NOFILE",
  nproc: "NPROC",
  rss: "RSS",
  rtprio: "RTPRIO",
  rttime: "RTTIME",
  sigpending: "SIGPENDING",
  stack: "STACK",
};

/** `--ulimit` as the runtime spec's rlimits; -1 is no limit. @throws {EngineError} invalid */
export function rlimits(ulimits: HostConfig["Ulimits"]): { type: string; soft: number; hard: number }[] {
  return (ulimits ?? []).map(({ Name, Soft, Hard }) => {
    const type = RLIMITS[Name.toLowerCase()];
    if (type === undefined) throw invalid(`invalid ulimit type: ${Name}`);
    if (Hard !== -1 && (Soft === -1 || Soft > Hard))
      throw invalid(`ulimit soft limit must be less than or equal to hard limit: ${Soft} > ${Hard}`);
    const unlimited = (value: number): number => (value === -1 ? Number.MAX_SAFE_INTEGER : value);
    return { type: `RLIMIT_${type}`, soft: unlimited(Soft), hard: unlimited(Hard) };
  });
}
