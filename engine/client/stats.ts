/**
 * One sample of a container's use of the machine, as `GET /containers/{id}/stats` sends it.
 * @see https://docs.docker.com/reference/api/engine/version/v1.51/#tag/Container/operation/ContainerStats
 */
export interface CpuStats {
  /** Nanoseconds. */
  cpu_usage: { total_usage: number; percpu_usage?: number[] | null; usage_in_kernelmode: number; usage_in_usermode: number };
  /** Nanoseconds of all CPUs of the host. */
  system_cpu_usage?: number;
  online_cpus?: number;
  throttling_data?: { periods: number; throttled_periods: number; throttled_time: number };
}

export interface BlkioEntry {
  major: number;
  minor: number;
  op: string;
  value: number;
}

export interface ContainerStats {
  name: string;
  id: string;
  /** RFC 3339; the zero time when the container is not running. */
  read: string;
  preread: string;
  pids_stats: { current?: number; limit?: number };
  blkio_stats: { io_service_bytes_recursive?: BlkioEntry[] | null };
  cpu_stats: CpuStats;
  precpu_stats: CpuStats;
  /** Bytes. */
  memory_stats: { usage?: number; limit?: number; max_usage?: number; stats?: Record<string, number> };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number; rx_packets?: number; tx_packets?: number }>;
}

/** Percent of one CPU, 100 a CPU, between this sample and the one before it. */
export function cpuPercent(stats: ContainerStats): number {
  const used = stats.cpu_stats.cpu_usage.total_usage - stats.precpu_stats.cpu_usage.total_usage;
  const system = (stats.cpu_stats.system_cpu_usage ?? 0) - (stats.precpu_stats.system_cpu_usage ?? 0);
  const cpus = stats.cpu_stats.online_cpus || stats.cpu_stats.cpu_usage.percpu_usage?.length || 0;
  return system > 0 && used > 0 ? (used / system) * cpus * 100 : 0;
}

/** Bytes in use without the page cache that the kernel would give back, as docker counts them. */
export function memoryUsage(stats: ContainerStats): number {
  const { usage = 0, stats: details = {} } = stats.memory_stats;
  const inactive = details["total_inactive_file"] ?? details["inactive_file"] ?? 0;
  return inactive < usage ? usage - inactive : usage;
}

/** Bytes received and sent on all networks. */
export function networkBytes(stats: ContainerStats): { received: number; sent: number } {
  const all = Object.values(stats.networks ?? {});
  return { received: sum(all.map((n) => n.rx_bytes)), sent: sum(all.map((n) => n.tx_bytes)) };
}

/** Bytes read from and written to block devices. */
export function blockBytes(stats: ContainerStats): { read: number; written: number } {
  const all = stats.blkio_stats.io_service_bytes_recursive ?? [];
  const of = (first: string): number => sum(all.filter((e) => e.op[0]?.toLowerCase() === first).map((e) => e.value));
  return { read: of("r"), written: of("w") };
}

function sum(values: number[]): number {
  return values.reduce((a, b) => a + b, 0);
}
