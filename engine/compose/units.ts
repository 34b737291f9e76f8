/** Durations and sizes as compose files write them, and as Go prints them. */
import { LONG_UNITS, parseDuration } from "../syntax/duration.ts";

/** Nanoseconds of `1m30s`, `1d`, `1.5h`. @throws {Error} `time: invalid duration "…"`, the words of the library that docker compose uses */
export function durationNanoseconds(text: string): number {
  return parseDuration(text, LONG_UNITS);
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
