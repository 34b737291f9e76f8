/**
 * Sizes as people read and write them, in the words of go-units.
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

const POWERS: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4, p: 1024 ** 5 };

/**
 * Bytes of `512`, `64m`, `1.5GiB`: every unit is a power of 1024, as for memory.
 *
 * @throws {Error} `invalid size: '…'` or `invalid suffix: '…'`
 */
export function parseBytes(text: string): number {
  const match = /^(.*[0-9])([^0-9]*)$/s.exec(text);
  const digits = match?.[1] ?? "";
  const value = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(digits) ? Number(digits) : NaN;
  if (!match || Number.isNaN(value) || value < 0) throw new Error(`invalid size: '${text}'`);
  const suffix = match[2]!.trim().toLowerCase();
  const unit = /^([kmgtp]?)(i?b)?$/.exec(suffix);
  if (!unit || suffix === "ib") throw new Error(`invalid suffix: '${suffix}'`);
  return Math.trunc(value * POWERS[unit[1] ?? ""]!);
}
