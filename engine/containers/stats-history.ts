/**
 * What containers used over the last hours, kept in memory: fine for a quarter of an hour, then coarse. Samples are taken only while
 * something runs, so an idle engine has no timer. The coarse ones go to a file now and then, so that a restart of the engine loses
 * minutes and not hours.
 */
import { readFile } from "node:fs/promises";
import type { StatsHistoryMessage, StatsMark, StatsSample } from "../api/types/stats-history.ts";
import type { EngineEvent, Events } from "../events.ts";
import { writeFileAtomic } from "../host/files.ts";
import type { ContainerRecord, Containers } from "./containers.ts";

const FINE_MS = 5000;
const FINE_SAMPLES = 180;
/** Of the fine samples that grow old, every sixth is kept: two a minute. */
const COARSE_EVERY = 6;
const COARSE_SAMPLES = 720;
const MOST_MARKS = 500;
/** Containers that no longer exist are remembered for a while too, the latest ones. */
const MOST_CONTAINERS = 500;

/** So often the file is written, and of so many containers, the latest ones. */
const KEEP_MS = 120_000;
const KEPT_CONTAINERS = 50;

const MARKS = /^(start|die|oom|restart|health_status)/;
const CHANGES = /^(start|unpause|die|destroy)/;

type Usage = Omit<StatsSample, "cpu"> & { readonly cpuNs: number };
type Listener = (message: StatsHistoryMessage) => void;

/** What the file holds. */
interface Kept {
  readonly marks: readonly StatsMark[];
  readonly lines: readonly { readonly id: string; readonly name: string; readonly samples: readonly StatsSample[] }[];
}

interface Line {
  name: string;
  fine: StatsSample[];
  coarse: StatsSample[];
  /** Fine samples that grew old so far. */
  aged: number;
  before: Usage | undefined;
}

export class StatsHistory {
  readonly #containers: Pick<Containers, "list" | "stats">;
  readonly #lines = new Map<string, Line>();
  readonly #marks: StatsMark[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #unsubscribe: () => void;
  readonly #file: string | undefined;
  #keptMs = Date.now();
  #timer: NodeJS.Timeout | undefined;
  #sampling: Promise<void> | undefined;

  /** @param file where the coarse samples outlive the engine; without one they do not */
  constructor(containers: Pick<Containers, "list" | "stats">, events: Events, file?: string) {
    this.#containers = containers;
    this.#file = file;
    this.#unsubscribe = events.subscribe((event) => this.#happened(event));
  }

  /** Takes over what the engine before has kept; a file that cannot be read counts as none. Before the first sample. */
  async recall(): Promise<this> {
    try {
      const { marks, lines } = JSON.parse(await readFile(this.#file ?? "", "utf8")) as Kept;
      this.#marks.push(...marks);
      for (const { id, name, samples } of lines) this.#lines.set(id, { name, fine: [], coarse: [...samples], aged: 0, before: undefined });
    } catch {
      // There is none before the first one is written, and a broken one only costs a curve its past.
    }
    return this;
  }

  /** Looks whether something runs already: after a start of the engine, when containers have been adopted. */
  wake(): void {
    this.#timer ??= setTimeout(() => void this.#tick(), FINE_MS).unref();
  }

  /** Everything that is remembered, oldest first. */
  remembered(): StatsHistoryMessage[] {
    const lines = [...this.#lines].map(([id, { name, coarse, fine }]) => ({
      type: "container" as const,
      id,
      name,
      samples: [...coarse, ...fine],
    }));
    return [{ type: "marks", marks: [...this.#marks] }, ...lines];
  }

  /** Calls `listener` for each sample and mark from now on; the returned function stops it. */
  subscribe(listener: Listener): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer);
    this.#unsubscribe();
    await this.#keep();
  }

  async #keep(): Promise<void> {
    if (!this.#file || this.#lines.size === 0) return;
    this.#keptMs = Date.now();
    const latest = [...this.#lines].slice(-KEPT_CONTAINERS);
    const lines = latest.map(([id, { name, coarse, fine }]) => {
      const thinned = fine.filter((_, index) => index % COARSE_EVERY === 0);
      return { id, name, samples: [...coarse, ...thinned].slice(-COARSE_SAMPLES) };
    });
    await writeFileAtomic(this.#file, JSON.stringify({ marks: this.#marks, lines } satisfies Kept));
  }

  /** Takes a sample of all that runs, at once. */
  async sample(): Promise<boolean> {
    const running = (await this.#containers.list()).filter(({ state }) => state.status === "running");
    for (const record of running) await this.#sampleOne(record);
    this.#forget();
    // A full disk costs a curve its past, and nothing else.
    if (Date.now() - this.#keptMs > KEEP_MS) await this.#keep().catch(() => undefined);
    return running.length > 0;
  }

  #happened({ type, action, id, timeNs }: EngineEvent): void {
    if (type !== "container") return;
    if (MARKS.test(action)) this.#mark({ time: Number(timeNs / 1_000_000n), id, action });
    if (CHANGES.test(action)) this.wake();
  }

  #mark(mark: StatsMark): void {
    this.#marks.push(mark);
    if (this.#marks.length > MOST_MARKS) this.#marks.shift();
    this.#tell({ type: "marks", marks: [mark] });
  }

  async #tick(): Promise<void> {
    this.#sampling ??= this.sample()
      .catch(() => false)
      .then((more) => {
        this.#timer = undefined;
        this.#sampling = undefined;
        if (more) this.wake();
      });
    await this.#sampling;
  }

  async #sampleOne({ id, name }: ContainerRecord): Promise<void> {
    // It may have ended just now.
    const stats = await this.#containers.stats(id).catch(() => undefined);
    if (!stats) return;
    const line = this.#lines.get(id) ?? { name, fine: [], coarse: [], aged: 0, before: undefined };
    // The one that changed last is forgotten last.
    this.#lines.delete(id);
    this.#lines.set(id, line);
    const { cpuNs, ...usage } = usageOf(stats);
    const { before } = line;
    const passedMs = before ? usage.time - before.time : 0;
    const usedNs = before ? cpuNs - before.cpuNs : 0;
    const sample = { ...usage, cpu: passedMs > 0 && usedNs > 0 ? (usedNs / 1e6 / passedMs) * 100 : 0 };
    Object.assign(line, { name, before: { ...usage, cpuNs } });
    line.fine.push(sample);
    if (line.fine.length > FINE_SAMPLES) this.#age(line);
    this.#tell({ type: "container", id, name, samples: [sample] });
  }

  #age(line: Line): void {
    const old = line.fine.shift()!;
    if (line.aged++ % COARSE_EVERY !== 0) return;
    line.coarse.push(old);
    if (line.coarse.length > COARSE_SAMPLES) line.coarse.shift();
  }

  #forget(): void {
    for (const id of this.#lines.keys()) {
      if (this.#lines.size <= MOST_CONTAINERS) return;
      this.#lines.delete(id);
    }
  }

  #tell(message: StatsHistoryMessage): void {
    for (const listener of this.#listeners) listener(message);
  }
}

/** The few numbers of Docker's long answer. */
function usageOf(stats: Record<string, unknown>): Usage {
  const { cpu_stats: cpu, memory_stats: memory, pids_stats: pids, blkio_stats: blkio, networks = {} } = stats as unknown as DockerStats;
  const { usage = 0, limit = 0, stats: details = {} } = memory;
  const inactive = details["total_inactive_file"] ?? details["inactive_file"] ?? 0;
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  const blocks = blkio.io_service_bytes_recursive ?? [];
  const of = (op: string): number => sum(blocks.filter((entry) => entry.op === op).map(({ value }) => value));
  return {
    time: Date.now(),
    cpuNs: cpu.cpu_usage.total_usage,
    memory: inactive < usage ? usage - inactive : usage,
    limit,
    received: sum(Object.values(networks).map(({ rx_bytes }) => rx_bytes)),
    sent: sum(Object.values(networks).map(({ tx_bytes }) => tx_bytes)),
    read: of("read"),
    written: of("write"),
    pids: pids.current ?? 0,
  };
}

interface DockerStats {
  cpu_stats: { cpu_usage: { total_usage: number } };
  memory_stats: { usage?: number; limit?: number; stats?: Record<string, number> };
  pids_stats: { current?: number };
  blkio_stats: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
}
