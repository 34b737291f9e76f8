/**
 * What a container printed, raw, in numbered segments: `<n>.raw` beside `<n>.idx` (see log-index.ts). Bytes go from the
 * container's pipe into the file inside the kernel; this process never sees them unless somebody reads the log.
 */
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bytesIn, splice } from "../host/descriptor.ts";
import { nowNs } from "./clock.ts";
import { encodeRecord, RECORD_BYTES } from "./log-index.ts";
import type { StreamName } from "./log-index.ts";

/** Bytes moved at once; more than a pipe of a task holds. */
const MOST_BYTES = 1024 * 1024;
/** Segments that are kept beyond the limit because somebody still reads them. */
const MOST_HELD = 16;
/** Chunks of one stream that come closer together than this share one record. */
const SHARED_NS = 1_000_000n;

export interface LogFileOptions {
  /** A segment that is larger is closed and a new one begun; 0 never. */
  readonly maxBytes: number;
  /** Segments kept, the current one included; at least 1. */
  readonly maxFiles: number;
}

interface Segment {
  readonly number: number;
  readonly raw: number;
  readonly index: number;
  size: number;
  records: number;
  last: { stream: StreamName; timeNs: bigint; offset: number } | undefined;
}

export class LogFile {
  readonly directory: string;
  readonly #options: LogFileOptions;
  #segment: Segment | undefined;
  #runs = 0;
  #open = false;
  readonly #listeners = new Set<() => void>();
  readonly #readers = new Set<{ segment: number }>();

  constructor(directory: string, options: LogFileOptions) {
    this.directory = directory;
    this.#options = options;
  }

  /** How often the process that writes it has ended; a reader that follows stops when this rises. */
  get runs(): number {
    return this.#runs;
  }

  /** Whether a process may still write. */
  get open(): boolean {
    return this.#open;
  }

  /** A process starts to write. Idempotent until end(). Files are made with the first byte: many print none. */
  begin(): void {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    this.#open = true;
  }

  /** The process has ended and everything it wrote was accepted. */
  end(): void {
    this.#open = false;
    this.#runs += 1;
    this.#close();
    this.#changed();
  }

  /**
   * Moves what a pipe holds now into the log.
   * @returns false when nothing was there
   * @throws {SystemCallError} ENOSPC, EDQUOT…; the bytes are still in the pipe then
   */
  accept(pipe: number, stream: StreamName): boolean {
    if (bytesIn(pipe) === 0) return false;
    const segment = (this.#segment ??= this.#openLast());
    this.#stamp(segment, stream);
    const moved = splice(pipe, segment.raw, MOST_BYTES, segment.size);
    if (!moved) return false;
    segment.size += moved;
    if (this.#options.maxBytes > 0 && segment.size >= this.#options.maxBytes) this.#rotate(segment);
    this.#changed();
    return true;
  }

  /** Adds bytes that did not come through a pipe: a sentence of the engine's own. */
  append(stream: StreamName, data: Buffer): void {
    const segment = (this.#segment ??= this.#openLast());
    this.#stamp(segment, stream);
    segment.size += writeSync(segment.raw, data, 0, data.length, segment.size);
    this.#changed();
  }

  /** Calls `listener` when there may be more to read or the process has ended; the returned function stops it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Keeps the segments from a number on for a reader, who moves the number up and gives the hold back in the end. */
  hold(segment: number): { move(to: number): void; release(): void } {
    const reader = { segment };
    this.#readers.add(reader);
    return {
      move: (to) => {
        reader.segment = to;
        this.#prune();
      },
      release: () => {
        if (this.#readers.delete(reader)) this.#prune();
      },
    };
  }

  remove(): void {
    this.#close();
    rmSync(this.directory, { recursive: true, force: true });
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }

  /** The record goes first; one whose bytes never came is written over. */
  #stamp(segment: Segment, stream: StreamName): void {
    const timeNs = nowNs();
    const { last } = segment;
    const empty = last !== undefined && last.offset === segment.size;
    if (last?.stream === stream && !empty && timeNs - last.timeNs < SHARED_NS) return;
    if (empty) segment.records -= 1;
    const record = { offset: segment.size, stream, timeNs };
    writeSync(segment.index, encodeRecord(record), 0, RECORD_BYTES, segment.records * RECORD_BYTES);
    segment.records += 1;
    segment.last = record;
  }

  #openLast(): Segment {
    return this.#openSegment(segmentNumbers(this.directory).at(-1) ?? 0);
  }

  #openSegment(number: number): Segment {
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
    // Not "append": splice refuses it. "r+" keeps what is there.
    const open = (name: string): number =>
      openSync(join(this.directory, name), existsSync(join(this.directory, name)) ? "r+" : "wx+", 0o600);
    const raw = open(`${number}.raw`);
    const index = open(`${number}.idx`);
    const records = Math.floor(fstatSync(index).size / RECORD_BYTES);
    return { number, raw, index, size: fstatSync(raw).size, records, last: undefined };
  }

  #rotate(segment: Segment): void {
    this.#segment = this.#openSegment(segment.number + 1);
    closeSync(segment.raw);
    closeSync(segment.index);
    this.#prune();
  }

  #prune(): void {
    const numbers = segmentNumbers(this.directory);
    const over = numbers.slice(0, -this.#options.maxFiles);
    const read = Math.min(...[...this.#readers].map(({ segment }) => segment));
    const kept = numbers.at(-this.#options.maxFiles - MOST_HELD) ?? 0;
    for (const number of over.filter((each) => each < read || each < kept))
      for (const name of [`${number}.raw`, `${number}.idx`]) rmSync(join(this.directory, name), { force: true });
  }

  #close(): void {
    if (!this.#segment) return;
    closeSync(this.#segment.raw);
    closeSync(this.#segment.index);
    this.#segment = undefined;
  }
}

/** Segments in a log's directory, oldest first. */
export function segmentNumbers(directory: string): number[] {
  if (!existsSync(directory)) return [];
  const numbers = readdirSync(directory).flatMap((name) => (name.endsWith(".raw") ? [Number.parseInt(name, 10)] : []));
  return numbers.toSorted((a, b) => a - b);
}
