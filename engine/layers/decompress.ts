/** Archives as people send them: plain, gzip or zstd, told apart by their first bytes. */
import type { Transform } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { EngineError } from "../errors.ts";
import { errorCode } from "../host/libc.ts";

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

/** One chunk is given at a time, because its memory may be used for the next. */
async function* through(source: AsyncIterable<Buffer>, unzip: Transform): AsyncGenerator<Buffer> {
  const closed = new Promise<void>((done) => unzip.once("close", done));
  const feed = async (): Promise<void> => {
    for await (const chunk of source) {
      // What fails or is given up never says that it is done with a chunk.
      await Promise.race([new Promise<void>((done) => unzip.write(chunk, () => done())), closed]);
      if (unzip.destroyed) return;
    }
    unzip.end();
  };
  const feeding = feed().catch((error: unknown) => void unzip.destroy(error as Error));
  try {
    for await (const chunk of unzip) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof EngineError || !isDamage(error)) throw error;
    throw new EngineError("invalid", `Cannot unpack: ${(error as Error).message}`, { cause: error });
  } finally {
    unzip.destroy();
    await feeding;
  }
}

/** What zlib says of bytes that it cannot read. */
function isDamage(error: unknown): boolean {
  return /^(Z_|ZSTD_|ERR_)/.test(errorCode(error) ?? "");
}
