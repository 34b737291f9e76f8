/** Durations as Go reads and writes them (`1m30s`, `1.5h`, `500ms`), and in words. @see https://pkg.go.dev/time#ParseDuration */

const UNITS: Readonly<Record<string, number>> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Go's, and days and weeks as compose files may have them. */
export const LONG_UNITS: typeof UNITS = { ...UNITS, d: 24 * 3600e9, w: 7 * 24 * 3600e9 };

/** Nanoseconds, or Go's sentence for what is wrong. */
export function readDuration(text: string, units = UNITS): { nanoseconds: number } | { message: string } {
  const match = /^([+-]?)(.*)$/s.exec(text)!;
  const body = match[2]!;
  if (body === "0") return { nanoseconds: 0 };
  const parts = [...body.matchAll(/(\d+\.?\d*|\.\d+)([^\d.]*)/g)];
  if (body === "" || parts.map((part) => part[0]).join("") !== body) return { message: `time: invalid duration ${JSON.stringify(text)}` };
  let total = 0;
  for (const [, number, unit] of parts) {
    if (unit === "") return { message: `time: missing unit in duration ${JSON.stringify(text)}` };
    const factor = units[unit!];
    if (factor === undefined) return { message: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` };
    total += Number(number) * factor;
  }
  return { nanoseconds: Math.round(match[1] === "-" ? -total : total) };
}

/** Nanoseconds. @throws {Error} with Go's sentence */
export function parseDuration(text: string, units = UNITS): number {
  const read = readDuration(text, units);
  if ("message" in read) throw new Error(read.message);
  return read.nanoseconds;
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
