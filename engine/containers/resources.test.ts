import assert from "node:assert/strict";
import { test } from "node:test";
import type { Resources } from "../api/types/container.ts";
import { checkResources, linuxResources, rlimits } from "./resources.ts";

const MIB = 1024 * 1024;
const all = {
  version: 1,
  controllers: ["memory", "cpu", "cpuset", "pids", "blkio"],
  cpus: 2,
  memoryNodes: "0",
  ioWeight: true,
  realtime: true,
} as const;
const none = { version: 2, controllers: [], cpus: 2, memoryNodes: "0", ioWeight: true, realtime: true } as const;

for (const [resources, message] of [
  [{ Memory: MIB }, "Minimum memory limit allowed is 6MB"],
  [{ Memory: 64 * MIB, MemorySwap: 32 * MIB }, "Minimum memoryswap limit should be larger than memory limit, see usage"],
  [{ MemorySwap: 32 * MIB }, "You should always set the Memory limit when using Memoryswap limit, see usage"],
  [{ Memory: 8 * MIB, MemoryReservation: 9 * MIB }, "Minimum memory limit can not be less than memory reservation limit, see usage"],
  [{ NanoCpus: 1000e9 }, "range of CPUs is from 0.01 to 2.00, as there are only 2 CPUs available"],
  [{ NanoCpus: 1e9, CpuPeriod: 1000 }, "Conflicting options: Nano CPUs and CPU Period cannot both be set."],
  [{ CpusetCpus: "0-9" }, "Requested CPUs are not available - requested 0-9, available: 0-1"],
  [{ CpusetCpus: "x" }, "Invalid value x for cpuset cpus: invalid format: x"],
  [{ CpusetCpus: "1-0" }, "Invalid value 1-0 for cpuset cpus: invalid format: 1-0"],
  [{ CpuShares: -1 }, "invalid CPU shares (-1): value must be a positive integer"],
  [{ CpuRealtimePeriod: 1000, CpuRealtimeRuntime: 2000 }, "cpu real-time runtime cannot be higher than cpu real-time period"],
  [{ BlkioWeight: 5 }, "Range of blkio weight is from 10 to 1000"],
  [{ CpuPeriod: 10 }, "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)"],
  [{ MemorySwappiness: 101 }, "Invalid value: 101, valid memory swappiness range is 0-100"],
] as const)
  test(`checkResources() refuses ${JSON.stringify(resources)}`, () => {
    assert.throws(() => checkResources(resources, all), { kind: "invalid", message });
  });

test("checkResources() discards what cannot be applied, and says so", () => {
  const asked: Resources = {
    Memory: 64 * MIB,
    MemorySwappiness: 10,
    MemorySwap: -1,
    PidsLimit: 10,
    NanoCpus: 5e8,
    CpusetCpus: "0",
    OomKillDisable: true,
  };
  const { resources, warnings } = checkResources(asked, none);
  assert.deepEqual(resources, { MemorySwappiness: null, OomKillDisable: null });
  assert.deepEqual(warnings, [
    "Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.",
    "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.",
    "Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.",
    "Your kernel does not support CPU cfs quota or the cgroup is not mounted. Quota discarded.",
    "Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.",
    "Your kernel does not support OomKillDisable. OomKillDisable discarded.",
  ]);
  assert.deepEqual(checkResources(asked, all).warnings, []);
  assert.deepEqual(checkResources({ CgroupParent: "/mine" }, all), {
    resources: {},
    warnings: ["Every container's control group is below this engine's own. CgroupParent discarded."],
  });
  assert.throws(() => checkResources({ CpuRealtimePeriod: 1000 }, none), { message: "kernel does not support CPU real-time scheduler" });
  assert.match(
    checkResources({ OomKillDisable: true }, all).warnings.join(),
    /^OOM killer is disabled for the container, but no memory limit/,
  );
});

for (const [resources, want] of [
  [{}, {}],
  [{ PidsLimit: -1, Memory: 0 }, { pids: { limit: -1 } }],
  [{ CpuQuota: -1, CpuPeriod: 50000 }, { cpu: { period: 50000 } }],
  [{ NanoCpus: 5e8 }, { cpu: { quota: 50000, period: 100000 } }],
  [
    {
      Memory: 64 * MIB,
      MemorySwap: 128 * MIB,
      MemoryReservation: 32 * MIB,
      CpuShares: 512,
      CpusetCpus: "0",
      PidsLimit: 50,
      BlkioWeight: 300,
    },
    {
      memory: { limit: 64 * MIB, swap: 128 * MIB, reservation: 32 * MIB },
      cpu: { shares: 512, cpus: "0" },
      pids: { limit: 50 },
      blockIO: { weight: 300 },
    },
  ],
] as const)
  test(`linuxResources() writes ${JSON.stringify(resources)}`, () => assert.deepEqual(linuxResources(resources), want));

test("rlimits() reads ulimits, and refuses unknown ones and a soft limit above the hard", () => {
  assert.deepEqual(rlimits([{ Name: "nofile", Soft: 10, Hard: 20 }]), [{ type: "RLIMIT_NOFILE", soft: 10, hard: 20 }]);
  assert.deepEqual(rlimits([{ Name: "core", Soft: -1, Hard: -1 }]), [
    { type: "RLIMIT_CORE", soft: Number.MAX_SAFE_INTEGER, hard: Number.MAX_SAFE_INTEGER },
  ]);
  assert.throws(() => rlimits([{ Name: "bogus", Soft: 1, Hard: 1 }]), { message: "invalid ulimit type: bogus" });
  assert.throws(() => rlimits([{ Name: "nofile", Soft: 2, Hard: 1 }]), {
    message: "ulimit soft limit must be less than or equal to hard limit: 2 > 1",
  });
});
