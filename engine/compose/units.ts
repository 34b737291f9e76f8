/** Durations and sizes as compose files write them, and as Go prints them. */

const NANOSECONDS: Readonly<Record<string, number>> = {
  w: 7 * 24 * 3600e9,
  d: 24 * 3600e9,
  h: 3600e9,
  m: 60e9,
  s: 1e9,
  ms: 1e6,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ns: 1,
};
const DURATION_PART = /(\d+\.?\d*|\.\d+)(ms|us|µs|μs|ns|w|d|h|m|s)/y;

/**
 * Nanoseconds of `1m30s`, `1d`, `1.5h`.
 *
 * @throws {Error} `time: invalid duration "…"`, the words of the library that docker compose uses
 */
export function durationNanoseconds(text: string): number {
  if (text === "0") return 0;
  const body = text.replace(/^[-+]/, "");
  let total = 0;
  DURATION_PART.lastIndex = 0;
  let end = 0;
  for (let part = DURATION_PART.exec(body); part; part = DURATION_PART.exec(body)) {
    total += Number(part[1]) * (NANOSECONDS[part[2] ?? ""] ?? 0);
    end = DURATION_PART.lastIndex;
  }
  if (end !== body.length || body === "") throw new Error(durationFault(text, body.slice(end)));
  return Math.round(text.startsWith("-") ? -total : total);
}

/** Go's words about the part of a duration that cannot be read. */
function durationFault(text: string, rest: string): string {
  const [, number, unit] = /^(\d+\.?\d*|\.\d+)?([^\d.]*)/.exec(rest) ?? [];
  if (number === undefined) return `time: invalid duration ${JSON.stringify(text)}`;
  return unit
    ? `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`
    : `time: missing unit in duration ${JSON.stringify(text)}`;
}

/** Nanoseconds as Go's time.Duration prints them: `1h0m0s`, `1.5s`, `100ms`. */
export function formatDuration(nanoseconds: number): string {
  if (nanoseconds === 0) return "0s";
  const sign = nanoseconds < 0 ? "-" : "";
  const size = Math.abs(nanoseconds);
  if (size < 1e3) return `${sign}${size}ns`;
  if (size < 1e6) return `${sign}${trimmed(size, 1e3)}µs`;
  if (size < 1e9) return `${sign}${trimmed(size, 1e6)}ms`;
  const minutes = Math.floor(size / 60e9);
  const seconds = `${trimmed(size - minutes * 60e9, 1e9)}s`;
  if (minutes === 0) return sign + seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${sign}${minutes}m${seconds}` : `${sign}${hours}h${minutes % 60}m${seconds}`;
}

function trimmed(value: number, unit: number): string {
  const whole = Math.floor(value / unit);
  const rest = String(Math.round(value - whole * unit)).padStart(String(unit).length - 1, "0");
  return `${whole}.${rest}`.replace(/\.?0+$/, (zeros) => (zeros.startsWith(".") ? "" : zeros.replace(/0+$/, "")));
}

const BINARY: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, p: 1024 ** 5 };

/**
 * Bytes of `64m`, `1.5GiB`, `100`.
 *
 * @throws {Error} `invalid size: '…'` or `invalid suffix: '…'`, go-units' words
 */
export function sizeInBytes(text: string): number {
  const match = /^(.*[0-9])([^0-9]*)$/s.exec(text.replace(/[. ]$/, text.endsWith(".") ? "." : ""));
  const digits = match?.[1];
  const value = digits === undefined || !/^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(digits) ? NaN : Number(digits);
  if (!match || Number.isNaN(value)) throw new Error(`invalid size: '${text}'`);
  if (value < 0) throw new Error(`invalid size: '${text}'`);
  const suffix = (match[2] ?? "").trim().toLowerCase();
  const unit = /^([kmgtp]?)(i?b)?$/.exec(suffix);
  if (!unit || (suffix.endsWith("ib") && suffix.length === 2)) throw new Error(`invalid suffix: '${suffix}'`);
  return Math.trunc(value * (BINARY[unit[1] ?? ""] ?? 1));
}

/** A number as Go's float32 prints it: the fewest digits that name it. */
export function shortestFloat32(value: number): number {
  const rounded = Math.fround(value);
  for (let digits = 1; digits < 10; digits++) {
    const candidate = Number(rounded.toPrecision(digits));
    if (Math.fround(candidate) === rounded) return candidate;
  }
  return rounded;
}
