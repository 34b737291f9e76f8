/** Durations and numbers as compose files write them, and as Go prints them. */
import { LONG_UNITS, parseDuration } from "../syntax/duration.ts";

/** Nanoseconds of `1m30s`, `1d`, `1.5h`. @throws {Error} `time: invalid duration "…"`, the words of the library that docker compose uses */
export function durationNanoseconds(text: string): number {
  return parseDuration(text, LONG_UNITS);
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
