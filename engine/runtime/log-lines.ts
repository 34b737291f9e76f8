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

  /** The same bytes, whole lines together: a hundred times faster for who looks at none of them. */
  *pushTogether({ stream, timeNs, data }: LogChunk): Generator<Line> {
    const rest = this.#rest[stream];
    const end = data.lastIndexOf(10) + 1;
    const bytes = rest.data.length === 0 ? data : Buffer.concat([rest.data, data]);
    const whole = end > 0 ? rest.data.length + end : bytes.length >= LONGEST_LINE ? bytes.length : 0;
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
    const splitter = new LineSplitter();
    const wanted = filterOf(options);
    let from = await findStart(log, options);
    if (options.tail !== undefined) {
      const last = await lastLines(log, { from, count: options.tail, splitter, withUnfinished: !options.follow });
      from = last.position;
      hold.move(from.segment);
      yield* last.lines.filter(wanted);
      if (!options.follow) return;
    }
    queueMicrotask(() => hold.release());
    yield* linesFrom(log, from, { ...options, splitter, wanted });
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

async function* linesFrom(
  log: LogFile,
  from: LogPosition,
  options: LinesOptions & { runs: number; splitter: LineSplitter; wanted: (line: Line) => boolean },
): AsyncGenerator<Line> {
  const { follow, runs, splitter, untilNs, wanted } = options;
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const timer = untilNs !== undefined && follow ? stopAt(untilNs, stop) : undefined;
  try {
    for await (const chunk of readChunks(log, { from, follow, runs, signal })) {
      if (untilNs !== undefined && chunk.timeNs > untilNs) return;
      for (const line of options.together ? splitter.pushTogether(chunk) : splitter.push(chunk)) if (wanted(line)) yield line;
    }
    if (!signal.aborted) yield* [...splitter.end()].filter(wanted);
  } finally {
    clearTimeout(timer);
  }
}

/** `--until` in the future ends a follow when its time has come. */
function stopAt(untilNs: bigint, stop: AbortController): NodeJS.Timeout {
  const inMs = Number(untilNs / 1_000_000n) - Date.now();
  return setTimeout(() => stop.abort(), Math.min(Math.max(inMs, 0), 2 ** 31 - 1));
}

/** The last lines of what is there now. The splitter keeps what is not finished yet. */
async function lastLines(
  log: LogFile,
  options: { from: LogPosition; count: number; splitter: LineSplitter; withUnfinished: boolean },
): Promise<{ lines: Line[]; position: LogPosition }> {
  const { count, splitter } = options;
  let lines: Line[] = [];
  const chunks = readChunks(log, { from: options.from, follow: false });
  let next = await chunks.next();
  for (; !next.done; next = await chunks.next()) {
    lines.push(...splitter.push(next.value));
    if (lines.length > 2 * count + 1000) lines = lines.slice(-count);
  }
  if (options.withUnfinished) lines.push(...splitter.end());
  return { lines: count === 0 ? [] : lines.slice(-count), position: next.value };
}
