/** Memory of streams: V8 lets tens of megabytes of dead buffers wait in every thread before it looks for them. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

const MOST_WAITING = 4 << 20;
let waiting = 0;
let collect: Collector | undefined;

type Collector = (options: { type: "minor" }) => void;

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

/** V8 shows its collector to contexts that are made from now on. The flag is every thread's, so nobody takes it back. */
function collector(): Collector {
  setFlagsFromString("--expose-gc");
  return runInNewContext("gc") as Collector;
}
