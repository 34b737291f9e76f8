import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostConfig, Resources } from "../api/types/container.ts";
import { mergeUpdate, updatedResources } from "./update.ts";

const MIB = 1024 * 1024;
const set = "has already been set";
const REFUSED: [before: HostConfig, asked: Resources, why: string][] = [
  [
    { MemorySwap: 0 },
    { Memory: 7 * MIB },
    "Memory limit should be smaller than already set memoryswap limit, update the memoryswap at the same time",
  ],
  [{ NanoCpus: 1e9 }, { CpuPeriod: 100_000 }, `Conflicting options: CPU Period cannot be updated as NanoCPUs ${set}`],
  [{ NanoCpus: 1e9 }, { CpuQuota: 100_000 }, `Conflicting options: CPU Quota cannot be updated as NanoCPUs ${set}`],
  [{ CpuPeriod: 1000 }, { NanoCpus: 1e9 }, `Conflicting options: Nano CPUs cannot be updated as CPU Period ${set}`],
];
for (const [hostConfig, asked, why] of REFUSED)
  test(`mergeUpdate() refuses ${JSON.stringify(asked)} over ${JSON.stringify(hostConfig)}`, () =>
    assert.throws(() => mergeUpdate({ id: "c", hostConfig }, asked), { kind: "conflict", message: `Cannot update container c: ${why}` }));

test("mergeUpdate() leaves what is not named, and lifts the limit of processes", () => {
  const hostConfig = { Memory: 64 * MIB, MemorySwap: 128 * MIB, PidsLimit: 5, CpusetCpus: "0" };
  assert.deepEqual(mergeUpdate({ id: "c", hostConfig }, { Memory: 100 * MIB, CpusetCpus: "", CpuShares: 0 }), {
    ...hostConfig,
    Memory: 100 * MIB,
  });
  const unlimitedSwap = { Memory: 64 * MIB, MemorySwap: -1 };
  assert.deepEqual(mergeUpdate({ id: "c", hostConfig: unlimitedSwap }, { NanoCpus: 5e8 }), { ...unlimitedSwap, NanoCpus: 5e8 });
  const lifted = mergeUpdate({ id: "c", hostConfig }, { PidsLimit: -1 });
  assert.equal(lifted.PidsLimit, 0);
  assert.deepEqual(updatedResources(lifted)["pids"], { limit: 4_194_304 });
});
