/** Archives as people send them: plain, gzip or zstd, told apart by their first bytes. */
import { pipeline, Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { EngineError } from "../errors.ts";

const CHUNK = 1 << 18;

/** The uncompressed bytes. @throws {EngineError} invalid when they are damaged, or compressed in a way that is not known */
export async function* decompress(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  const chunks = source[Symbol.asyncIterator]();
  let head: Buffer = Buffer.alloc(0);
  while (head.length < 6) {
    const next = await chunks.next();
    if (next.done) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  const rest = restOf(head, chunks);
  const magic = head.toString("hex", 0, 6);
  if (magic.startsWith("1f8b")) yield* through(rest, createGunzip({ chunkSize: CHUNK }));
  else if (magic.startsWith("28b52ffd") || /^5.2a4d18/.test(magic)) yield* through(rest, createZstdDecompress({ chunkSize: CHUNK }));
  else if (magic.startsWith("425a68")) throw new EngineError("invalid", "Cannot unpack bzip2: use gzip, zstd or a plain tar");
  else if (magic === "fd377a585a00") throw new EngineError("invalid", "Cannot unpack xz: use gzip, zstd or a plain tar");
  else yield* rest;
}

async function* restOf(head: Buffer, chunks: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  try {
    if (head.length > 0) yield head;
    for (let next = await chunks.next(); !next.done; next = await chunks.next()) yield next.value;
  } finally {
    await chunks.return?.();
  }
}

async function* through(source: AsyncIterable<Buffer>, unzip: NodeJS.ReadWriteStream): AsyncGenerator<Buffer> {
  let failure: Error | undefined;
  pipeline(Readable.from(source), unzip, (error) => (failure = error ?? undefined));
  try {
    for await (const chunk of unzip) yield chunk as Buffer;
  } catch (error) {
    const cause = failure ?? (error as Error);
    if (cause instanceof EngineError) throw cause;
    throw new EngineError("invalid", `Cannot unpack: ${cause.message}`, { cause });
  }
}
