/**
 * Limits: Docker's flags to the runtime spec's resources. What this machine's control groups cannot do is left out and
 * answered with Docker's warning, because crun ignores it silently and runc refuses to start.
 */
import type { Resources } from "../../api/types/container.ts";
import { EngineError } from "../../errors.ts";

export interface LimitSupport {
  readonly cgroupVersion: 1 | 2;
  /** Empty when nothing can be limited. */
  readonly controllers: readonly string[];
}

const SMALLEST_MEMORY = 6 * 1024 * 1024;

/** @throws {EngineError} invalid with dockerd's sentence for limits that contradict each other */
export function checkResources(resources: Resources, cpus: number): void {
  const { Memory: memory = 0, MemorySwap: swap = 0, MemoryReservation: reservation = 0, NanoCpus: nanoCpus = 0 } = resources;
  const refuse = (message: string): never => {
    throw new EngineError("invalid", message);
  };
  if (memory > 0 && memory < SMALLEST_MEMORY) refuse("Minimum memory limit allowed is 6MB");
  if (memory > 0 && swap > 0 && swap < memory) refuse("Minimum memoryswap limit should be larger than memory limit, see usage");
  if (memory === 0 && swap > 0) refuse("You should always set the Memory limit when using Memoryswap limit, see usage");
  if (memory > 0 && reservation > memory) refuse("Minimum memory limit can not be less than memory reservation limit, see usage");
  if (nanoCpus < 0 || nanoCpus > cpus * 1e9) refuse(`range of CPUs is from 0.01 to ${cpus}.00, as there are only ${cpus} CPUs available`);
  if (nanoCpus > 0 && (resources.CpuPeriod || resources.CpuQuota))
    refuse(`Conflicting options: Nano CPUs and CPU ${resources.CpuPeriod ? "Period" : "Quota"} cannot both be set`);
}

/** The `linux.resources` of the spec, without devices, and what could not be had. */
export function specResources(resources: Resources, support: LimitSupport): { resources: Record<string, unknown>; warnings: string[] } {
  const warnings: string[] = [];
  const allow = (controller: string, wanted: boolean, warning: string): boolean => {
    if (!wanted) return false;
    const there = support.controllers.includes(controller) || (controller === "blkio" && support.controllers.includes("io"));
    if (!there) warnings.push(warning);
    return there;
  };
  const memory = memoryLimits(resources);
  const cpu = cpuLimits(resources);
  const cpuset = {
    ...(resources.CpusetCpus && { cpus: resources.CpusetCpus }),
    ...(resources.CpusetMems && { mems: resources.CpusetMems }),
  };
  const pids = resources.PidsLimit ?? 0;
  const blkio = blockLimits(resources);
  const result: Record<string, unknown> = {};
  if (
    allow(
      "memory",
      filled(memory),
      "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
    )
  )
    result["memory"] = memory;
  const useCpu = allow(
    "cpu",
    filled(cpu),
    "Your kernel does not support CPU CFS scheduler limits or the cgroup is not mounted. Limitation discarded.",
  );
  const useSet = allow("cpuset", filled(cpuset), "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.");
  if (useCpu || useSet) result["cpu"] = { ...(useCpu && cpu), ...(useSet && cpuset) };
  if (allow("pids", pids !== 0, "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded."))
    result["pids"] = { limit: pids };
  if (allow("blkio", filled(blkio), "Your kernel does not support Block I/O limits or the cgroup is not mounted. Limitation discarded."))
    result["blockIO"] = blkio;
  return { resources: result, warnings };
}

function filled(value: object): boolean {
  return Object.keys(value).length > 0;
}

function memoryLimits({ Memory, MemorySwap, MemoryReservation, MemorySwappiness, OomKillDisable }: Resources): Record<string, unknown> {
  // Docker gives as much swap again as memory when only memory is limited.
  const swap = MemorySwap ? MemorySwap : Memory ? Memory * 2 : 0;
  return {
    ...(Memory && { limit: Memory }),
    ...(swap && { swap }),
    ...(MemoryReservation && { reservation: MemoryReservation }),
    ...(MemorySwappiness !== null && MemorySwappiness !== undefined && MemorySwappiness >= 0 && { swappiness: MemorySwappiness }),
    ...(OomKillDisable && { disableOOMKiller: true }),
  };
}

function cpuLimits({
  CpuShares,
  NanoCpus,
  CpuPeriod,
  CpuQuota,
  CpuRealtimePeriod,
  CpuRealtimeRuntime,
}: Resources): Record<string, unknown> {
  const period = NanoCpus ? 100_000 : CpuPeriod;
  const quota = NanoCpus ? Math.round(NanoCpus / 10_000) : CpuQuota;
  return {
    ...(CpuShares && { shares: CpuShares }),
    ...(period && { period }),
    ...(quota && { quota }),
    ...(CpuRealtimePeriod && { realtimePeriod: CpuRealtimePeriod }),
    ...(CpuRealtimeRuntime && { realtimeRuntime: CpuRealtimeRuntime }),
  };
}

function blockLimits({ BlkioWeight }: Resources): Record<string, unknown> {
  return { ...(BlkioWeight && { weight: BlkioWeight }) };
}
