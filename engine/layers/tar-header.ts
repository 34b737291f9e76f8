/**
 * One header block of a tar archive, and the records that extend it: ustar, GNU, PAX, star, and the V7 format before them.
 * Text fields are byte strings: one character a byte, because names on Linux need not be UTF-8.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 * @see https://www.gnu.org/software/tar/manual/html_node/Standard.html
 */
import type { StatsBase } from "node:fs";
import { EngineError } from "../errors.ts";

export const BLOCK = 512;

export type EntryType = "file" | "directory" | "symlink" | "link" | "character" | "block" | "fifo";

/** What an archive calls a file; undefined for a socket, which no archive can hold. */
export function entryTypeOf(stats: StatsBase<number> | StatsBase<bigint>): Exclude<EntryType, "link"> | undefined {
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "directory";
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isCharacterDevice()) return "character";
  if (stats.isBlockDevice()) return "block";
  return stats.isFIFO() ? "fifo" : undefined;
}

/** A run of bytes that a sparse file really has. */
export interface Segment {
  readonly offset: number;
  readonly length: number;
}

export interface TarEntry {
  /** As archived: may be absolute, have `..`, or end with a slash. */
  name: string;
  type: EntryType;
  /** Permission bits with set-id and sticky, without the type. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of a file when unpacked; 0 for everything else. */
  sizeBytes: number;
  mtimeSeconds: number;
  mtimeNanoseconds: number;
  /** Target of a symlink, or the name of the entry that a hard link is another name of. */
  linkName: string;
  major: number;
  minor: number;
  xattrs?: Map<string, Buffer>;
  /** Only on sparse files: what follows in the archive, in order; the rest is holes. */
  segments?: Segment[];
}

/** What a header block says before PAX records and long names change it. */
export interface RawHeader extends TarEntry {
  flag: string;
  /** Bytes that follow in the archive, without padding. */
  storedBytes: number;
}

/** Go's words, which is what Docker's users see. */
export function invalidTarHeader(cause?: unknown): EngineError {
  return new EngineError("invalid", "archive/tar: invalid tar header", { cause });
}

const TYPES: Record<string, EntryType> = {
  "\0": "file",
  "0": "file",
  "7": "file",
  S: "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

/**
 * Reads a header block.
 * @throws {EngineError} invalid when the checksum or a number is wrong
 */
export function parseHeader(block: Buffer): RawHeader {
  if (!checksumMatches(block)) throw invalidTarHeader();
  const flag = block.toString("latin1", 156, 157);
  const type = TYPES[flag] ?? "file";
  const size = number(block, 124, 12);
  if (size < 0) throw invalidTarHeader();
  const name = text(block, 0, 100);
  const prefix = readPrefix(block);
  const header: RawHeader = {
    flag,
    name: prefix ? `${prefix}/${name}` : name,
    type,
    mode: number(block, 100, 8) & 0o7777,
    uid: number(block, 108, 8),
    gid: number(block, 116, 8),
    sizeBytes: type === "file" ? size : 0,
    storedBytes: type === "file" ? size : 0,
    mtimeSeconds: number(block, 136, 12),
    mtimeNanoseconds: 0,
    linkName: text(block, 157, 100),
    major: 0,
    minor: 0,
  };
  if (type === "character" || type === "block") {
    header.major = number(block, 329, 8);
    header.minor = number(block, 337, 8);
  }
  return header;
}

/** Whether a block is all zeros: two of them end an archive. */
export function isZeroBlock(block: Buffer): boolean {
  return block.equals(ZEROS);
}

const ZEROS = Buffer.alloc(BLOCK);

/** GNU's own format keeps times and sparse maps where ustar has the first part of long names. */
function readPrefix(block: Buffer): string {
  if (block.toString("latin1", 257, 263) !== "ustar\0") return "";
  const isStar = block.toString("latin1", 508, 512) === "tar\0";
  return text(block, 345, isStar ? 131 : 155);
}

/** The sum counts the checksum's own field as blanks. Some old programs added signed bytes. */
function checksumMatches(block: Buffer): boolean {
  const stored = number(block, 148, 8);
  let unsigned = 8 * 32;
  for (let i = 0; i < 148; i++) unsigned += block[i]!;
  for (let i = 156; i < BLOCK; i++) unsigned += block[i]!;
  if (unsigned === stored) return true;
  let signed = 8 * 32;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) signed += block.readInt8(i);
  return signed === stored;
}

/** A field that ends at its first NUL or with its room. */
export function text(block: Buffer, at: number, length: number): string {
  const end = block.indexOf(0, at);
  return block.toString("latin1", at, end < 0 || end > at + length ? at + length : end);
}

/** Octal digits between blanks and NULs, or GNU's base 256 when the first bit is set. */
export function number(block: Buffer, at: number, length: number): number {
  const first = block[at]!;
  if (first & 0x80) return base256(block, at, length);
  let value = 0;
  let i = at;
  const end = at + length;
  while (i < end && (block[i] === 0x20 || block[i] === 0)) i++;
  for (; i < end && block[i] !== 0x20 && block[i] !== 0; i++) {
    const digit = block[i]! - 0x30;
    if (digit < 0 || digit > 7) throw invalidTarHeader();
    value = value * 8 + digit;
  }
  return value;
}

function base256(block: Buffer, at: number, length: number): number {
  const isNegative = (block[at]! & 0x40) !== 0;
  let value = isNegative ? -1n : 0n;
  value = isNegative ? (value << 6n) | BigInt(block[at]! & 0x3f) : BigInt(block[at]! & 0x3f);
  for (let i = at + 1; i < at + length; i++) value = (value << 8n) | BigInt(block[i]!);
  if (value > BigInt(Number.MAX_SAFE_INTEGER) || value < BigInt(Number.MIN_SAFE_INTEGER)) throw invalidTarHeader();
  return Number(value);
}

/** `<length> <key>=<value>\n`, again and again; the length counts itself. Keys and values are byte strings. */
export function parseRecords(data: Buffer): [key: string, value: string][] {
  const records: [string, string][] = [];
  for (let at = 0; at < data.length;) {
    const blank = data.indexOf(0x20, at);
    const digits = blank < 0 ? "" : data.toString("latin1", at, blank);
    if (!/^[0-9]{1,7}$/.test(digits)) throw invalidTarHeader();
    const end = at + Number(digits);
    const equals = data.indexOf(0x3d, blank);
    if (end > data.length || end <= blank + 2 || equals < 0 || equals >= end || data[end - 1] !== 0x0a) throw invalidTarHeader();
    records.push([data.toString("latin1", blank + 1, equals), data.toString("latin1", equals + 1, end - 1)]);
    at = end;
  }
  return records;
}

/** A decimal number of a PAX record. */
export function decimal(value: string): number {
  if (!/^[0-9]{1,16}$/.test(value) || Number(value) > Number.MAX_SAFE_INTEGER) throw invalidTarHeader();
  return Number(value);
}

/** Seconds with a fraction, as seconds rounded down and nanoseconds. */
export function parseTime(value: string): { seconds: number; nanoseconds: number } {
  const match = /^(-?)([0-9]{1,15})(?:\.([0-9]*))?$/.exec(value);
  if (!match) throw invalidTarHeader();
  const nanoseconds = Number((match[3] ?? "").slice(0, 9).padEnd(9, "0"));
  const seconds = Number(match[2]);
  if (!match[1]) return { seconds, nanoseconds };
  return nanoseconds === 0 ? { seconds: -seconds, nanoseconds: 0 } : { seconds: -seconds - 1, nanoseconds: 1e9 - nanoseconds };
}
