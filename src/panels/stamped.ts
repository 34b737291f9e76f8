/** Log lines as an engine sends them with times: `<RFC 3339> <text>\n`, and longer ones in pieces with a time each, as Docker does. */

/** Bytes of a piece. */
const PIECE = 16384;
const STAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{1,9}(?:Z|[+-]\d\d:\d\d) /;
const LONGEST_STAMP = 36;

const LINE_FEED = 10;

/** Makes whole lines of one stream; each begins with its time. */
export class StampedLines {
  readonly #text = new TextDecoder();
  #rest: Buffer = Buffer.alloc(0);
  #last = "";

  /** The latest time so far; of a line in pieces that of the last one. */
  get last(): string {
    return this.#last;
  }

  /** The lines that these bytes end, without what ends them. */
  push(data: Uint8Array): readonly string[] {
    const bytes = this.#rest.length === 0 ? Buffer.from(data.buffer, data.byteOffset, data.byteLength) : Buffer.concat([this.#rest, data]);
    const end = bytes.lastIndexOf(LINE_FEED);
    // A frame may be reused by who sends it.
    this.#rest = Buffer.from(bytes.subarray(end + 1));
    if (end < 0) return [];
    const lines = this.#text.decode(bytes.subarray(0, end)).split("\n");
    // A letter is of four bytes at most.
    if (lines.some(({ length }) => length > PIECE / 4)) return this.#joined(bytes.subarray(0, end));
    const { length } = lines.at(-1)!;
    if (length > 0) this.#last = timeOf(lines.at(-1)!);
    return lines.some((line) => line.endsWith("\r")) ? lines.map((line) => line.replace(/\r$/, "")) : lines;
  }

  /** What has not ended: the container has, so it is a line. */
  end(): string | undefined {
    const [line] = this.#rest.length > 0 ? this.#joined(this.#rest) : [];
    this.#rest = Buffer.alloc(0);
    return line;
  }

  #joined(bytes: Buffer): string[] {
    const lines: string[] = [];
    for (let from = 0; from <= bytes.length;) {
      const feed = bytes.indexOf(LINE_FEED, from);
      const end = feed < 0 ? bytes.length : feed;
      lines.push(this.#join(bytes.subarray(from, end)));
      from = end + 1;
    }
    return lines;
  }

  /** One line without the times of its later pieces. */
  #join(line: Buffer): string {
    const pieces: Buffer[] = [];
    for (let at = 0; at < line.length;) {
      const stamp = STAMP.exec(line.toString("latin1", at, at + LONGEST_STAMP))?.[0] ?? "";
      const end = Math.min(line.length, at + stamp.length + PIECE);
      pieces.push(line.subarray(at === 0 ? 0 : at + stamp.length, end));
      if (stamp) this.#last = stamp.trimEnd();
      at = end;
    }
    return this.#text.decode(Buffer.concat(pieces)).replace(/\r$/, "");
  }
}

/** In front of a line. */
export function timeOf(line: string): string {
  return line.slice(0, Math.max(0, line.indexOf(" ")));
}
