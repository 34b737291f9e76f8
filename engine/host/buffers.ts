/** Memory of streams: V8 lets tens of megabytes of dead buffers wait in every thread before it looks for them. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Most bytes of one write to a file. For more at once the kernel takes page cache in large pieces, which a virtual machine's host
 * often has to find first: there a megabyte takes eight times as long as its eighths do.
 */
export const WRITE_BYTES = 1 << 17;

const MOST_WAITING = 4 << 20;
let waiting = 0;
let collect: Collector | undefined;

type Collector = (options: { type: "minor" | "major" }) => void;

/**
 * Says that a stream's buffers of so many bytes were used up on this thread. Every four megabytes their memory is given
 * back, by a collection of young objects, which takes less than a millisecond.
 */
export function usedUp(bytes: number): void {
  waiting += bytes;
  if (waiting < MOST_WAITING) return;
  waiting = 0;
  collect ??= collector();
  collect({ type: "minor" });
}

/** Collects all dead objects of this thread and gives their memory back; takes some ten milliseconds. */
export function collectAll(): void {
  collectMost();
  // The first has found what is dead, this gives back what had waited for its finalizer.
  collectMost();
}

/** Collects dead objects of this thread; takes half as long as collectAll(). */
export function collectMost(): void {
  collect ??= collector();
  collect({ type: "major" });
}

/** V8 shows its collector to contexts that are made from now on. The flag is every thread's, so nobody takes it back. */
function collector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}
