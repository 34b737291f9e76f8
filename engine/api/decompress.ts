/** Archives in request bodies. Plain, gzip and zstd are understood where they are unpacked; these two need a program. */
import { Readable } from "node:stream";
import { EngineError } from "../errors.ts";
import { filterThrough } from "../host/filter.ts";
import { findProgram } from "../host/programs.ts";

const MAGIC: readonly { readonly magic: string; readonly program: string; readonly install: string }[] = [
  { magic: "425a68", program: "bzip2", install: "bzip2" },
  { magic: "fd377a585a00", program: "xz", install: "xz-utils" },
];

/**
 * The same bytes, unpacked if they are bzip2 or xz.
 * @throws {EngineError} invalid when the program for it is not installed
 */
export async function unpackBody(source: Readable): Promise<Readable> {
  const chunks = (source as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 6) {
    const next = await chunks.next();
    if (next.done) break;
    head = Buffer.concat([head, next.value]);
  }
  const whole = Readable.from(joined(head, chunks), { objectMode: false });
  const found = MAGIC.find(({ magic }) => head.toString("hex").startsWith(magic));
  if (!found) return whole;
  const path = findProgram(found.program);
  if (path === undefined)
    throw new EngineError("invalid", `The archive is compressed with ${found.program}, which is not installed: install ${found.install}`);
  return filterThrough([path, "-d", "-c", "-q"], whole);
}

async function* joined(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}
