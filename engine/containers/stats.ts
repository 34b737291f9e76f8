/**
 * What a container uses, in Docker's shape, from its cgroups; without cgroups from /proc, which knows no limits.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Container/operation/ContainerStats
 */
import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";
import { join } from "node:path";
import { nowText } from "../runtime/clock.ts";
import { processesOf } from "../runtime/freezer.ts";

type Directories = Readonly<Record<string, string>>;

const NS_PER_TICK = 10_000_000;
const PAGE_BYTES = 4096;

export interface StatsSource {
  readonly pid: number;
  readonly version: 1 | 2;
  /** By controller; empty without cgroups. */
  readonly directories: Directories;
  /** Whether the network is the container's own. */
  readonly ownNetwork: boolean;
}

export function readStats(source: StatsSource): Record<string, unknown> {
  const { directories, version } = source;
  const none = Object.keys(directories).length === 0;
  const usage = none ? fromProcesses(source.pid) : version === 2 ? fromV2(directories) : fromV1(directories);
  return {
    read: nowText(),
    pids_stats: usage.pids,
    blkio_stats: usage.blkio,
    num_procs: 0,
    storage_stats: {},
    cpu_stats: {
      cpu_usage: usage.cpu,
      system_cpu_usage: systemCpuNs(),
      online_cpus: availableParallelism(),
      throttling_data: usage.throttling,
    },
    memory_stats: usage.memory,
    ...(source.ownNetwork && { networks: readNetworks(source.pid) }),
  };
}

interface Usage {
  pids: Record<string, number>;
  cpu: Record<string, unknown>;
  throttling: Record<string, number>;
  memory: Record<string, unknown>;
  blkio: Record<string, unknown>;
}

const NO_THROTTLING = { periods: 0, throttled_periods: 0, throttled_time: 0 };

function text(path: string | undefined): string {
  try {
    return path === undefined ? "" : readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

function number(path: string | undefined): number {
  return Number(text(path)) || 0;
}

/** `name value` lines. */
function table(path: string | undefined): Record<string, number> {
  const entries = text(path)
    .split("\n")
    .map((line) => line.split(" "))
    .filter((words) => words.length === 2);
  return Object.fromEntries(entries.map(([name, value]) => [name, Number(value)]));
}

function at(directories: Directories, controller: string, file: string): string | undefined {
  const directory = directories[controller];
  return directory === undefined ? undefined : join(directory, file);
}

function limitOf(bytes: number): number {
  return bytes > 0 && bytes < totalmem() ? bytes : totalmem();
}

function pidsOf(current: number, max: string): Record<string, number> {
  return { current, ...(/^\d+$/.test(max) && { limit: Number(max) }) };
}

function fromV1(directories: Directories): Usage {
  const cpuTicks = table(at(directories, "cpuacct", "cpuacct.stat"));
  const throttled = table(at(directories, "cpu", "cpu.stat"));
  return {
    pids: pidsOf(number(at(directories, "pids", "pids.current")), text(at(directories, "pids", "pids.max")).trim()),
    cpu: {
      total_usage: number(at(directories, "cpuacct", "cpuacct.usage")),
      percpu_usage: text(at(directories, "cpuacct", "cpuacct.usage_percpu"))
        .trim()
        .split(" ")
        .filter(Boolean)
        .map(Number),
      usage_in_kernelmode: (cpuTicks["system"] ?? 0) * NS_PER_TICK,
      usage_in_usermode: (cpuTicks["user"] ?? 0) * NS_PER_TICK,
    },
    throttling: {
      periods: throttled["nr_periods"] ?? 0,
      throttled_periods: throttled["nr_throttled"] ?? 0,
      throttled_time: throttled["throttled_time"] ?? 0,
    },
    memory: {
      usage: number(at(directories, "memory", "memory.usage_in_bytes")),
      max_usage: number(at(directories, "memory", "memory.max_usage_in_bytes")),
      stats: table(at(directories, "memory", "memory.stat")),
      limit: limitOf(number(at(directories, "memory", "memory.limit_in_bytes"))),
    },
    blkio: {
      ...NO_BLKIO,
      io_service_bytes_recursive: blkioV1(text(at(directories, "blkio", "blkio.throttle.io_service_bytes"))),
      io_serviced_recursive: blkioV1(text(at(directories, "blkio", "blkio.throttle.io_serviced"))),
    },
  };
}

const NO_BLKIO = {
  io_service_bytes_recursive: [] as object[] | null,
  io_serviced_recursive: [] as object[] | null,
  io_queue_recursive: [],
  io_service_time_recursive: [],
  io_wait_time_recursive: [],
  io_merged_recursive: [],
  io_time_recursive: [],
  sectors_recursive: [],
};

function blkioV1(content: string): object[] {
  return content.split("\n").flatMap((line) => {
    const match = /^(\d+):(\d+) (\w+) (\d+)$/.exec(line);
    return match ? [{ major: Number(match[1]), minor: Number(match[2]), op: match[3]!.toLowerCase(), value: Number(match[4]) }] : [];
  });
}

function fromV2(directories: Directories): Usage {
  const cpu = table(at(directories, "unified", "cpu.stat"));
  const memory = table(at(directories, "unified", "memory.stat"));
  const max = text(at(directories, "unified", "memory.max")).trim();
  const nanoseconds = (name: string): number => (cpu[name] ?? 0) * 1000;
  return {
    pids: pidsOf(number(at(directories, "unified", "pids.current")), text(at(directories, "unified", "pids.max")).trim()),
    cpu: {
      total_usage: nanoseconds("usage_usec"),
      usage_in_kernelmode: nanoseconds("system_usec"),
      usage_in_usermode: nanoseconds("user_usec"),
    },
    throttling: {
      periods: cpu["nr_periods"] ?? 0,
      throttled_periods: cpu["nr_throttled"] ?? 0,
      throttled_time: nanoseconds("throttled_usec"),
    },
    memory: {
      usage: number(at(directories, "unified", "memory.current")),
      stats: memory,
      limit: limitOf(Number(max) || 0),
    },
    blkio: { ...NO_BLKIO, ...blkioV2(text(at(directories, "unified", "io.stat"))) },
  };
}

function blkioV2(content: string): Partial<typeof NO_BLKIO> {
  const bytes: object[] = [];
  const operations: object[] = [];
  for (const line of content.split("\n")) {
    const device = /^(\d+):(\d+) /.exec(line);
    if (!device) continue;
    const value = (name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(line)?.[1] ?? 0);
    const [major, minor] = [Number(device[1]), Number(device[2])];
    bytes.push({ major, minor, op: "read", value: value("rbytes") }, { major, minor, op: "write", value: value("wbytes") });
    operations.push({ major, minor, op: "read", value: value("rios") }, { major, minor, op: "write", value: value("wios") });
  }
  return { io_service_bytes_recursive: bytes, io_serviced_recursive: operations };
}

/** The sum over the container's processes: those that have ended are not counted. */
function fromProcesses(pid: number): Usage {
  let [user, system, pages] = [0, 0, 0];
  const pids = processesOf(pid);
  for (const each of pids) {
    const stat = text(`/proc/${each}/stat`);
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    user += Number(fields[11] ?? 0);
    system += Number(fields[12] ?? 0);
    pages += Number(fields[21] ?? 0);
  }
  return {
    pids: { current: pids.length },
    cpu: {
      total_usage: (user + system) * NS_PER_TICK,
      usage_in_kernelmode: system * NS_PER_TICK,
      usage_in_usermode: user * NS_PER_TICK,
    },
    throttling: NO_THROTTLING,
    memory: { usage: pages * PAGE_BYTES, stats: {}, limit: totalmem() },
    blkio: NO_BLKIO,
  };
}

/** All the machine's CPU time since boot. */
function systemCpuNs(): number {
  const [, ...ticks] = (text("/proc/stat").split("\n")[0] ?? "").split(/\s+/);
  return (
    ticks
      .slice(0, 7)
      .map(Number)
      .reduce((sum, value) => sum + value, 0) * NS_PER_TICK
  );
}

function readNetworks(pid: number): Record<string, object> {
  const networks: Record<string, object> = {};
  for (const line of text(`/proc/${pid}/net/dev`).split("\n")) {
    const match = /^\s*([^:\s]+):\s*(.*)$/.exec(line);
    if (!match || match[1] === "lo") continue;
    const [rx_bytes, rx_packets, rx_errors, rx_dropped, , , , , tx_bytes, tx_packets, tx_errors, tx_dropped] = match[2]!
      .split(/\s+/)
      .map(Number);
    networks[match[1]!] = { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped };
  }
  return networks;
}
