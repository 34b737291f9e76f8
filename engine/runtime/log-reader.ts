/** Reading a log file: chunks as they were written, from any place, to its end or as long as it grows. */
import { open } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { segmentNumbers } from "./log-file.ts";
import type { LogFile } from "./log-file.ts";
import { decodeRecords, RECORD_BYTES } from "./log-index.ts";
import type { IndexRecord, StreamName } from "./log-index.ts";

const READ_BYTES = 65536;
const PAGE_RECORDS = 256;

/** A place in a log: a byte, and the record that it belongs to. */
export interface LogPosition {
  readonly segment: number;
  readonly record: number;
  readonly offset: number;
}

export interface LogChunk {
  readonly stream: StreamName;
  readonly timeNs: bigint;
  readonly data: Buffer;
}

export interface ReadOptions {
  readonly from: LogPosition;
  /** Stay until the process that writes ends. */
  readonly follow: boolean;
  /** `log.runs` at the time from which on an end counts; now unless given. */
  readonly runs?: number;
  readonly signal?: AbortSignal;
}

/** An open segment. What was read stays readable when the segment is removed meanwhile. */
export class SegmentReader {
  readonly number: number;
  readonly #raw: FileHandle;
  readonly #index: FileHandle;

  private constructor(number: number, raw: FileHandle, index: FileHandle) {
    this.number = number;
    this.#raw = raw;
    this.#index = index;
  }

  /** Undefined when there is no such segment (any more). */
  static async open(directory: string, number: number): Promise<SegmentReader | undefined> {
    const raw = await open(join(directory, `${number}.raw`), "r").catch(() => undefined);
    const index = await open(join(directory, `${number}.idx`), "r").catch(() => undefined);
    if (raw && index) return new SegmentReader(number, raw, index);
    await raw?.close();
    await index?.close();
    return undefined;
  }

  async close(): Promise<void> {
    await this.#raw.close();
    await this.#index.close();
  }

  async size(): Promise<number> {
    return (await this.#raw.stat()).size;
  }

  async recordCount(): Promise<number> {
    return Math.floor((await this.#index.stat()).size / RECORD_BYTES);
  }

  async records(from: number, count: number): Promise<IndexRecord[]> {
    const page = Buffer.allocUnsafe(count * RECORD_BYTES);
    const { bytesRead } = await this.#index.read(page, 0, page.length, from * RECORD_BYTES);
    return decodeRecords(page.subarray(0, bytesRead));
  }

  async bytes(start: number, end: number): Promise<Buffer> {
    const piece = Buffer.allocUnsafe(Math.min(end - start, READ_BYTES));
    const { bytesRead } = await this.#raw.read(piece, 0, piece.length, start);
    return piece.subarray(0, bytesRead);
  }

  /** What is there now, from a place on; returns the place after it. */
  async *read(from: LogPosition): AsyncGenerator<LogChunk, LogPosition> {
    let { record, offset } = from;
    // The size first: every byte below it has its record by then.
    const size = await this.size();
    while (offset < size) {
      const page = await this.records(record, PAGE_RECORDS);
      if (page.length === 0) break;
      const last = page.length === PAGE_RECORDS ? page.length - 1 : page.length;
      for (let at = 0; at < last; at += 1) {
        const { stream, timeNs } = page[at]!;
        const end = Math.min(page[at + 1]?.offset ?? size, size);
        while (offset < end) {
          const data = await this.bytes(offset, end);
          if (data.length === 0) return { segment: this.number, record, offset };
          offset += data.length;
          yield { stream, timeNs, data };
        }
        if (at + 1 < page.length) record += 1;
      }
    }
    return { segment: this.number, record, offset };
  }
}

/** The place after the last byte of now. */
export async function logEnd(log: LogFile): Promise<LogPosition> {
  const number = segmentNumbers(log.directory).at(-1) ?? 0;
  const segment = await SegmentReader.open(log.directory, number);
  if (!segment) return { segment: number, record: 0, offset: 0 };
  try {
    const offset = await segment.size();
    return { segment: number, record: Math.max(0, (await segment.recordCount()) - 1), offset };
  } finally {
    await segment.close();
  }
}

/** Chunks in the order in which they were printed; returns the place after them. */
export function readChunks(log: LogFile, options: ReadOptions): AsyncGenerator<LogChunk, LogPosition> {
  return chunksSince(log, { runs: log.runs, ...options });
}

async function* chunksSince(log: LogFile, options: ReadOptions & { runs: number }): AsyncGenerator<LogChunk, LogPosition> {
  const wake = new Wake(log, options.signal);
  const hold = log.hold(options.from.segment);
  let position = options.from;
  let segment: SegmentReader | undefined;
  try {
    while (!options.signal?.aborted) {
      wake.arm();
      const ended = !options.follow || log.runs > options.runs;
      segment ??= await SegmentReader.open(log.directory, position.segment);
      if (segment) position = yield* segment.read(position);
      const next = segmentNumbers(log.directory).find((number) => number > position.segment);
      if (next !== undefined) {
        // Whatever was written before the segment was closed is read before it is left.
        if (segment) position = yield* segment.read(position);
        await segment?.close();
        segment = undefined;
        position = { segment: next, record: 0, offset: 0 };
        hold.move(next);
      } else if (ended) break;
      else await wake.wait();
    }
  } finally {
    wake.close();
    hold.release();
    await segment?.close();
  }
  return position;
}

/** Waits for a log to change, missing nothing between arm() and wait(). */
class Wake {
  #resolve: (() => void) | undefined;
  #promise: Promise<void> = Promise.resolve();
  readonly #stop: () => void;

  constructor(log: LogFile, signal: AbortSignal | undefined) {
    const notify = (): void => this.#resolve?.();
    const unsubscribe = log.subscribe(notify);
    signal?.addEventListener("abort", notify, { once: true });
    this.#stop = () => {
      unsubscribe();
      signal?.removeEventListener("abort", notify);
    };
  }

  arm(): void {
    this.#promise = new Promise((resolve) => (this.#resolve = resolve));
  }

  async wait(): Promise<void> {
    await this.#promise;
  }

  close(): void {
    this.#stop();
  }
}
