/**
 * Blobs that come in together, as an archive brings them: they are collected beside the layout and become visible at once,
 * so that a thousand images cost one write-out of the file system and not thousands.
 */
import { createHash } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Digest } from "../layers/snapshots.ts";
import type { Lease } from "./garbage.ts";
import type { Descriptor } from "./images.ts";
import type { Layout } from "./layout.ts";

export class Intake {
  readonly #layout: Layout;
  readonly #directory: string;
  readonly #lease: Lease;
  /** Where the blobs are until commit(). */
  readonly #files = new Map<Digest, string>();

  private constructor(layout: Layout, directory: string, lease: Lease) {
    this.#layout = layout;
    this.#directory = directory;
    this.#lease = lease;
  }

  /** @param directory on the layout's file system; made here, deleted by the caller in the end */
  static async open(layout: Layout, directory: string, lease: Lease): Promise<Intake> {
    await mkdir(directory);
    return new Intake(layout, directory, lease);
  }

  /** Whether the blob is here, or will be. It is kept from now on. */
  async has(digest: Digest, size: number): Promise<boolean> {
    this.#lease.add(digest);
    return this.#files.has(digest) || (await this.#layout.blobSize(digest)) === size;
  }

  /** Takes a file that has this content and does not change any more; it is moved by commit(). */
  take(file: string, digest: Digest): void {
    this.#lease.add(digest);
    if (!this.#files.has(digest)) this.#files.set(digest, file);
  }

  async put(data: Buffer, mediaType: string): Promise<Descriptor> {
    const hex = createHash("sha256").update(data).digest("hex");
    const file = join(this.#directory, hex);
    await writeFile(file, data, { mode: 0o644 });
    this.take(file, `sha256:${hex}`);
    return { mediaType, digest: `sha256:${hex}`, size: data.length };
  }

  /** A file with the blob's content, before commit() and after. */
  path(digest: Digest): string {
    return this.#files.get(digest) ?? this.#layout.blobPath(digest);
  }

  /** Makes all of it blobs of the layout. */
  async commit(): Promise<void> {
    await this.#layout.adoptBlobs(this.#files);
    this.#files.clear();
  }
}
