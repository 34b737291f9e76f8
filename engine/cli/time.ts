/**
 * Points in time: how docker prints them and how users name them.
 */
import { parseDuration } from "../syntax/duration.ts";

/** Go's `time.Time.String()`: `2026-11-21 03:49:16 +0000 UTC`, in local time; an ISO text ending in Z stays in UTC. */
export function formatTime(time: number | string): string {
  if (typeof time === "string") {
    const match = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d(?:\.\d+)?)Z$/.exec(time);
    return match ? `${match[1]} ${match[2]} +0000 UTC` : time;
  }
  const { date, clock, offset } = localParts(time);
  return `${date} ${clock} ${offset.replace(":", "")} ${zoneName(time, offset)}`;
}

/** `2026-11-21T03:49:16Z`, in local time. */
export function formatRfc3339(milliseconds: number): string {
  const { date, clock, offset } = localParts(milliseconds);
  return `${date}T${clock}${offset === "+00:00" ? "Z" : offset}`;
}

/** Like formatRfc3339 with all nine digits of the fraction. */
export function formatNanoseconds(nanoseconds: bigint): string {
  const { date, clock, offset } = localParts(Number(nanoseconds / 1_000_000n));
  const fraction = String(nanoseconds % 1_000_000_000n).padStart(9, "0");
  return `${date}T${clock}.${fraction}${offset === "+00:00" ? "Z" : offset}`;
}

function localParts(milliseconds: number): { date: string; clock: string; offset: string } {
  const minutes = -new Date(milliseconds).getTimezoneOffset();
  const text = new Date(milliseconds + minutes * 60_000).toISOString();
  const size = Math.abs(minutes);
  const two = (value: number): string => String(value).padStart(2, "0");
  return {
    date: text.slice(0, 10),
    clock: text.slice(11, 19),
    offset: `${minutes < 0 ? "-" : "+"}${two(Math.trunc(size / 60))}:${two(size % 60)}`,
  };
}

function zoneName(milliseconds: number, offset: string): string {
  if (offset === "+00:00") return "UTC";
  const parts = new Intl.DateTimeFormat("en-US", { timeZoneName: "short" }).formatToParts(milliseconds);
  return parts.find(({ type }) => type === "timeZoneName")?.value ?? offset;
}

/**
 * Unix seconds (with a fraction when one was given) of what a user wrote for `--since` or `--until`: a duration before now,
 * a date, a time, or Unix seconds. Empty stays empty.
 *
 * @throws {Error} in docker's words
 */
export function readTimestamp(value: string, now: number): string | undefined {
  if (value === "") return undefined;
  // The beginning of time, although it could be read as a duration.
  if (value === "0") return value;
  try {
    return String(Math.floor((now - parseDuration(value) / 1e6) / 1000));
  } catch {
    // Not a duration: it may be a date.
  }
  const date = /^(\d{4}-\d\d-\d\d)(?:T(\d\d:\d\d)(:\d\d)?(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?$/.exec(value);
  if (date) {
    const [, day = "", clock = "00:00", seconds = ":00", fraction = "", zone = ""] = date;
    const milliseconds = Date.parse(`${day}T${clock}${seconds}${zone}`);
    if (!Number.isNaN(milliseconds)) return `${milliseconds / 1000}.${(fraction.slice(1) || "0").padEnd(9, "0").slice(0, 9)}`;
  }
  if (/^\d+(\.\d+)?$/.test(value)) return value;
  throw new Error(`failed to parse value as time or duration: ${JSON.stringify(value)}`);
}
