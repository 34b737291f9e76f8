/** The time of day with microseconds: Node's Date has milliseconds, its monotonic clock stands still while a laptop sleeps. */

let originMs = 0;

/** Microseconds since the epoch, never more than two milliseconds off the system's clock. */
function nowMicros(): number {
  const nowMs = Date.now();
  let preciseMs = originMs + performance.now();
  if (Math.abs(preciseMs - nowMs) > 2) {
    originMs = nowMs - performance.now();
    preciseMs = nowMs;
  }
  return Math.round(preciseMs * 1000);
}

/** Nanoseconds since the epoch. */
export function nowNs(): bigint {
  return BigInt(nowMicros()) * 1000n;
}

/** Now in RFC 3339 with nanoseconds and Z, as Docker writes times. */
export function nowText(): string {
  return timeText(nowNs());
}

/** Nanoseconds since the epoch in RFC 3339, as Go's RFC3339Nano writes them: trailing zeros of the fraction are left out. */
export function timeText(timeNs: bigint): string {
  const date = new Date(Number(timeNs / 1_000_000n)).toISOString().slice(0, 19);
  const fraction = String(timeNs % 1_000_000_000n)
    .padStart(9, "0")
    .replace(/0+$/, "");
  return fraction === "" ? `${date}Z` : `${date}.${fraction}Z`;
}
