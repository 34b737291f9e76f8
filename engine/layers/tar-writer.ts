/**
 * Writes tar headers, the same bytes for the same file on every machine: fixed fields, no user names, times in whole
 * seconds, PAX records only where ustar has no room. File names are byte strings.
 */
import { BLOCK } from "./tar-header.ts";
import type { TarEntry } from "./tar-header.ts";

/** Two blocks of zeros. */
export const TAR_END: Buffer = Buffer.alloc(2 * BLOCK);

const FLAGS = { file: "0", link: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" } as const;
const LARGEST_OCTAL_7 = 0o7777777;
const LARGEST_OCTAL_11 = 0o77777777777;

/** The header blocks of an entry: PAX records if it needs any, then ustar. Its content and padding come after them. */
export function tarHeader(entry: TarEntry): Buffer {
  const records: [string, string][] = [];
  if (entry.name.length > 100) records.push(["path", entry.name]);
  if (entry.linkName.length > 100) records.push(["linkpath", entry.linkName]);
  if (entry.sizeBytes > LARGEST_OCTAL_11) records.push(["size", String(entry.sizeBytes)]);
  if (entry.uid > LARGEST_OCTAL_7) records.push(["uid", String(entry.uid)]);
  if (entry.gid > LARGEST_OCTAL_7) records.push(["gid", String(entry.gid)]);
  if (entry.mtimeSeconds < 0 || entry.mtimeSeconds > LARGEST_OCTAL_11) records.push(["mtime", String(entry.mtimeSeconds)]);
  for (const [name, value] of [...(entry.xattrs ?? [])].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    records.push([`SCHILY.xattr.${Buffer.from(name).toString("latin1")}`, value.toString("latin1")]);
  const header = ustar(entry, FLAGS[entry.type]);
  return records.length === 0 ? header : Buffer.concat([extension(entry.name, records), header]);
}

/** Zeros that fill the last block of `bytes` of content. */
export function tarPadding(bytes: number): Buffer {
  return TAR_END.subarray(0, (BLOCK - (bytes % BLOCK)) % BLOCK);
}

/** An entry with nothing said: a regular, empty file of root, 1970. */
export function emptyEntry(name: string): TarEntry {
  return {
    name,
    type: "file",
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: 0,
    mtimeSeconds: 0,
    mtimeNanoseconds: 0,
    linkName: "",
    major: 0,
    minor: 0,
  };
}

function extension(name: string, records: [string, string][]): Buffer {
  const data = Buffer.from(records.map(([key, value]) => record(key, value)).join(""), "latin1");
  const entry = { ...emptyEntry(`PaxHeaders.0/${name.split("/").findLast(Boolean) ?? ""}`.slice(0, 100)), sizeBytes: data.length };
  return Buffer.concat([ustar(entry, "x"), data, tarPadding(data.length)]);
}

function record(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return `${length} ${key}=${value}\n`;
}

function ustar(entry: TarEntry, flag: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(entry.name.slice(0, 100), 0, "latin1");
  octal(block, 100, 8, entry.mode);
  octal(block, 108, 8, entry.uid > LARGEST_OCTAL_7 ? 0 : entry.uid);
  octal(block, 116, 8, entry.gid > LARGEST_OCTAL_7 ? 0 : entry.gid);
  octal(block, 124, 12, entry.sizeBytes > LARGEST_OCTAL_11 ? 0 : entry.sizeBytes);
  octal(block, 136, 12, Math.min(Math.max(entry.mtimeSeconds, 0), LARGEST_OCTAL_11));
  block.write(flag, 156, "latin1");
  block.write(entry.linkName.slice(0, 100), 157, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  if (entry.type === "character" || entry.type === "block") {
    octal(block, 329, 8, entry.major);
    octal(block, 337, 8, entry.minor);
  }
  block.fill(0x20, 148, 156);
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += block[i]!;
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function octal(block: Buffer, at: number, length: number, value: number): void {
  block.write(value.toString(8).padStart(length - 1, "0"), at, "latin1");
}
