/** What `update` makes of a container's limits. @see https://github.com/moby/moby/blob/v28.5.2/container/container_unix.go UpdateContainer */
import type { HostConfig, Resources } from "../api/types/container.ts";
import type { ContainerRecord } from "./containers.ts";
import { cannotUpdate } from "./messages.ts";
import { linuxResources } from "./resources.ts";

const SET_BEFORE = "has already been set";

/** The kernel's own most, which limits nothing: runtimes have no common word for "none" here. */
const MOST_PROCESSES = 4_194_304;

/** The runtime spec's resources of a container that runs: a limit of processes that was lifted has to be written, too. */
export function updatedResources(resources: Resources): Record<string, unknown> {
  return { ...linuxResources(resources), ...(resources.PidsLimit === 0 && { pids: { limit: MOST_PROCESSES } }) };
}

/** What is asked over what is there: nothing, zero and "" leave a limit as it is. @throws {EngineError} conflict */
export function mergeUpdate({ id, hostConfig }: Pick<ContainerRecord, "id" | "hostConfig">, asked: Resources): HostConfig {
  const { PidsLimit } = asked;
  const given = Object.fromEntries(Object.entries(asked).filter(([, value]) => value !== 0 && value !== "" && value !== null));
  const clash = (when: unknown, why: string): void => {
    if (when) throw cannotUpdate(id, why);
  };
  const { Memory = 0, MemorySwap = 0 } = given as Resources;
  clash(
    Memory !== 0 && Memory > (hostConfig.MemorySwap ?? 0) && MemorySwap === 0,
    "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
  );
  const nano = (hostConfig.NanoCpus ?? 0) > 0;
  clash(nano && given["CpuPeriod"], `Conflicting options: CPU Period cannot be updated as NanoCPUs ${SET_BEFORE}`);
  clash(nano && given["CpuQuota"], `Conflicting options: CPU Quota cannot be updated as NanoCPUs ${SET_BEFORE}`);
  clash(given["NanoCpus"] && hostConfig.CpuPeriod, `Conflicting options: Nano CPUs cannot be updated as CPU Period ${SET_BEFORE}`);
  clash(given["NanoCpus"] && hostConfig.CpuQuota, `Conflicting options: Nano CPUs cannot be updated as CPU Quota ${SET_BEFORE}`);
  // 0 and everything below lift the limit, and 0 is what is shown.
  const pids = typeof PidsLimit === "number" ? { PidsLimit: Math.max(0, PidsLimit) } : {};
  return { ...hostConfig, ...given, ...pids };
}
