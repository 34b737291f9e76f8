/** Sizes and times for people. */
import { t } from "./words.ts";

const units = ["B", "kB", "MB", "GB", "TB"];

/** Powers of 1000, three digits: `41 MB`, `1.5 kB`. */
export function humanBytes(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 99.5 ? Math.round(value) : Number(value.toPrecision(2))} ${units[unit]}`;
}

/** `0.2 s`, `12 s`, `3 min 20 s`. */
export function humanDuration(milliseconds: number): string {
  if (milliseconds < 9950) return `${(milliseconds / 1000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1000);
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
}

/** `1 file`, `1,234 files`. */
export function humanFiles(count: number): string {
  return count === 1 ? t("1 file") : t("{0} files", count.toLocaleString("en-US"));
}
