/** Times as Docker writes them for people and reads them from people. */
import { EngineError } from "../errors.ts";
import { readDuration } from "../syntax/duration.ts";

/** RFC 3339 with all nine digits, which `logs --timestamps` prints. */
export function nanosecondTime(timeNs: bigint): string {
  const seconds = timeNs / 1_000_000_000n;
  const date = new Date(Number(seconds) * 1000).toISOString();
  return `${date.slice(0, 19)}.${String(timeNs % 1_000_000_000n).padStart(9, "0")}Z`;
}

/** Go's duration (`1h30m`) in nanoseconds, undefined when it is none. */
export function parseDuration(text: string): bigint | undefined {
  const read = readDuration(text);
  return "message" in read ? undefined : BigInt(read.nanoseconds);
}

/**
 * A moment in nanoseconds since the epoch: seconds with up to nine decimals, a duration before now, or a date.
 * Undefined when there is none (absent, empty or 0).
 * @throws {EngineError} invalid
 */
export function parseMoment(text: string, name: string): bigint | undefined {
  if (text === "") return undefined;
  const seconds = /^(-?\d+)(?:\.(\d{1,9})\d*)?$/.exec(text);
  if (seconds) {
    const moment = BigInt(seconds[1]!) * 1_000_000_000n + BigInt((seconds[2] ?? "").padEnd(9, "0"));
    return moment === 0n ? undefined : moment;
  }
  const before = parseDuration(text);
  if (before !== undefined) return BigInt(Date.now()) * 1_000_000n - before;
  return parseDate(text, name);
}

/** A time of the engine's own, RFC 3339 in UTC, in nanoseconds since the epoch; "" is long ago. */
export function timeNs(text: string): bigint {
  const seconds = Date.parse(`${text.slice(0, 19)}Z`);
  if (Number.isNaN(seconds)) return 0n;
  return BigInt(seconds) * 1_000_000n + BigInt((/\.(\d{1,9})/.exec(text)?.[1] ?? "").padEnd(9, "0"));
}

function parseDate(text: string, name: string): bigint {
  const found = /^(\d{4}-\d\d-\d\d(?:T\d\d(?::\d\d(?::\d\d)?)?)?)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)?$/.exec(text);
  const [, date = "", fraction = "", zone = "Z"] = found ?? [];
  const full = date.length === 10 ? `${date}T00:00:00` : date.padEnd(19, ":00").slice(0, 19);
  const milliseconds = Date.parse(full.length === 19 ? `${full}${zone}` : "");
  if (!found || Number.isNaN(milliseconds))
    throw new EngineError(
      "invalid",
      `invalid value for ${JSON.stringify(name)}: failed to parse value as time or duration: ${JSON.stringify(text)}`,
    );
  return BigInt(milliseconds) * 1_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, "0"));
}
