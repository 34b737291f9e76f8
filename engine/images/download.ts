/**
 * Blobs from a registry into the layout. A download is collected in a file that survives an interruption, and goes on
 * where it stopped: after a broken line at once, after a killed engine with the next pull.
 */
import { createHash } from "node:crypto";
import type { Hash } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { finished } from "node:stream";
import { EngineError } from "../errors.ts";
import { usedUp } from "../host/buffers.ts";
import { errorCode } from "../host/libc.ts";
import { Arrival } from "../layers/arrival.ts";
import type { Descriptor } from "./images.ts";
import { tooLong } from "./layout.ts";
import type { Layout } from "./layout.ts";
import type { RegistryClient } from "./registry/client.ts";
import { isWorthRetrying } from "./registry/refusal.ts";
import { TransportError } from "./registry/transport.ts";

export interface DownloadOptions {
  signal?: AbortSignal | undefined;
  /** Bytes that are here. */
  progress?: (bytes: number) => void;
  /** The file that the bytes go into, for who wants to read behind them; not called where somebody else downloads the blob. */
  begun?: (arrival: Arrival) => void;
  /** The bytes are all here and are being checked. */
  verifying?: () => void;
}

const MOST_TRIES = 5;
const MOST_AT_ONCE = 1 << 20;
/** Bytes that make an attempt one that did not fail. */
const WORTH_IT = 1 << 18;
const BROKEN_LINE = ["ECONNRESET", "ETIMEDOUT", "ERR_STREAM_PREMATURE_CLOSE", "EPIPE"];
/** One blob is downloaded once, however many pulls want it. */
const running = new Map<string, Promise<void>>();

/** Brings a blob into the layout, checked. @throws {EngineError} */
export async function download(layout: Layout, client: RegistryClient, blob: Descriptor, options: DownloadOptions): Promise<void> {
  const path = layout.blobPath(blob.digest);
  while ((await layout.blobSize(blob.digest)) !== blob.size) {
    const other = running.get(path);
    if (other === undefined) return start(path, layout, client, blob, options);
    // Whatever becomes of it, what it left is where this one goes on.
    await ended(other, options.signal);
  }
}

/** Resolves when somebody else's download has ended, well or not. @throws the signal's reason when it aborts before */
async function ended(work: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  signal?.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal!.reason as Error);
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await Promise.race([work.catch(() => undefined), aborted]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

/** Nothing is awaited between the look at `running` and the entry in it, so that no two start together. */
async function start(...[path, layout, client, blob, options]: [string, ...Parameters<typeof download>]): Promise<void> {
  const work = new Download(layout, client, blob, options).run();
  running.set(path, work);
  try {
    await work;
  } finally {
    if (running.get(path) === work) running.delete(path);
  }
}

class Download {
  readonly #layout: Layout;
  readonly #client: RegistryClient;
  readonly #blob: Descriptor;
  readonly #options: DownloadOptions;
  #hash: Hash = createHash("sha256");
  #size = 0;
  readonly #arrival: Arrival;

  constructor(layout: Layout, client: RegistryClient, blob: Descriptor, options: DownloadOptions) {
    this.#layout = layout;
    this.#client = client;
    this.#blob = blob;
    this.#options = options;
    this.#arrival = new Arrival(layout.partialPath(blob.digest), layout.blobPath(blob.digest));
  }

  async run(): Promise<void> {
    try {
      await this.#bring();
    } catch (error) {
      // Last, so that who waits for the download learns why before who reads behind it learns that it failed.
      this.#arrival.end(false);
      throw error;
    }
  }

  async #bring(): Promise<void> {
    const { path } = this.#arrival;
    const file = await open(path, "a+", 0o644);
    try {
      await this.#takeUp(file);
      this.#options.begun?.(this.#arrival);
      await this.#receiveAll(file);
      this.#options.verifying?.();
      this.#check();
      await this.#layout.adoptBlob(path, this.#blob.digest);
      this.#arrival.end(true);
    } catch (error) {
      // What is wrong, or does not fit on the disk, is of no use for another attempt.
      if (isUseless(error)) await rm(path, { force: true });
      throw error;
    } finally {
      await file.close();
    }
  }

  /** Reads again what an earlier attempt brought. */
  async #takeUp(file: FileHandle): Promise<void> {
    for await (const chunk of createReadStream("", { fd: file.fd, autoClose: false, start: 0, highWaterMark: 1 << 18 })) {
      this.#hash.update(chunk as Buffer);
      this.#size += (chunk as Buffer).length;
    }
    if (this.#size > this.#blob.size) await this.#restart(file);
  }

  async #restart(file: FileHandle): Promise<void> {
    await file.truncate(0);
    this.#hash = createHash("sha256");
    this.#size = 0;
  }

  /** An attempt that brought something worth while does not count. */
  async #receiveAll(file: FileHandle): Promise<void> {
    let attempt = 1;
    for (let isFirst = true; this.#size < this.#blob.size || (isFirst && this.#blob.size === 0); isFirst = false) {
      const before = this.#size;
      try {
        await this.#receive(file);
      } catch (error) {
        if (this.#options.signal?.aborted || !isPassing(error)) throw error;
        attempt = this.#size - before >= WORTH_IT ? 1 : attempt + 1;
        if (attempt > MOST_TRIES) throw error;
        await this.#client.pause(attempt, error, this.#options.signal);
      }
    }
  }

  async #receive(file: FileHandle): Promise<void> {
    const { digest, size } = this.#blob;
    const { body, offset } = await this.#client.blob(digest, this.#size, this.#options.signal);
    try {
      if (offset !== this.#size) await this.#restart(file);
      for await (const chunks of batches(body)) await this.#store(file, chunks);
    } finally {
      body.destroy();
    }
    if (this.#size < size) throw new ShortBody(`blob ${digest} ended after ${this.#size} of ${size} bytes`);
  }

  async #store(file: FileHandle, chunks: Buffer[]): Promise<void> {
    this.#options.signal?.throwIfAborted();
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    if (this.#size + bytes > this.#blob.size) throw tooLong(this.#blob);
    const written = writeAll(file, chunks, bytes);
    for (const chunk of chunks) this.#hash.update(chunk);
    await written;
    usedUp(bytes);
    this.#size += bytes;
    this.#arrival.grew();
    this.#options.progress?.(this.#size);
  }

  #check(): void {
    const digest = `sha256:${this.#hash.digest("hex")}`;
    if (digest !== this.#blob.digest)
      throw new EngineError("invalid", `filesystem layer verification failed for digest ${this.#blob.digest}`);
  }
}

/** What has come of a body since the last look, at most about a megabyte. */
async function* batches(body: IncomingMessage): AsyncGenerator<Buffer[]> {
  for (;;) {
    const chunks: Buffer[] = [];
    for (let bytes = 0; bytes < MOST_AT_ONCE;) {
      const chunk = body.read() as Buffer | null;
      if (chunk === null) break;
      bytes += chunk.length;
      chunks.push(chunk);
    }
    if (chunks.length > 0) yield chunks;
    else if (body.readableEnded) return;
    else await readable(body);
  }
}

/** Resolves when there is something to read or nothing more comes. @throws when the line is broken */
async function readable(body: IncomingMessage): Promise<void> {
  if (body.destroyed) throw body.errored ?? Object.assign(new Error("Premature close"), { code: "ERR_STREAM_PREMATURE_CLOSE" });
  await new Promise<void>((done, failed) => {
    const settle = (error?: Error | null): void => {
      body.off("readable", onReadable);
      stopWatching();
      if (error) failed(error);
      else done();
    };
    const onReadable = (): void => settle();
    const stopWatching = finished(body, settle);
    body.on("readable", onReadable);
  });
}

async function writeAll(file: FileHandle, chunks: Buffer[], bytes: number): Promise<void> {
  const { bytesWritten } = await file.writev(chunks);
  if (bytesWritten === bytes) return;
  // A disk that is nearly full takes a part; the next call says why.
  const rest = Buffer.concat(chunks).subarray(bytesWritten);
  for (let at = 0; at < rest.length;) at += (await file.write(rest, at)).bytesWritten;
}

/** A body that is shorter than promised; what came is good. */
class ShortBody extends EngineError {
  constructor(message: string) {
    super("internal", message);
  }
}

/** Whether another attempt may do better with what is here already: nothing is wrong with the image. */
export function isPassing(error: unknown): boolean {
  if (error instanceof ShortBody || error instanceof TransportError || isWorthRetrying(error)) return true;
  return BROKEN_LINE.includes(errorCode(error) ?? "");
}

function isUseless(error: unknown): boolean {
  return (error instanceof EngineError && error.kind === "invalid") || errorCode(error) === "ENOSPC";
}
