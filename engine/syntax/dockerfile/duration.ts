/** Go's durations, as HEALTHCHECK writes them: `1m30s`, `1.5h`, `500ms`. @see https://pkg.go.dev/time#ParseDuration */

const nanoseconds: Record<string, number> = { ns: 1, us: 1e3, µs: 1e3, μs: 1e3, ms: 1e6, s: 1e9, m: 60e9, h: 3600e9 };

/** Nanoseconds, or Go's sentence for what is wrong. */
export function parseDuration(text: string): { nanoseconds: number } | { message: string } {
  const match = /^([+-]?)(.*)$/s.exec(text)!;
  const body = match[2]!;
  if (body === "0") return { nanoseconds: 0 };
  const parts = [...body.matchAll(/(\d+\.?\d*|\.\d+)([^\d.]*)/g)];
  if (body === "" || parts.map((part) => part[0]).join("") !== body) return { message: `time: invalid duration ${JSON.stringify(text)}` };
  let total = 0;
  for (const [, number, unit] of parts) {
    if (unit === "") return { message: `time: missing unit in duration ${JSON.stringify(text)}` };
    const factor = nanoseconds[unit!];
    if (factor === undefined) return { message: `time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}` };
    total += Number(number) * factor;
  }
  return { nanoseconds: Math.round(match[1] === "-" ? -total : total) };
}

/** Go's `Duration.String`: `1m30s`, `1.5s`, `500ms`, `0s`. */
export function formatDuration(value: number): string {
  if (value === 0) return "0s";
  if (value < 0) return `-${formatDuration(-value)}`;
  if (value < 1e3) return `${value}ns`;
  if (value < 1e6) return `${value / 1e3}µs`;
  if (value < 1e9) return `${value / 1e6}ms`;
  const hours = Math.floor(value / 3600e9);
  const minutes = Math.floor((value % 3600e9) / 60e9);
  const seconds = `${(value % 60e9) / 1e9}s`;
  if (hours > 0) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0 ? `${minutes}m${seconds}` : seconds;
}
