/** Statistics from control groups as kernels have them; the files are those of a container on a machine with each version. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { totalmem, tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readStats } from "./stats.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-stats-"));
after(() => rmSync(folder, { recursive: true }));

function directoryOf(name: string, files: Readonly<Record<string, string>>): string {
  const directory = mkdtempSync(join(folder, name));
  for (const [file, content] of Object.entries(files)) writeFileSync(join(directory, file), content);
  return directory;
}

/** As Linux 6.1 has them below a systemd scope. */
const V2 = {
  "cpu.stat":
    "usage_usec 2437651\nuser_usec 1290331\nsystem_usec 1147320\ncore_sched.force_idle_usec 0\nnr_periods 57\nnr_throttled 12\nthrottled_usec 845123\nnr_bursts 0\nburst_usec 0\n",
  "memory.current": "13291520\n",
  "memory.max": "67108864\n",
  "memory.stat": "anon 1257472\nfile 10272768\nkernel 1679360\ninactive_file 8417280\nactive_file 1855488\npgfault 45120\npgmajfault 11\n",
  "pids.current": "4\n",
  "pids.max": "100\n",
  "io.stat":
    "259:0 rbytes=4096000 wbytes=8192 rios=120 wios=2 dbytes=0 dios=0\n7:1 \n8:16 rbytes=512 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n",
};

const V1 = {
  "cpuacct.usage": "2437651000\n",
  "cpuacct.usage_percpu": "1437651000 1000000000 \n",
  "cpuacct.stat": "user 129\nsystem 114\n",
  "cpu.stat": "nr_periods 57\nnr_throttled 12\nthrottled_time 845123000\n",
  "memory.usage_in_bytes": "13291520\n",
  "memory.max_usage_in_bytes": "20000000\n",
  "memory.limit_in_bytes": "9223372036854771712\n",
  "memory.stat": "cache 10272768\nrss 1257472\ntotal_inactive_file 8417280\n",
  "pids.current": "4\n",
  "pids.max": "max\n",
  "blkio.throttle.io_service_bytes": "8:0 Read 4096\n8:0 Write 8192\n8:0 Sync 0\n8:0 Total 12288\nTotal 12288\n",
  "blkio.throttle.io_serviced": "8:0 Read 1\n8:0 Write 2\n8:0 Total 3\nTotal 3\n",
};

const of = (version: 1 | 2, directories: Record<string, string>): Record<string, Record<string, unknown>> =>
  readStats({ pid: process.pid, version, directories, ownNetwork: false }) as Record<string, Record<string, unknown>>;

test("readStats() of version 2 has what the kernel says, in Docker's units", () => {
  const stats = of(2, { unified: directoryOf("v2", V2) });
  assert.deepEqual(stats["pids_stats"], { current: 4, limit: 100 });
  assert.deepEqual(stats["cpu_stats"]!["cpu_usage"], { total_usage: 2437651000, usage_in_kernelmode: 1147320000, usage_in_usermode: 1290331000 }); // oxfmt-ignore
  assert.deepEqual(stats["cpu_stats"]!["throttling_data"], { periods: 57, throttled_periods: 12, throttled_time: 845123000 });
  const { usage, limit, stats: details } = stats["memory_stats"] as { usage: number; limit: number; stats: Record<string, number> };
  assert.deepEqual([usage, limit, details["inactive_file"], details["anon"]], [13291520, 67108864, 8417280, 1257472]);
  const { io_service_bytes_recursive: bytes, io_serviced_recursive: operations } = stats["blkio_stats"]!;
  assert.deepEqual((bytes as object[]).slice(0, 2), [{ major: 259, minor: 0, op: "read", value: 4096000 }, { major: 259, minor: 0, op: "write", value: 8192 }]); // oxfmt-ignore
  assert.deepEqual((operations as object[])[0], { major: 259, minor: 0, op: "read", value: 120 });
});

test("readStats() of version 2 without limits has the machine's memory and no limit of processes", () => {
  const stats = of(2, { unified: directoryOf("v2", { ...V2, "memory.max": "max\n", "pids.max": "max\n" }) });
  assert.equal(stats["memory_stats"]!["limit"], totalmem());
  assert.deepEqual(stats["pids_stats"], { current: 4 });
});

test("readStats() of version 2 without controllers is zeros, not an error", () => {
  const stats = of(2, { unified: directoryOf("v2", {}) });
  assert.equal((stats["cpu_stats"]!["cpu_usage"] as Record<string, number>)["total_usage"], 0);
  assert.equal(stats["memory_stats"]!["usage"], 0);
});

test("readStats() of version 1", () => {
  const directory = directoryOf("v1", V1);
  const stats = of(1, Object.fromEntries(["cpu", "cpuacct", "memory", "pids", "blkio"].map((name) => [name, directory])));
  assert.deepEqual(stats["pids_stats"], { current: 4 });
  assert.deepEqual(stats["cpu_stats"]!["cpu_usage"], { total_usage: 2437651000, percpu_usage: [1437651000, 1000000000], usage_in_kernelmode: 1140000000, usage_in_usermode: 1290000000 }); // oxfmt-ignore
  assert.deepEqual(stats["cpu_stats"]!["throttling_data"], { periods: 57, throttled_periods: 12, throttled_time: 845123000 });
  const { usage, max_usage, limit } = stats["memory_stats"] as Record<string, number>;
  assert.deepEqual([usage, max_usage, limit], [13291520, 20000000, totalmem()]);
  assert.deepEqual((stats["blkio_stats"]!["io_service_bytes_recursive"] as object[])[1], { major: 8, minor: 0, op: "write", value: 8192 });
});

test("readStats() without control groups sums up processes", () => {
  const stats = of(1, {});
  assert.ok((stats["memory_stats"]!["usage"] as number) > 0);
});
