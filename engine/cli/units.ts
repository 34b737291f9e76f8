/**
 * Sizes and durations as people read and write them, in the words of go-units.
 * @see https://github.com/docker/go-units
 */

const DECIMAL = ["B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"];
const BINARY = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"];

/** Bytes in powers of 1000 with at most `precision` digits: `1.24kB`, `220MB`. */
export function humanSize(bytes: number, precision = 4): string {
  return scaled(bytes, { base: 1000, units: DECIMAL, precision });
}

/** Bytes in powers of 1024: `500KiB`, `23.54GiB`. */
export function binarySize(bytes: number): string {
  return scaled(bytes, { base: 1024, units: BINARY, precision: 4 });
}

function scaled(bytes: number, form: { base: number; units: readonly string[]; precision: number }): string {
  let size = bytes;
  let unit = 0;
  while (size >= form.base && unit < form.units.length - 1) {
    size /= form.base;
    unit++;
  }
  return `${significant(size, form.precision)}${form.units[unit]}`;
}

/** Go's `%.Ng`. */
export function significant(value: number, digits: number): string {
  if (value === 0) return "0";
  const exponent = Number(value.toExponential(digits - 1).split("e")[1]);
  if (exponent >= -4 && exponent < digits) return String(Number(value.toPrecision(digits)));
  const [mantissa = "", power = ""] = value.toExponential(digits - 1).split("e");
  return `${Number(mantissa)}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

/** A duration in words, rounded down: `Less than a second`, `About a minute`, `3 weeks`. */
export function humanDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < 1) return "Less than a second";
  if (seconds === 1) return "1 second";
  if (seconds < 60) return `${seconds} seconds`;
  const minutes = Math.trunc(seconds / 60);
  if (minutes === 1) return "About a minute";
  if (minutes < 60) return `${minutes} minutes`;
  const hours = Math.trunc(seconds / 3600 + 0.5);
  if (hours === 1) return "About an hour";
  if (hours < 48) return `${hours} hours`;
  if (hours < 24 * 7 * 2) return `${Math.trunc(hours / 24)} days`;
  if (hours < 24 * 30 * 2) return `${Math.trunc(hours / 24 / 7)} weeks`;
  if (hours < 24 * 365 * 2) return `${Math.trunc(hours / 24 / 30)} months`;
  return `${Math.trunc(hours / 24 / 365)} years`;
}

/**
 * Bytes of `512`, `64m`, `1.5GiB`: every unit is a power of 1024, as for memory.
 *
 * @throws {Error} `invalid size: 'x'`
 */
export function parseBytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s?([kmgtp]?)(i?b)?$/i.exec(text);
  if (!match) throw new Error(`invalid size: '${text}'`);
  const power = "kmgtp".indexOf((match[2] ?? "").toLowerCase() || "-") + 1;
  return Math.trunc(Number(match[1]) * 1024 ** power);
}

const NANOSECONDS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/**
 * Nanoseconds of Go's duration text, e.g. `1m30s`.
 *
 * @throws {Error} with Go's sentence
 */
export function parseDuration(text: string): number {
  const [, sign = "", rest = ""] = /^([+-]?)(.*)$/.exec(text) ?? [];
  if (rest === "0") return 0;
  let total = 0;
  let read = 0;
  for (const match of rest.matchAll(/(\d+\.?\d*|\.\d+)(ns|us|µs|μs|ms|s|m|h)/gy)) {
    total += Number(match[1]) * (NANOSECONDS[match[2] ?? ""] ?? 0);
    read += match[0].length;
  }
  if (read !== rest.length || rest === "") throw new Error(durationProblem(text, rest.slice(read)));
  return Math.round(sign === "-" ? -total : total);
}

function durationProblem(text: string, rest: string): string {
  if (/^\d+(\.\d*)?$/.test(rest)) return `time: missing unit in duration "${text}"`;
  const unit = /^\d+(?:\.\d*)?([^\d.]+)/.exec(rest)?.[1];
  return unit ? `time: unknown unit "${unit}" in duration "${text}"` : `time: invalid duration "${text}"`;
}

/** Go's text of a duration: `1m30s`, `0s`, `500ms`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  if (Math.abs(nanoseconds) < 1e9) {
    const [unit, size] = Math.abs(nanoseconds) >= 1e6 ? ["ms", 1e6] : Math.abs(nanoseconds) >= 1e3 ? ["µs", 1e3] : ["ns", 1];
    return `${nanoseconds / (size as number)}${unit}`;
  }
  const seconds = nanoseconds / 1e9;
  const hours = Math.trunc(seconds / 3600);
  const minutes = Math.trunc((seconds % 3600) / 60);
  const left = Number((seconds % 60).toFixed(9));
  return `${hours ? `${hours}h` : ""}${hours || minutes ? `${minutes}m` : ""}${left}s`;
}
