/** Turns planned entries, or what a command wrote, into a layer: a blob among the images and a tree among the snapshots. */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { WRITE_BYTES } from "../host/buffers.ts";
import type { Descriptor, Images } from "../images/images.ts";
import type { Digest, Layer, Snapshots } from "../layers/snapshots.ts";
import type { StepLayer } from "./cache.ts";
import type { Copied, CopiedFile, CopiedFiles } from "./copied-files.ts";
import type { LayerPlan, Place, TarOptions } from "./layer-plan.ts";

export const LAYER_MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar";

/** Below this many files it is not worth while to look for what is the same. */
const FEW = 50;

/** Small pieces are collected to this size before they are written. */
const CHUNK = WRITE_BYTES;

/** What is copied as it is, is read in larger pieces. */
const LARGE_CHUNK = 1 << 20;

interface AddOptions {
  readonly signal: AbortSignal;
  readonly placed?: TarOptions["placed"];
}

interface Assembly extends AddOptions {
  readonly before: Copied;
  /** Paths of files that are the same there. */
  readonly shared: readonly string[];
}

export class LayerStore {
  readonly #images: Images;
  readonly #snapshots: Snapshots;
  readonly #directory: string;

  /** @param directory for archives on their way; emptied by the sweep */
  constructor(images: Images, snapshots: Snapshots, directory: string) {
    this.#images = images;
    this.#snapshots = snapshots;
    this.#directory = directory;
  }

  /**
   * Like add, for a step that ran before: files that its last layer has as well are shared with that, and their part of its
   * tar is copied as it is, so that one changed file of many costs little more than itself.
   */
  async addAgain(
    plan: LayerPlan,
    parent: Digest | null,
    { copied, signal }: { copied: CopiedFiles; signal: AbortSignal },
  ): Promise<StepLayer> {
    const lines = await plan.fingerprints();
    if (lines.size < FEW) return this.add(plan, parent, { signal });
    const places = new Map<string, Place>();
    const placed = (path: string, place: Place): void => void places.set(path, place);
    const before = await copied.read();
    const shared = before ? [...lines.keys()].filter((path) => before.files.get(path)?.[0] === lines.get(path)) : [];
    const layer =
      (shared.length < FEW ? undefined : await this.#assemble(plan, parent, { before: before!, shared, placed, signal })) ??
      (await this.add(plan, parent, { placed, signal }));
    const files = new Map<string, CopiedFile>();
    for (const [path, line] of lines) {
      const [start, end] = places.get(path)!;
      const last = before?.files.get(path);
      // What is the same is kept once.
      if (last?.[0] === line) files.set(path, last[1] === start && last[2] === end ? last : [last[0], start, end]);
      else files.set(path, [line, start, end]);
    }
    copied.write({ chainId: layer.chainId, blob: layer.blob.digest, files });
    return layer;
  }

  /** Undefined when the last layer is not what it was. */
  async #assemble(plan: LayerPlan, parent: Digest | null, { before, shared, placed, signal }: Assembly): Promise<StepLayer | undefined> {
    if (!(await this.#snapshots.layer(before.chainId))) return undefined;
    const there = await this.#images.blobFile(before.blob);
    if (!there) return undefined;
    const file = await open(there.path).catch(() => undefined);
    if (!file) return undefined;
    const places = new Map<string, Place>();
    for (const path of shared) {
      const [, start, end] = before.files.get(path)!;
      places.set(path, [start, end]);
    }
    const sizeBytes = shared.reduce((sum, path) => sum + plan.entry(path)!.sizeBytes, 0);
    const parts = new PartReader(file);
    const from = { places, read: (place: Place) => parts.read(place) };
    try {
      const stored = this.#images.putBlob(inChunks(plan.tar(signal, { from, placed })), LAYER_MEDIA_TYPE, signal);
      const rest = Readable.from(inChunks(plan.tar(signal, { without: new Set(shared) })), { objectMode: false, highWaterMark: CHUNK });
      const diffId = stored.then(({ digest }) => digest);
      const applied = this.#snapshots.assemble({ rest, reuse: { from: before.chainId, paths: shared, sizeBytes }, diffId }, parent, {
        signal,
      });
      const [blob, layer] = await settleBoth(stored, applied);
      return toStepLayer(layer, blob);
    } catch (error) {
      if (signal.aborted) throw error;
      return undefined;
    } finally {
      await file.close();
    }
  }

  /** Writes the plan's tar once and makes blob and layer of it at the same time. */
  async add(plan: LayerPlan, parent: Digest | null, { signal, ...options }: AddOptions): Promise<StepLayer> {
    const path = join(this.#directory, `${randomUUID()}.tar`);
    try {
      const diffId = await writeHashed(path, plan.tar(signal, options));
      const stored = this.#images.putBlob(createReadStream(path, { highWaterMark: CHUNK }), LAYER_MEDIA_TYPE, signal);
      const applied = this.#snapshots.apply({ path }, diffId, parent, { signal });
      const [blob, layer] = await settleBoth(stored, applied);
      return toStepLayer(layer, blob);
    } finally {
      await rm(path, { force: true });
    }
  }

  /**
   * A layer that stands on something else, on top of `parent`: the same blob, unpacked there.
   * @returns undefined when its blob is not here any more
   */
  async rebase(layer: StepLayer, parent: Digest | null, signal: AbortSignal): Promise<StepLayer | undefined> {
    const blob = await this.#images.blobFile(layer.blob.digest);
    if (!blob) return undefined;
    const { chainId, sizeBytes } = await this.#snapshots.apply(blob, layer.diffId, parent, { signal });
    return { ...layer, parent, chainId, sizeBytes };
  }

  /** Commits an active snapshot. */
  async commit(key: string, mountpoints: readonly string[], signal: AbortSignal): Promise<StepLayer> {
    let blob: Descriptor | undefined;
    const write = async (tar: Readable): Promise<void> => {
      blob = await this.#images.putBlob(tar, LAYER_MEDIA_TYPE, signal);
    };
    const layer = await this.#snapshots.commit(key, write, { mountpoints: [...mountpoints], signal });
    return toStepLayer(layer, blob!);
  }

  /**
   * What a failed command wrote, as a layer that can be looked into but is no part of an image.
   * @returns undefined when even that fails, e.g. because the disk is full
   */
  async leave(key: string, mountpoints: readonly string[]): Promise<Digest | undefined> {
    const discard = async (tar: Readable): Promise<void> => {
      for await (const _ of tar);
    };
    const layer = await this.#snapshots.commit(key, discard, { mountpoints: [...mountpoints] }).catch(() => undefined);
    return layer?.chainId;
  }
}

function toStepLayer({ diffId, chainId, parent, sizeBytes }: Layer, blob: Descriptor): StepLayer {
  return { diffId, chainId, parent, blob, sizeBytes, createdMs: Date.now() };
}

/** Waits for both also when one fails, so that nobody still reads the file when it is deleted. */
async function settleBoth<A, B>(a: Promise<A>, b: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([a, b]);
  return [await a, await b];
}

async function* inChunks(pieces: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let held: Buffer[] = [];
  let size = 0;
  for await (const piece of pieces) {
    if (piece.length >= CHUNK) {
      if (size > 0) yield Buffer.concat(held);
      [held, size] = [[], 0];
      yield piece;
      continue;
    }
    held.push(piece);
    size += piece.length;
    if (size < CHUNK) continue;
    yield Buffer.concat(held);
    [held, size] = [[], 0];
  }
  if (size > 0) yield Buffer.concat(held);
}

/**
 * Reads parts of a file into the same few buffers again and again, which saves the garbage: a piece of CHUNK or more is good
 * until two more were asked for. putBlob() writes one while it waits for the next.
 */
class PartReader {
  readonly #file: FileHandle;
  readonly #buffers = [0, 1, 2].map(() => Buffer.allocUnsafeSlow(LARGE_CHUNK));
  #turn = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** @throws {Error} when the file is shorter */
  async *read([start, end]: Place): AsyncGenerator<Buffer> {
    for (let at = start; at < end;) {
      const into = this.#buffers[this.#turn++ % this.#buffers.length]!;
      const { bytesRead } = await this.#file.read(into, { position: at, length: Math.min(LARGE_CHUNK, end - at) });
      if (bytesRead === 0) throw new Error("The last layer's tar is shorter than it was");
      at += bytesRead;
      const piece = into.subarray(0, bytesRead);
      yield bytesRead < CHUNK ? Buffer.from(piece) : piece;
    }
  }
}

async function writeHashed(path: string, pieces: AsyncIterable<Buffer>): Promise<Digest> {
  const hash = createHash("sha256");
  const file = await open(path, "wx", 0o600);
  try {
    let held: Buffer[] = [];
    let size = 0;
    const flush = async (): Promise<void> => {
      for (const piece of held) hash.update(piece);
      if (held.length > 0) await file.writev(held);
      held = [];
      size = 0;
    };
    for await (const piece of pieces)
      for (let at = 0; at < piece.length; at += CHUNK) {
        const part = piece.subarray(at, at + CHUNK);
        if (size + part.length > CHUNK || held.length >= 512) await flush();
        held.push(part);
        size += part.length;
      }
    await flush();
  } finally {
    await file.close();
  }
  return `sha256:${hash.digest("hex")}`;
}
