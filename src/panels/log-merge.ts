/** Lines of several containers as one stream by time, a piece at a time: nobody holds all of them. */

export interface LogBatch {
  /** As the engine stamps them: `<RFC 3339> <text>`. */
  readonly lines: readonly string[];
  /** Of each line: twice the index of its source, and one more for stderr. */
  readonly marks: readonly number[];
}

/** The stamps of one engine have one form, so their order is that of their text. */
const LONGEST_STAMP = 35;
const timeOf = (line: string): string => line.slice(0, Math.max(line.slice(0, LONGEST_STAMP + 1).indexOf(" "), 0));

/** Sorted by time; lines of one time stay in their order. */
export function inOrder({ lines, marks }: LogBatch): LogBatch {
  const times = lines.map(timeOf);
  if (times.every((time, at) => at === 0 || times[at - 1]! <= time)) return { lines, marks };
  const order = lines.map((_, at) => at).toSorted((a, b) => (times[a]! < times[b]! ? -1 : times[a]! > times[b]! ? 1 : 0));
  return { lines: order.map((at) => lines[at]!), marks: order.map((at) => marks[at]!) };
}

interface Batches {
  next(): IteratorResult<LogBatch, unknown> | Promise<IteratorResult<LogBatch, unknown>>;
}

/** @param streams each in order of time, in pieces that are not empty */
export async function* mergeByTime(streams: readonly Batches[]): AsyncGenerator<LogBatch> {
  let open = await Promise.all(streams.map(async (stream) => ({ stream, head: await next(stream) })));
  for (;;) {
    open = await Promise.all(
      open.map(async ({ stream, head }) => ({ stream, head: head?.lines.length === 0 ? await next(stream) : head })),
    );
    open = open.filter(({ head }) => head !== undefined);
    if (open.length === 0) return;
    // Up to here every stream is known.
    const known = open.map(({ head }) => timeOf(head!.lines.at(-1)!)).reduce((a, b) => (a < b ? a : b));
    const parts = open.map((each) => {
      const { lines, marks } = each.head!;
      const later = lines.findIndex((line) => timeOf(line) > known);
      const end = open.length === 1 || later < 0 ? lines.length : later;
      each.head = { lines: lines.slice(end), marks: marks.slice(end) };
      return { lines: lines.slice(0, end), marks: marks.slice(0, end) };
    });
    yield parts.length === 1
      ? parts[0]!
      : inOrder({ lines: parts.flatMap(({ lines }) => lines), marks: parts.flatMap(({ marks }) => marks) });
  }
}

async function next(stream: Batches): Promise<LogBatch | undefined> {
  const result = await stream.next();
  return result.done ? undefined : result.value;
}
