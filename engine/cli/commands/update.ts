import type { ContainerUpdate } from "../../client/containers.ts";
import { command, forEach } from "../cli.ts";
import { bytes, cpus, int, swapBytes, text } from "../flags.ts";
import { readRestartPolicy } from "../run-config/limits.ts";

export const update = command({
  usage: "[OPTIONS] CONTAINER [CONTAINER...]",
  arity: [1, Infinity],
  flags: {
    "blkio-weight": int("Block IO (relative weight), between 10 and 1000, or 0 to disable", { type: "uint16", defaultText: "0" }),
    "cpu-period": int("Limit CPU CFS (Completely Fair Scheduler) period"),
    "cpu-quota": int("Limit CPU CFS (Completely Fair Scheduler) quota"),
    "cpu-rt-period": int("Limit the CPU real-time period in microseconds"),
    "cpu-rt-runtime": int("Limit the CPU real-time runtime in microseconds"),
    "cpu-shares": int("CPU shares (relative weight)", { short: "c" }),
    cpus: cpus("Number of CPUs"),
    "cpuset-cpus": text("CPUs in which to allow execution (0-3, 0,1)"),
    "cpuset-mems": text("MEMs in which to allow execution (0-3, 0,1)"),
    memory: bytes("Memory limit", { short: "m" }),
    "memory-reservation": bytes("Memory soft limit"),
    "memory-swap": swapBytes("Swap limit equal to memory plus swap: -1 to enable unlimited swap"),
    "pids-limit": int("Tune container pids limit (set -1 for unlimited)"),
    restart: text("Restart policy to apply when a container exits"),
  },
  async run(cli, { args, flags, given }) {
    if (given.size === 0) throw new Error("you must provide one or more flags when using this command");
    const update: ContainerUpdate = {
      BlkioWeight: flags["blkio-weight"] ?? 0,
      CpuShares: flags["cpu-shares"] ?? 0,
      NanoCpus: flags.cpus ?? 0,
      CpuPeriod: flags["cpu-period"] ?? 0,
      CpuQuota: flags["cpu-quota"] ?? 0,
      CpuRealtimePeriod: flags["cpu-rt-period"] ?? 0,
      CpuRealtimeRuntime: flags["cpu-rt-runtime"] ?? 0,
      CpusetCpus: flags["cpuset-cpus"],
      CpusetMems: flags["cpuset-mems"],
      Memory: flags.memory ?? 0,
      MemoryReservation: flags["memory-reservation"] ?? 0,
      MemorySwap: flags["memory-swap"] ?? 0,
      ...(given.has("pids-limit") ? { PidsLimit: flags["pids-limit"] ?? 0 } : {}),
      ...(given.has("restart") ? { RestartPolicy: readRestartPolicy(flags.restart) } : {}),
    };
    const client = await cli.client();
    const warnings: string[] = [];
    const code = await forEach(cli, args, async (name) => {
      const { Warnings } = await client.containers.update(name, update, { signal: cli.signal });
      warnings.push(...(Warnings ?? []));
    });
    for (const warning of warnings) cli.print(warning);
    return code;
  },
});
