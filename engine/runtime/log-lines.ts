/** Lines of a log: `tail`, `since` and `until`, as `docker logs` means them. */
import type { LogFile } from "./log-file.ts";
import { readChunks } from "./log-reader.ts";
import { findSince, findTail, logStart } from "./log-start.ts";
import type { LogChunk, LogPosition } from "./log-reader.ts";
import type { StreamName } from "./log-index.ts";

/** Docker cuts longer lines into pieces of this size. */
const LONGEST_LINE = 16384;

export interface Line {
  readonly stream: StreamName;
  /** When its end was printed. */
  readonly timeNs: bigint;
  /** With its newline, unless it is a piece of a longer line or the process has not printed one. */
  readonly data: Buffer;
}

export interface LinesOptions {
  readonly follow: boolean;
  /** Lines from the end, both streams counted together; undefined is all. */
  readonly tail?: number;
  readonly sinceNs?: bigint;
  readonly untilNs?: bigint;
  /** Lines that were printed at one time may come as one. */
  readonly together?: boolean;
  readonly signal?: AbortSignal;
}

/** Joins chunks to lines; each stream has its own unfinished one. */
export class LineSplitter {
  readonly #rest: Record<StreamName, { data: Buffer; timeNs: bigint }> = {
    stdout: { data: Buffer.alloc(0), timeNs: 0n },
    stderr: { data: Buffer.alloc(0), timeNs: 0n },
  };

  *push({ stream, timeNs, data }: LogChunk): Generator<Line> {
    const rest = this.#rest[stream];
    let bytes = rest.data.length === 0 ? data : Buffer.concat([rest.data, data]);
    for (;;) {
      const newline = bytes.indexOf(10);
      const end = newline === -1 || newline > LONGEST_LINE ? LONGEST_LINE : newline + 1;
      if (newline === -1 && bytes.length < LONGEST_LINE) break;
      yield { stream, timeNs, data: bytes.subarray(0, end) };
      bytes = bytes.subarray(end);
    }
    rest.data = bytes;
    rest.timeNs = timeNs;
  }

  /** The same bytes, whole lines together: a hundred times faster for who looks at none of them. Long lines are in pieces here too. */
  *pushTogether(chunk: LogChunk): Generator<Line> {
    const { stream, timeNs, data } = chunk;
    const rest = this.#rest[stream];
    const bytes = rest.data.length === 0 ? data : Buffer.concat([rest.data, data]);
    if (hasLongLine(bytes)) return yield* this.push(chunk);
    const whole = bytes.lastIndexOf(10) + 1;
    if (whole > 0) yield { stream, timeNs, data: bytes.subarray(0, whole) };
    rest.data = bytes.subarray(whole);
    rest.timeNs = timeNs;
  }

  /** What has no newline and will get none. */
  *end(): Generator<Line> {
    for (const stream of ["stdout", "stderr"] as const) {
      const { data, timeNs } = this.#rest[stream];
      if (data.length > 0) yield { stream, timeNs, data };
    }
  }
}

/** Whether a line has to be cut. */
function hasLongLine(bytes: Buffer): boolean {
  for (let start = 0; bytes.length - start >= LONGEST_LINE;) {
    const newline = bytes.lastIndexOf(10, start + LONGEST_LINE);
    if (newline < start) return true;
    start = newline + 1;
  }
  return false;
}

/**
 * Lines in the order in which they were finished. A reader that follows stops when the process ends for the first time
 * after the call.
 */
export function readLines(log: LogFile, options: LinesOptions): AsyncGenerator<Line> {
  return linesSince(log, { ...options, runs: log.runs });
}

async function* linesSince(log: LogFile, options: LinesOptions & { runs: number }): AsyncGenerator<Line> {
  // Until the chunks are read, which hold their segments themselves, nothing of what was found may go.
  const hold = log.hold(0);
  try {
    const from = await findStart(log, options);
    const { tail, follow, untilNs } = options;
    const skip = tail === undefined ? undefined : await linesBefore(log, { from, tail, follow });
    if (tail === 0 && !follow) return;
    queueMicrotask(() => hold.release());
    yield* linesFrom(log, from, { ...options, ...skip, wanted: filterOf(options), ...(untilNs === undefined ? {} : { untilNs }) });
  } finally {
    hold.release();
  }
}

function filterOf({ sinceNs = 0n, untilNs }: LinesOptions): (line: Line) => boolean {
  return (line) => line.timeNs >= sinceNs && (untilNs === undefined || line.timeNs <= untilNs);
}

async function findStart(log: LogFile, { tail, sinceNs = 0n }: LinesOptions): Promise<LogPosition> {
  if (tail !== undefined) return findTail(log, tail);
  return sinceNs > 0n ? findSince(log, sinceNs) : logStart(log);
}

interface Reading extends LinesOptions {
  readonly runs: number;
  readonly wanted: (line: Line) => boolean;
  /** Lines that are not part of the tail. */
  readonly skip?: number;
  /** Nothing behind so many bytes is read. */
  readonly bytes?: number;
}

async function* linesFrom(log: LogFile, from: LogPosition, options: Reading): AsyncGenerator<Line> {
  const { follow, runs, untilNs, wanted } = options;
  let { skip = 0, bytes = Infinity } = options;
  const splitter = new LineSplitter();
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const timer = untilNs !== undefined && follow ? stopAt(untilNs, stop) : undefined;
  try {
    for await (const { data, ...chunk } of readChunks(log, { from, follow, runs, signal })) {
      if (untilNs !== undefined && chunk.timeNs > untilNs) return;
      if (bytes === 0) break;
      const whole = { ...chunk, data: data.subarray(0, Math.min(data.length, bytes)) };
      bytes -= whole.data.length;
      for (const line of options.together && skip === 0 ? splitter.pushTogether(whole) : splitter.push(whole)) {
        if (skip > 0) skip -= 1;
        else if (wanted(line)) yield line;
      }
    }
    if (!signal.aborted) yield* [...splitter.end()].slice(skip).filter(wanted);
  } finally {
    clearTimeout(timer);
  }
}

/** `--until` in the future ends a follow when its time has come. */
function stopAt(untilNs: bigint, stop: AbortController): NodeJS.Timeout {
  const inMs = Number(untilNs / 1_000_000n) - Date.now();
  return setTimeout(() => stop.abort(), Math.min(Math.max(inMs, 0), 2 ** 31 - 1));
}

/**
 * How many lines there are before the last `tail` ones. They are counted, not kept: a tail may be longer than memory.
 * Without following, the tail is that of now, whatever is printed while it is read.
 */
async function linesBefore(
  log: LogFile,
  { from, tail, follow }: { from: LogPosition; tail: number; follow: boolean },
): Promise<{ skip: number; bytes?: number }> {
  const splitter = new LineSplitter();
  let [lines, bytes] = [0, 0];
  for await (const chunk of readChunks(log, { from, follow: false })) {
    bytes += chunk.data.length;
    for (const _ of splitter.push(chunk)) lines += 1;
  }
  if (!follow) for (const _ of splitter.end()) lines += 1;
  return { skip: Math.max(0, lines - tail), ...(follow ? {} : { bytes }) };
}
