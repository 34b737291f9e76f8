/**
 * Reads a tar archive as it comes, synchronously and without holding more than one header: `push()` the bytes, and the
 * handler hears of entries and their content in archive order.
 */
import { EngineError } from "../errors.ts";
import { BLOCK, decimal, invalidTarHeader, isZeroBlock, number, parseHeader, parseRecords, parseTime } from "./tar-header.ts";
import type { RawHeader, Segment, TarEntry } from "./tar-header.ts";

export interface TarHandler {
  /** A new entry; its content follows by `data` if it is a file that has any, then `end`. */
  entry(entry: TarEntry): void;
  /** `offset` is where in the file the bytes belong; only sparse files have gaps. The bytes are the handler's only now. */
  data(bytes: Buffer, offset: number): void;
  end(): void;
}

/** Long names and PAX records are held in memory; more than this is an attack. */
const LARGEST_EXTENSION = 1 << 20;
const LONGEST_NAME = 65536;
const MOST_SEGMENTS = 1 << 13;

type State = "header" | "extension" | "sparse-block" | "sparse-text" | "content" | "padding" | "done";

export class TarReader {
  readonly #handler: TarHandler;
  #state: State = "header";
  #ended = false;
  /** A block, or an extension's content, that is not all here yet. */
  #held: Buffer = Buffer.allocUnsafe(BLOCK);
  #filled = 0;
  #header: RawHeader | undefined;
  #entryOpen = false;
  /** Content bytes of the current entry that are still to come, and the padding after them. */
  #left = 0;
  #padding = 0;
  #offset = 0;
  #segment = 0;
  #segmentDone = 0;
  #zeroBlocks = 0;
  #records: [string, string][] = [];
  #longName: string | undefined;
  #longLink: string | undefined;
  #sparseText = "";
  /** Lines that the text of a sparse map must have, once its first line is known. */
  #sparseLines = 0;

  constructor(handler: TarHandler) {
    this.#handler = handler;
  }

  /** Whether the end-of-archive mark was read; what comes after it is ignored. */
  get ended(): boolean {
    return this.#ended;
  }

  /** @throws {EngineError} invalid when the archive is malformed; the reader is of no use afterwards */
  push(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "done") {
      if (this.#state === "content") at += this.#content(chunk, at);
      else if (this.#state === "padding") at += this.#skip(chunk.length - at);
      else at += this.#collect(chunk, at);
    }
  }

  /** Says that no more bytes come. @throws {EngineError} invalid `unexpected EOF` when something is missing */
  finish(): void {
    const isBetween = this.#state === "header" && this.#filled === 0 && this.#records.length === 0;
    // Go's writer, when nobody closes it, ends without the last padding (`docker build -f -`), and Go's reader takes that.
    const isWhole = this.#state === "done" || this.#state === "padding" || isBetween;
    if (!isWhole || this.#longName !== undefined) throw new EngineError("invalid", "unexpected EOF");
    this.#ended = true;
  }

  /** Fills `#held` and hands it on when it is full. A whole block inside the chunk is not copied. */
  #collect(chunk: Buffer, at: number): number {
    const need = this.#held.length;
    if (this.#filled === 0 && chunk.length - at >= need) {
      this.#collected(chunk.subarray(at, at + need));
      return need;
    }
    const taken = Math.min(need - this.#filled, chunk.length - at);
    chunk.copy(this.#held, this.#filled, at, at + taken);
    this.#filled += taken;
    if (this.#filled === need) {
      this.#filled = 0;
      this.#collected(this.#held);
    }
    return taken;
  }

  #collected(data: Buffer): void {
    switch (this.#state) {
      case "header":
        return this.#block(data);
      case "extension":
        return this.#extension(data);
      case "sparse-block":
        return this.#sparseBlock(data);
      case "sparse-text":
        return this.#sparseTextBlock(data);
      case "content":
      case "padding":
      case "done":
    }
  }

  #block(block: Buffer): void {
    if (isZeroBlock(block)) {
      if (++this.#zeroBlocks === 2) {
        this.#state = "done";
        this.#ended = true;
      }
      return;
    }
    this.#zeroBlocks = 0;
    const header = parseHeader(block);
    if ("xXgLK".includes(header.flag)) return this.#openExtension(header);
    if (header.flag === "V") return this.#skipNext(header.storedBytes + padding(header.storedBytes));
    if (!"\x0001234567S".includes(header.flag)) throw new EngineError("invalid", `unhandled tar header type ${header.flag.charCodeAt(0)}`);
    this.#header = header;
    this.#applyExtensions(header);
    if (header.flag === "S") this.#openSparse(header, block);
    else if (this.#sparseText === "1.0") this.#collectSparseText();
    else this.#open();
  }

  #skipNext(bytes: number): void {
    this.#padding = bytes;
    if (bytes > 0) this.#state = "padding";
  }

  #openExtension(header: RawHeader): void {
    const most = "LK".includes(header.flag) ? LONGEST_NAME : LARGEST_EXTENSION;
    if (header.storedBytes > most) throw new EngineError("invalid", "archive/tar: header field too long");
    if (header.storedBytes === 0) return;
    this.#header = header;
    this.#held = Buffer.allocUnsafe(header.storedBytes);
    this.#state = "extension";
  }

  #extension(data: Buffer): void {
    const { flag, storedBytes } = this.#header!;
    if (flag === "x" || flag === "X") this.#records.push(...parseRecords(data));
    if (flag === "L") this.#longName = untilNul(data);
    if (flag === "K") this.#longLink = untilNul(data);
    this.#header = undefined;
    this.#nextBlock();
    this.#skipNext(padding(storedBytes));
  }

  #nextBlock(): void {
    if (this.#held.length !== BLOCK) this.#held = Buffer.allocUnsafe(BLOCK);
    this.#state = "header";
  }

  #applyExtensions(header: RawHeader): void {
    if (this.#longName !== undefined) header.name = this.#longName;
    if (this.#longLink !== undefined) header.linkName = this.#longLink;
    this.#longName = this.#longLink = undefined;
    const records = this.#records;
    this.#records = [];
    this.#sparseText = "";
    if (records.length > 0) this.#sparseText = applyRecords(header, records);
    // Before ustar a directory was a file whose name ends with a slash.
    if (header.type === "file" && header.flag !== "S" && header.name.endsWith("/")) header.type = "directory";
    if (header.name.includes("\0") || header.linkName.includes("\0")) throw invalidTarHeader();
  }

  #openSparse(header: RawHeader, block: Buffer): void {
    header.segments = [];
    header.sizeBytes = number(block, 483, 12);
    readSegments(block, 386, 4, header.segments);
    if (block[482]) this.#state = "sparse-block";
    else this.#open();
  }

  #sparseBlock(block: Buffer): void {
    const segments = this.#header!.segments!;
    readSegments(block, 0, 21, segments);
    if (!block[504]) this.#open();
  }

  #collectSparseText(): void {
    this.#sparseText = "";
    this.#sparseLines = 0;
    this.#state = "sparse-text";
  }

  /** PAX sparse format 1.0 begins its content with `count\noffset\nlength\n…`, padded to a block. */
  #sparseTextBlock(block: Buffer): void {
    const header = this.#header!;
    header.storedBytes -= BLOCK;
    if (header.storedBytes < 0) throw invalidTarHeader();
    if (this.#sparseText === "") this.#sparseLines = 1 + 2 * decimal(block.toString("latin1").split("\n", 1)[0]!);
    if (this.#sparseLines > 2 * MOST_SEGMENTS) throw invalidTarHeader();
    this.#sparseText += block.toString("latin1");
    // Only the last block can complete the map, and only it holds padding.
    if (this.#sparseText.length < 2 * this.#sparseLines) return;
    const lines = this.#sparseText.split("\n");
    if (lines.length <= this.#sparseLines) return;
    const numbers = lines.slice(1, this.#sparseLines).map(decimal);
    header.segments = [];
    for (let i = 0; i < numbers.length; i += 2) header.segments.push({ offset: numbers[i]!, length: numbers[i + 1]! });
    this.#open();
  }

  #open(): void {
    const header = this.#header!;
    if (header.segments) checkSegments(header, header.segments);
    this.#left = header.type === "file" ? header.storedBytes : 0;
    this.#padding = padding(header.storedBytes);
    this.#offset = this.#segment = this.#segmentDone = 0;
    this.#entryOpen = true;
    this.#handler.entry(header);
    if (this.#left > 0) this.#state = "content";
    else this.#close();
  }

  #content(chunk: Buffer, at: number): number {
    const header = this.#header!;
    let taken = Math.min(this.#left, chunk.length - at);
    let offset = this.#offset;
    if (header.segments) {
      const segment = header.segments[this.#segment]!;
      taken = Math.min(taken, segment.length - this.#segmentDone);
      offset = segment.offset + this.#segmentDone;
      this.#segmentDone += taken;
      if (this.#segmentDone === segment.length) this.#nextSegment(header.segments);
    }
    if (taken > 0) this.#handler.data(chunk.subarray(at, at + taken), offset);
    this.#offset += taken;
    this.#left -= taken;
    if (this.#left === 0) this.#close();
    return taken;
  }

  #nextSegment(segments: Segment[]): void {
    this.#segmentDone = 0;
    this.#segment++;
    while (this.#segment < segments.length && segments[this.#segment]!.length === 0) this.#segment++;
  }

  #skip(available: number): number {
    const taken = Math.min(this.#padding, available);
    this.#padding -= taken;
    if (this.#padding === 0) this.#nextBlock();
    return taken;
  }

  #close(): void {
    if (this.#entryOpen) this.#handler.end();
    this.#entryOpen = false;
    this.#header = undefined;
    if (this.#padding > 0) this.#state = "padding";
    else this.#nextBlock();
  }
}

function padding(bytes: number): number {
  return (BLOCK - (bytes % BLOCK)) % BLOCK;
}

function untilNul(data: Buffer): string {
  const end = data.indexOf(0);
  return data.toString("latin1", 0, end < 0 ? data.length : end);
}

/** Returns the sparse format whose map is still to come in the content, if any. */
function applyRecords(header: RawHeader, records: [string, string][]): string {
  const sparse: Record<string, string> = {};
  const pieces: number[] = [];
  for (const [key, value] of records) {
    if (key === "path") header.name = value;
    else if (key === "linkpath") header.linkName = value;
    else if (key === "uid") header.uid = decimal(value);
    else if (key === "gid") header.gid = decimal(value);
    else if (key === "size") setSize(header, decimal(value));
    else if (key === "mtime") setTime(header, value);
    else if (key.startsWith("SCHILY.xattr."))
      (header.xattrs ??= new Map()).set(Buffer.from(key.slice(13), "latin1").toString(), Buffer.from(value, "latin1"));
    else if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") pieces.push(decimal(value));
    else if (key.startsWith("GNU.sparse.")) sparse[key.slice(11)] = value;
  }
  return header.type === "file" ? applySparse(header, sparse, pieces) : "";
}

/** A sparse file's own size comes from GNU.sparse.*; `size` is what the archive holds. */
function setSize(header: RawHeader, size: number): void {
  if (header.type !== "file" && !"xgLK".includes(header.flag)) return;
  header.sizeBytes = header.storedBytes = size;
}

function setTime(header: RawHeader, value: string): void {
  const { seconds, nanoseconds } = parseTime(value);
  header.mtimeSeconds = seconds;
  header.mtimeNanoseconds = nanoseconds;
}

function applySparse(header: RawHeader, sparse: Record<string, string>, pieces: number[]): string {
  if (sparse["name"] !== undefined) header.name = sparse["name"];
  const size = sparse["realsize"] ?? sparse["size"];
  if (size !== undefined) header.sizeBytes = decimal(size);
  if (sparse["major"] === "1" && sparse["minor"] === "0") return "1.0";
  const numbers = sparse["map"] === undefined ? pieces : sparse["map"].split(",").filter(Boolean).map(decimal);
  if (numbers.length === 0 && sparse["numblocks"] === undefined) return "";
  if (numbers.length % 2 !== 0 || numbers.length > 2 * MOST_SEGMENTS) throw invalidTarHeader();
  header.segments = [];
  for (let i = 0; i < numbers.length; i += 2) header.segments.push({ offset: numbers[i]!, length: numbers[i + 1]! });
  return "";
}

function readSegments(block: Buffer, at: number, most: number, segments: Segment[]): void {
  for (let i = 0; i < most; i++) {
    const field = at + 24 * i;
    if (block[field] === 0) return;
    segments.push({ offset: number(block, field, 12), length: number(block, field + 12, 12) });
    if (segments.length > MOST_SEGMENTS) throw invalidTarHeader();
  }
}

/** Segments rise, do not overlap, stay inside the file, and add up to what the archive holds. */
function checkSegments(header: RawHeader, segments: Segment[]): void {
  let end = 0;
  let total = 0;
  for (const { offset, length } of segments) {
    if (offset < end || length < 0) throw invalidTarHeader();
    end = offset + length;
    total += length;
  }
  if (end > header.sizeBytes || total !== header.storedBytes) throw invalidTarHeader();
  header.segments = segments.filter(({ length }) => length > 0);
}
