/** Where in a log to begin, so that neither all of it is read nor a line is cut. */
import { segmentNumbers } from "./log-file.ts";
import type { LogFile } from "./log-file.ts";
import { SegmentReader } from "./log-reader.ts";
import type { LogPosition } from "./log-reader.ts";
import type { StreamName } from "./log-index.ts";

const PAGE_RECORDS = 256;
/** How far back the beginning of an unfinished line is looked for. */
const MOST_RECORDS_BACK = 1024;
const BLOCK_BYTES = 65536;

interface Extent {
  readonly record: number;
  readonly stream: StreamName;
  readonly start: number;
  readonly end: number;
}

/** The beginning of the oldest segment. */
export function logStart(log: LogFile): LogPosition {
  return { segment: segmentNumbers(log.directory)[0] ?? 0, record: 0, offset: 0 };
}

/** A place from which on there are at least `count` lines (all there are, if fewer), and not many more. */
export async function findTail(log: LogFile, count: number): Promise<LogPosition> {
  let newlines = 0;
  for (const number of segmentNumbers(log.directory).toReversed()) {
    const found = await withSegment(log, number, async (segment) => {
      for await (const extent of extentsBackward(segment, segment.recordCount())) {
        newlines += await countNewlines(segment, extent);
        // Two more, because each stream may end with an unfinished line.
        if (newlines >= count + 2) return wholeLines(segment, extent);
      }
      return undefined;
    });
    if (found) return found;
  }
  return logStart(log);
}

/** A place from which on are all lines that were printed at `sinceNs` or later, and few others. */
export async function findSince(log: LogFile, sinceNs: bigint): Promise<LogPosition> {
  for (const number of segmentNumbers(log.directory).toReversed()) {
    const found = await withSegment(log, number, async (segment) => {
      const [first] = await segment.records(0, 1);
      if (first === undefined || first.timeNs >= sinceNs) return undefined;
      const record = await lastBefore(segment, sinceNs);
      const offset = (await segment.records(record, 1))[0]?.offset ?? 0;
      return wholeLines(segment, { record, start: offset });
    });
    if (found) return found;
  }
  return logStart(log);
}

async function withSegment<T>(log: LogFile, number: number, use: (segment: SegmentReader) => Promise<T>): Promise<T | undefined> {
  const segment = SegmentReader.open(log.directory, number);
  if (!segment) return undefined;
  try {
    return await use(segment);
  } finally {
    segment.close();
  }
}

/** The last record older than `timeNs`; its bytes may still belong to later lines. */
async function lastBefore(segment: SegmentReader, timeNs: bigint): Promise<number> {
  let low = 0;
  let high = segment.recordCount() - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const [record] = await segment.records(middle, 1);
    if (record !== undefined && record.timeNs < timeNs) low = middle;
    else high = middle - 1;
  }
  return low;
}

/** Extents with bytes, last first, from the one before record `before`. */
async function* extentsBackward(segment: SegmentReader, before: number): AsyncGenerator<Extent> {
  let end = (await segment.records(before, 1))[0]?.offset ?? segment.size();
  for (let top = before; top > 0; top = Math.max(0, top - PAGE_RECORDS)) {
    const first = Math.max(0, top - PAGE_RECORDS);
    const page = await segment.records(first, top - first);
    for (let at = page.length - 1; at >= 0; at -= 1) {
      const { offset, stream } = page[at]!;
      if (offset < end) yield { record: first + at, stream, start: offset, end };
      end = Math.min(end, offset);
    }
  }
}

async function countNewlines(segment: SegmentReader, { start, end }: Extent): Promise<number> {
  let count = 0;
  for (let at = start; at < end;) {
    const block = await segment.bytes(at, Math.min(end, at + BLOCK_BYTES));
    if (block.length === 0) break;
    for (let next = block.indexOf(10); next !== -1; next = block.indexOf(10, next + 1)) count += 1;
    at += block.length;
  }
  return count;
}

/** Moves a beginning back until it cuts no line of either stream. */
async function wholeLines(segment: SegmentReader, from: { record: number; start: number }): Promise<LogPosition> {
  let { record, start } = from;
  const whole = new Set<StreamName>();
  let left = MOST_RECORDS_BACK;
  for await (const extent of extentsBackward(segment, record)) {
    if (whole.size === 2 || left-- === 0) break;
    if (whole.has(extent.stream)) continue;
    const [last] = await segment.bytes(extent.end - 1, extent.end);
    if (last === 10) whole.add(extent.stream);
    else ({ record, start } = extent);
  }
  return { segment: segment.number, record, offset: start };
}
