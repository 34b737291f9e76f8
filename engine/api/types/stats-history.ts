/**
 * What containers used over the last hours: `GET /berth/stats`, lines of StatsHistoryMessage. First all that is remembered, then
 * each new sample, until the client goes. Times are milliseconds since the epoch, sizes are bytes; totals grow from the start of the container.
 */

export interface StatsSample {
  readonly time: number;
  /** Percent of one CPU since the sample before; 100 a CPU. */
  readonly cpu: number;
  /** Without the page cache that the kernel would give back. */
  readonly memory: number;
  readonly limit: number;
  readonly received: number;
  readonly sent: number;
  readonly read: number;
  readonly written: number;
  readonly pids: number;
}

/** Something that explains a curve: `start`, `die`, `oom`, `restart`, `health_status: unhealthy`. */
export interface StatsMark {
  readonly time: number;
  readonly id: string;
  readonly action: string;
}

export type StatsHistoryMessage =
  | { readonly type: "container"; readonly id: string; readonly name: string; readonly samples: readonly StatsSample[] }
  | { readonly type: "marks"; readonly marks: readonly StatsMark[] };
