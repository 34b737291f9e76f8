/**
 * An OCI image layout: `blobs/sha256/<hex>` holds every blob, `index.json` what the names stand for. Other tools can read
 * it as it is. Blobs are written beside, checked, and renamed, so that what is under `blobs` is always whole.
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/image-layout.md
 */
import { createHash, randomBytes } from "node:crypto";
import { constants, renameSync } from "node:fs";
import { access, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { WRITE_BYTES } from "../host/buffers.ts";
import { beginSync, removeTree, sweepUnfinished, syncDirectory, syncFileSystem, writeFileAtomic } from "../host/files.ts";
import { errorCode } from "../host/libc.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { Descriptor } from "./images.ts";
import { parseDescriptor } from "./manifest.ts";
import { OCI_INDEX } from "./media-types.ts";

/** So much of a blob is left to the disk at a time, while the rest still comes. */
const SYNCED_AT_ONCE = 8 << 20;

/** A download that was interrupted keeps this name, to be resumed. */
const PARTIAL = /^[0-9a-f]{64}\.partial$/;

export class Layout {
  readonly directory: string;
  #writing: Promise<unknown> = Promise.resolve();

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** Opens a layout, making it where there is none, and deletes what an earlier engine was writing. */
  static async open(directory: string): Promise<Layout> {
    await mkdir(join(directory, "blobs/sha256"), { recursive: true, mode: 0o755 });
    await mkdir(join(directory, "ingest"), { recursive: true, mode: 0o700 });
    await sweepUnfinished(directory);
    for (const name of await readdir(join(directory, "ingest"))) if (!PARTIAL.test(name)) await removeTree(join(directory, "ingest", name));
    const layout = new Layout(directory);
    if (!(await exists(join(directory, "oci-layout"))))
      await writeFileAtomic(join(directory, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}', { mode: 0o644 });
    if (!(await exists(join(directory, "index.json")))) await layout.writeIndex([]);
    return layout;
  }

  blobPath(digest: Digest): string {
    return join(this.directory, "blobs/sha256", digest.slice("sha256:".length));
  }

  /** Where a download of this blob is collected; it may exist from an earlier attempt. */
  partialPath(digest: Digest): string {
    return join(this.directory, "ingest", `${digest.slice("sha256:".length)}.partial`);
  }

  /** A name for something that is being written; gone after a restart. */
  ingestPath(): string {
    return join(this.directory, "ingest", randomBytes(12).toString("hex"));
  }

  /** Bytes of a blob, or undefined if it is not here. */
  async blobSize(digest: Digest): Promise<number | undefined> {
    try {
      return (await stat(this.blobPath(digest))).size;
    } catch (error) {
      if (errorCode(error) === "ENOENT") return undefined;
      throw error;
    }
  }

  /** A small blob. @throws {EngineError} not-found, or invalid when it is larger than `mostBytes` */
  async readBlob(digest: Digest, mostBytes: number): Promise<Buffer> {
    const size = await this.blobSize(digest);
    if (size === undefined) throw new EngineError("not-found", `blob ${digest} not found`);
    if (size > mostBytes) throw new EngineError("invalid", `blob ${digest} has ${size} bytes, more than the ${mostBytes} allowed`);
    return readFile(this.blobPath(digest));
  }

  /**
   * Stores a blob.
   * @param expected digest and size that it has to have
   * @throws {EngineError} invalid when it has not; nothing is stored then
   */
  async putBlob(content: AsyncIterable<Buffer> | Buffer, options: PutOptions = {}): Promise<Stored> {
    const path = this.ingestPath();
    const hash = createHash("sha256");
    let size = 0;
    const file = await open(path, "wx", 0o644);
    const pieces: AsyncIterable<Buffer> | Buffer[] = Buffer.isBuffer(content) ? [content] : content;
    let written: Promise<void> | undefined;
    let begun = Promise.resolve();
    let [done, synced] = [0, 0];
    try {
      for await (const chunk of pieces) {
        options.signal?.throwIfAborted();
        size += chunk.length;
        if (options.expected && size > options.expected.size) throw tooLong(options.expected);
        // One piece is hashed while the one before is written.
        await written;
        if (done - synced >= SYNCED_AT_ONCE) {
          await begun;
          begun = beginSync(file.fd, synced, done - synced);
          synced = done;
        }
        done = size;
        written = writeWhole(file, chunk);
        // It is awaited only after the next piece has come; until then its failure is not unheard of.
        written.catch(() => undefined);
        hash.update(chunk);
      }
      await written;
      await begun;
      await file.datasync();
      await file.close();
      const digest: Digest = `sha256:${hash.digest("hex")}`;
      if (options.expected) checkExpected(options.expected, { digest, size });
      // Before it can be seen: whoever collects garbage must know by then that it is needed.
      options.keep?.(digest);
      await rename(path, this.blobPath(digest));
      return { digest, size };
    } catch (error) {
      // Nothing may write into a file that is closed.
      await written?.catch(() => undefined);
      await begun;
      await file.close().catch(() => undefined);
      await rm(path, { force: true });
      throw error;
    }
  }

  /** Makes a finished file the blob that it was checked to be. */
  async adoptBlob(path: string, digest: Digest): Promise<void> {
    const file = await open(path, constants.O_RDONLY);
    await file.datasync();
    await file.close();
    await rename(path, this.blobPath(digest));
  }

  /** The same of many files, which are written out together. */
  async adoptBlobs(files: ReadonlyMap<Digest, string>): Promise<void> {
    if (files.size === 0) return;
    await syncFileSystem(this.directory);
    for (const [digest, path] of files) await rename(path, this.blobPath(digest));
  }

  /** Deletes a blob, and what an interrupted download of it left. */
  async removeBlob(digest: Digest): Promise<void> {
    const graves = [this.blobPath(digest), this.partialPath(digest)].map((path) => this.#takeAway(path));
    await Promise.all(graves.map(async (grave) => rm(grave, { force: true })));
  }

  /** At once, so that nobody comes to need the blob between the caller's look and its end. */
  #takeAway(path: string): string {
    const grave = this.ingestPath();
    try {
      renameSync(path, grave);
    } catch (error) {
      if (errorCode(error) !== "ENOENT") throw error;
    }
    return grave;
  }

  /** Every blob that is here, also those of which an interrupted download left only a part. */
  async blobs(): Promise<Digest[]> {
    const partial = (await readdir(join(this.directory, "ingest"))).filter((name) => PARTIAL.test(name));
    const whole = await readdir(join(this.directory, "blobs/sha256"));
    return [...new Set([...whole, ...partial.map((name) => name.slice(0, 64))])].map((hex): Digest => `sha256:${hex}`);
  }

  /** What the names stand for. @throws {EngineError} invalid */
  async readIndex(): Promise<Descriptor[]> {
    const index = JSON.parse(await readFile(join(this.directory, "index.json"), "utf8")) as { manifests?: unknown[] };
    return (index.manifests ?? []).map((each) => parseDescriptor(each));
  }

  /** Replaces index.json in one step; what blobs it names is on disk before. Calls are done in their order. */
  async writeIndex(manifests: readonly Descriptor[]): Promise<void> {
    const text = JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests });
    const write = async (): Promise<void> => {
      await syncDirectory(join(this.directory, "blobs/sha256"));
      await writeFileAtomic(join(this.directory, "index.json"), text, { mode: 0o644 });
    };
    const mine = this.#writing.then(write, write);
    this.#writing = mine.catch(() => undefined);
    await mine;
  }
}

export interface PutOptions {
  expected?: Descriptor;
  signal?: AbortSignal | undefined;
  /** Is told the digest before the blob is there. */
  keep?: (digest: Digest) => void;
}

export interface Stored {
  digest: Digest;
  size: number;
}

/** @throws {EngineError} invalid */
export function checkExpected(expected: Descriptor, { digest, size }: Stored): void {
  if (size > expected.size) throw tooLong(expected);
  if (size < expected.size) throw new EngineError("invalid", `blob ${expected.digest} has ${size} bytes instead of ${expected.size}`);
  if (digest !== expected.digest) throw new EngineError("invalid", `digest mismatch for blob ${expected.digest}: got ${digest}`);
}

export function tooLong({ digest, size }: Descriptor): EngineError {
  return new EngineError("invalid", `blob ${digest} has more than the ${size} bytes that were promised`);
}

async function writeWhole(file: FileHandle, chunk: Buffer): Promise<void> {
  for (let at = 0; at < chunk.length;) at += (await file.write(chunk, at, Math.min(chunk.length - at, WRITE_BYTES))).bytesWritten;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
