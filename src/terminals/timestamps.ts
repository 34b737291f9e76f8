/**
 * Log lines as the engine sends them with `timestamps`: `2026-01-31T12:00:00.123456789Z text`.
 * The stamps are taken off, and the last one says where to go on after a break.
 */

/** Longest stamp, its space included: RFC 3339 with nine digits and an offset. */
const LONGEST_STAMP = 36;

/** One of a container's two streams, in pieces of any size. */
export class StampedLines {
  #atStart = true;
  #pending = "";
  #last: bigint | undefined;

  /** Nanoseconds since the epoch of the latest line; undefined before the first. */
  get lastNs(): bigint | undefined {
    return this.#last;
  }

  /** @returns the text without stamps; a stamp that is cut in two is held back until the rest of it comes */
  push(text: string): string {
    let rest = this.#pending + text;
    this.#pending = "";
    let shown = "";
    while (rest !== "") {
      if (this.#atStart) {
        const space = rest.indexOf(" ");
        if (space < 0 && rest.length < LONGEST_STAMP && !rest.includes("\n")) {
          this.#pending = rest;
          return shown;
        }
        const time = space < 0 ? undefined : nanoseconds(rest.slice(0, space));
        if (time !== undefined) {
          this.#last = time;
          rest = rest.slice(space + 1);
        }
        this.#atStart = false;
      }
      const end = rest.indexOf("\n") + 1;
      if (end === 0) return shown + rest;
      shown += rest.slice(0, end);
      rest = rest.slice(end);
      this.#atStart = true;
    }
    return shown;
  }
}

/** `since` of a request that goes on after `timeNs`, as Docker reads it: seconds, a point, nine digits. */
export function sinceAfter(timeNs: bigint): string {
  const next = timeNs + 1n;
  return `${next / 1_000_000_000n}.${String(next % 1_000_000_000n).padStart(9, "0")}`;
}

function nanoseconds(stamp: string): bigint | undefined {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(stamp);
  if (!match) return undefined;
  const [, seconds, fraction = "", zone] = match;
  return BigInt(Date.parse(`${seconds}${zone}`)) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}
