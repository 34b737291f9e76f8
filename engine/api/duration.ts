/** Times as Docker writes them for people and reads them from people. */
import { EngineError } from "../errors.ts";

/**
 * A duration in words: `Less than a second`, `About a minute`, `3 weeks`.
 * @see https://github.com/docker/go-units/blob/v0.5.0/duration.go
 */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(milliseconds / 3_600_000 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(milliseconds / 3_600_000 / 24 / 365)} years`;
}

/** RFC 3339 with all nine digits, which `logs --timestamps` prints. */
export function nanosecondTime(timeNs: bigint): string {
  const seconds = timeNs / 1_000_000_000n;
  const date = new Date(Number(seconds) * 1000).toISOString();
  return `${date.slice(0, 19)}.${String(timeNs % 1_000_000_000n).padStart(9, "0")}Z`;
}

const UNIT_NS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's duration (`1h30m`) in nanoseconds, undefined when it is none. */
export function parseDuration(text: string): bigint | undefined {
  const found = /^([+-])?((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+)$/.exec(text);
  if (!found) return text === "0" ? 0n : undefined;
  let total = 0;
  for (const [, number, unit] of found[2]!.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) total += Number(number) * UNIT_NS[unit!]!;
  return BigInt(Math.round(found[1] === "-" ? -total : total));
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
