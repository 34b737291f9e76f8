/**
 * Entries of a tar archive, as they arrive: ustar, pax and GNU long names.
 */
import type { TarHeader } from "./write.ts";

export interface ReadEntry {
  /** `type` is `other` for what is not known. */
  readonly header: Omit<TarHeader, "type"> & { readonly type: TarHeader["type"] | "other" };
  /** Has to be read (or left) before the next entry is asked for; what is left is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

const BLOCK = 512;

/** @throws {Error} `archive/tar: invalid tar header`, or that the archive ends too early */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<ReadEntry> {
  const bytes = new ByteReader(source);
  let extra: Record<string, string> = {};
  for (;;) {
    const block = await bytes.take(BLOCK);
    if (!block || block.every((byte) => byte === 0)) return;
    const header = decode(block);
    if (header.flag === "x" || header.flag === "g") {
      const body = await takePadded(bytes, header.size);
      if (header.flag === "x") extra = { ...extra, ...paxFields(body) };
      continue;
    }
    if (header.flag === "L" || header.flag === "K") {
      const text = (await takePadded(bytes, header.size)).toString().replace(/\0.*$/s, "");
      extra = { ...extra, [header.flag === "L" ? "path" : "linkpath"]: text };
      continue;
    }
    const entry = applyPax(header, extra);
    extra = {};
    const content = new Content(bytes, entry.header.size);
    yield { header: entry.header, content };
    await content.skip();
  }
}

async function takePadded(bytes: ByteReader, size: number): Promise<Buffer> {
  if (size > 1 << 20) throw new Error("archive/tar: invalid tar header");
  const body = await bytes.take(size + ((BLOCK - (size % BLOCK)) % BLOCK));
  if (!body) throw new Error("archive/tar: unexpected EOF");
  return body.subarray(0, size);
}

interface Decoded extends TarHeader {
  readonly flag: string;
}

function decode(block: Buffer): Decoded {
  const text = (at: number, size: number): string => block.toString("utf8", at, at + size).replace(/\0.*$/s, "");
  const sum = block.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== Number.parseInt(text(148, 8).trim(), 8)) throw new Error("archive/tar: invalid tar header");
  const prefix = text(257, 5) === "ustar" && block[263] === 0x30 ? text(345, 155) : "";
  const flag = text(156, 1) || "0";
  return {
    name: prefix ? `${prefix}/${text(0, 100)}` : text(0, 100),
    mode: numberAt(block, 100, 8),
    uid: numberAt(block, 108, 8),
    gid: numberAt(block, 116, 8),
    size: numberAt(block, 124, 12),
    mtime: new Date(numberAt(block, 136, 12) * 1000),
    linkName: text(157, 100),
    ...(flag === "3" || flag === "4" ? { device: { major: numberAt(block, 329, 8), minor: numberAt(block, 337, 8) } } : {}),
    type: "file",
    flag,
  };
}

/** Octal, or big-endian binary when the first bit is set. */
function numberAt(block: Buffer, at: number, size: number): number {
  if ((block[at]! & 0x80) !== 0) {
    let value = block[at]! & 0x7f;
    for (const byte of block.subarray(at + 1, at + size)) value = value * 256 + byte;
    return value;
  }
  return (
    Number.parseInt(
      block
        .toString("latin1", at, at + size)
        .replace(/\0.*$/s, "")
        .trim() || "0",
      8,
    ) || 0
  );
}

function paxFields(body: Buffer): Record<string, string> {
  const fields: Record<string, string> = {};
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const length = Number(body.toString("latin1", at, space));
    if (space < 0 || !(length > 0)) break;
    const record = body.toString("utf8", space + 1, at + length - 1);
    const equals = record.indexOf("=");
    fields[record.slice(0, equals)] = record.slice(equals + 1);
    at += length;
  }
  return fields;
}

const KINDS: Readonly<Record<string, TarHeader["type"]>> = {
  "0": "file",
  "7": "file",
  "1": "link",
  "2": "symlink",
  "3": "character",
  "4": "block",
  "5": "directory",
  "6": "fifo",
};

function applyPax({ flag, ...header }: Decoded, pax: Readonly<Record<string, string>>): { header: ReadEntry["header"] } {
  const number = (key: string, before: number): number => (pax[key] === undefined ? before : Number(pax[key]));
  const name = pax["path"] ?? header.name;
  const kind = KINDS[flag] ?? "other";
  return {
    header: {
      ...header,
      name,
      type: kind === "file" && name.endsWith("/") ? "directory" : kind,
      linkName: pax["linkpath"] ?? header.linkName ?? "",
      size: number("size", header.size),
      uid: number("uid", header.uid),
      gid: number("gid", header.gid),
      mtime: pax["mtime"] === undefined ? header.mtime : new Date(Number(pax["mtime"]) * 1000),
    },
  };
}

class Content implements AsyncIterable<Buffer> {
  readonly #bytes: ByteReader;
  #left: number;
  #padding: number;

  constructor(bytes: ByteReader, size: number) {
    this.#bytes = bytes;
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    while (this.#left > 0) {
      const chunk = await this.#bytes.some(this.#left);
      if (!chunk) throw new Error("archive/tar: unexpected EOF");
      this.#left -= chunk.length;
      yield chunk;
    }
  }

  async skip(): Promise<void> {
    for await (const _chunk of this);
    if (this.#padding > 0) await this.#bytes.take(this.#padding);
    this.#padding = 0;
  }
}

/** Bytes by number, however they arrive. */
class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #rest: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** At least one byte and at most `limit`; undefined at the end. */
  async some(limit: number): Promise<Buffer | undefined> {
    while (this.#rest.length === 0) {
      const next = await this.#source.next();
      if (next.done) return undefined;
      this.#rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
    }
    const chunk = this.#rest.subarray(0, limit);
    this.#rest = this.#rest.subarray(chunk.length);
    return chunk;
  }

  /** Exactly `size` bytes; undefined when the source ends before. */
  async take(size: number): Promise<Buffer | undefined> {
    const chunks: Buffer[] = [];
    for (let left = size; left > 0;) {
      const chunk = await this.some(left);
      if (!chunk) return undefined;
      chunks.push(chunk);
      left -= chunk.length;
    }
    return Buffer.concat(chunks);
  }
}
