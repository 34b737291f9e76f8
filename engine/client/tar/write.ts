/**
 * A tar archive as a byte stream: ustar headers, with pax records for what does not fit in them.
 * @see https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html
 */
export interface TarHeader {
  /** With slashes; a directory's ends with one. */
  readonly name: string;
  readonly type: "file" | "directory" | "symlink" | "link" | "character" | "block" | "fifo";
  /** Permission bits. */
  readonly mode: number;
  /** Bytes of content; 0 unless a file. */
  readonly size: number;
  readonly mtime: Date;
  readonly uid: number;
  readonly gid: number;
  /** Target of a link. */
  readonly linkName?: string;
  /** Of a character or block device. */
  readonly device?: { readonly major: number; readonly minor: number };
}

export interface TarEntry {
  readonly header: TarHeader;
  /** Exactly `header.size` bytes. */
  readonly content?: AsyncIterable<Uint8Array> | Uint8Array;
}

const BLOCK = 512;
const TYPES = { file: "0", link: "1", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" } as const;

/** The archive's bytes; entries are asked for as the reader gets to them. @throws {Error} when content is not as long as its header says */
export async function* writeTar(entries: AsyncIterable<TarEntry>): AsyncGenerator<Uint8Array> {
  for await (const { header, content } of entries) {
    yield encodeHeader(header);
    if (content instanceof Uint8Array) yield* content.length > 0 ? [content] : [];
    else if (content) yield* exactly(content, header);
    const padding = (BLOCK - (header.size % BLOCK)) % BLOCK;
    if (padding > 0) yield Buffer.alloc(padding);
  }
  yield Buffer.alloc(2 * BLOCK);
}

async function* exactly(content: AsyncIterable<Uint8Array>, { name, size }: TarHeader): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of content) {
    sent += chunk.length;
    yield chunk;
  }
  if (sent !== size) throw new Error(`${name} changed while it was read: ${sent} bytes instead of ${size}`);
}

function encodeHeader(header: TarHeader): Buffer {
  const records = paxRecords(header);
  if (records.length === 0) return ustar(header, TYPES[header.type]);
  const body = Buffer.from(records.join(""));
  const name = `PaxHeaders/${header.name.slice(-80)}`;
  const pax = ustar({ ...header, name, type: "file", size: body.length, uid: 0, gid: 0, linkName: "" }, "x");
  const padding = Buffer.alloc((BLOCK - (body.length % BLOCK)) % BLOCK);
  return Buffer.concat([pax, body, padding, ustar(header, TYPES[header.type])]);
}

const LARGEST_OCTAL = 0o77777777777;

function paxRecords({ name, linkName = "", size, uid, gid }: TarHeader): string[] {
  const fits = (text: string): boolean => Buffer.byteLength(text) <= 100 && /^[\x20-\x7e]*$/.test(text);
  return [
    ...(fits(name) ? [] : [paxRecord("path", name)]),
    ...(fits(linkName) ? [] : [paxRecord("linkpath", linkName)]),
    ...(size <= LARGEST_OCTAL ? [] : [paxRecord("size", String(size))]),
    ...(uid <= 0o7777777 ? [] : [paxRecord("uid", String(uid))]),
    ...(gid <= 0o7777777 ? [] : [paxRecord("gid", String(gid))]),
  ];
}

/** `27 path=…\n`: the length counts its own digits. */
function paxRecord(key: string, value: string): string {
  const body = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(body);
  length += String(length + String(length).length).length;
  return `${length}${body}`;
}

function ustar(header: TarHeader, type: string): Buffer {
  const block = Buffer.alloc(BLOCK);
  const octal = (value: number, at: number, size: number): void => {
    const largest = 8 ** (size - 1) - 1;
    block.write(
      Math.min(value, largest)
        .toString(8)
        .padStart(size - 1, "0"),
      at,
      "ascii",
    );
  };
  block.write(asciiTail(header.name), 0, 100, "latin1");
  octal(header.mode, 100, 8);
  octal(header.uid, 108, 8);
  octal(header.gid, 116, 8);
  octal(header.size, 124, 12);
  octal(Math.max(0, Math.trunc(header.mtime.getTime() / 1000)), 136, 12);
  block.write("        ", 148, "ascii");
  block.write(type, 156, "ascii");
  block.write(asciiTail(header.linkName ?? ""), 157, 100, "latin1");
  block.write("ustar\x0000", 257, "latin1");
  octal(header.device?.major ?? 0, 329, 8);
  octal(header.device?.minor ?? 0, 337, 8);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "ascii");
  return block;
}

/** What the header itself can hold of a name; pax carries the rest. */
function asciiTail(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]/g, "_");
  return plain.length <= 100 ? plain : plain.slice(0, 100);
}
