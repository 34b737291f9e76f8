/** Reading a log file: chunks as they were written, from any place, to its end or as long as it grows. */
import { closeSync, fstatSync, openSync, read } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { segmentNumbers } from "./log-file.ts";
import type { LogFile } from "./log-file.ts";
import { decodeRecords, RECORD_BYTES } from "./log-index.ts";
import type { IndexRecord, StreamName } from "./log-index.ts";

const readAt = promisify(read);

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
  readonly #raw: number;
  readonly #index: number;

  private constructor(number: number, raw: number, index: number) {
    this.number = number;
    this.#raw = raw;
    this.#index = index;
  }

  /** Undefined when there is no such segment (any more). */
  static open(directory: string, number: number): SegmentReader | undefined {
    const raw = openIfThere(join(directory, `${number}.raw`));
    if (raw === undefined) return undefined;
    const index = openIfThere(join(directory, `${number}.idx`));
    if (index !== undefined) return new SegmentReader(number, raw, index);
    closeSync(raw);
    return undefined;
  }

  /** Once, and when nothing is being read. */
  close(): void {
    closeSync(this.#raw);
    closeSync(this.#index);
  }

  size(): number {
    return fstatSync(this.#raw).size;
  }

  recordCount(): number {
    return Math.floor(fstatSync(this.#index).size / RECORD_BYTES);
  }

  async records(from: number, count: number): Promise<IndexRecord[]> {
    const page = Buffer.allocUnsafe(count * RECORD_BYTES);
    const { bytesRead } = await readAt(this.#index, page, 0, page.length, from * RECORD_BYTES);
    return decodeRecords(page.subarray(0, bytesRead));
  }

  async bytes(start: number, end: number): Promise<Buffer> {
    const piece = Buffer.allocUnsafe(Math.min(end - start, READ_BYTES));
    const { bytesRead } = await readAt(this.#raw, piece, 0, piece.length, start);
    return piece.subarray(0, bytesRead);
  }

  /** What is there now, from a place on; returns the place after it. */
  async *read(from: LogPosition): AsyncGenerator<LogChunk, LogPosition> {
    let { record, offset } = from;
    // The size first: every byte below it has its record by then.
    const size = this.size();
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

/** Looking into a directory costs less here than a way to another thread and back; bytes may have to come from the disk. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, "r");
  } catch {
    return undefined;
  }
}

/** The place after the last byte of now. */
export function logEnd(log: LogFile): LogPosition {
  const number = segmentNumbers(log.directory).at(-1) ?? 0;
  const segment = SegmentReader.open(log.directory, number);
  if (!segment) return { segment: number, record: 0, offset: 0 };
  try {
    return { segment: number, record: Math.max(0, segment.recordCount() - 1), offset: segment.size() };
  } finally {
    segment.close();
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
      segment ??= SegmentReader.open(log.directory, position.segment);
      if (segment) position = yield* segment.read(position);
      const next = segmentNumbers(log.directory).find((number) => number > position.segment);
      if (next !== undefined) {
        // Whatever was written before the segment was closed is read before it is left.
        if (segment) position = yield* segment.read(position);
        segment?.close();
        segment = undefined;
        position = { segment: next, record: 0, offset: 0 };
        hold.move(next);
      } else if (ended) break;
      else await wake.wait();
    }
  } finally {
    wake.close();
    hold.release();
    segment?.close();
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
