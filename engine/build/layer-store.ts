/** Turns planned entries, or what a command wrote, into a layer: a blob among the images and a tree among the snapshots. */
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import type { Descriptor, Images } from "../images/images.ts";
import type { Digest, Layer, Snapshots } from "../layers/snapshots.ts";
import type { StepLayer } from "./cache.ts";
import type { CopiedFiles } from "./copied-files.ts";
import type { LayerPlan } from "./layer-plan.ts";

export const LAYER_MEDIA_TYPE = "application/vnd.oci.image.layer.v1.tar";

/** Below this many files it is not worth while to look for what is the same. */
const FEW = 50;

/** Small pieces are collected to this size before they are written. */
const CHUNK = 1 << 18;

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
   * Like add, for a step that ran before: files that its last layer has as well are shared with that, so that one changed
   * file of many costs little more than itself.
   */
  async addAgain(
    plan: LayerPlan,
    parent: Digest | null,
    { copied, signal }: { copied: CopiedFiles; signal: AbortSignal },
  ): Promise<StepLayer> {
    const files = await plan.fingerprints();
    const before = files.size < FEW ? undefined : await copied.read();
    const shared = before ? [...files].flatMap(([path, line]) => (before.files[path] === line ? [path] : [])) : [];
    const layer =
      (shared.length < FEW ? undefined : await this.#assemble(plan, parent, { from: before!.chainId, shared, signal })) ??
      (await this.add(plan, parent, signal));
    if (files.size >= FEW) await copied.write(layer.chainId, files);
    return layer;
  }

  /** Undefined when the last layer is not what it was. */
  async #assemble(
    plan: LayerPlan,
    parent: Digest | null,
    { from, shared, signal }: { from: Digest; shared: readonly string[]; signal: AbortSignal },
  ): Promise<StepLayer | undefined> {
    if (!(await this.#snapshots.layer(from))) return undefined;
    const whole = Readable.from(inChunks(plan.tar(signal)), { objectMode: false, highWaterMark: CHUNK });
    const stored = this.#images.putBlob(whole, LAYER_MEDIA_TYPE, signal);
    const rest = Readable.from(inChunks(plan.tar(signal, { without: new Set(shared) })), { objectMode: false, highWaterMark: CHUNK });
    const diffId = stored.then(({ digest }) => digest);
    const applied = this.#snapshots.assemble({ rest, reuse: { from, paths: shared }, diffId }, parent, { signal });
    try {
      const [blob, layer] = await settleBoth(stored, applied);
      return toStepLayer(layer, blob);
    } catch (error) {
      if (signal.aborted) throw error;
      return undefined;
    }
  }

  /** Writes the plan's tar once and makes blob and layer of it at the same time. */
  async add(plan: LayerPlan, parent: Digest | null, signal: AbortSignal): Promise<StepLayer> {
    const path = join(this.#directory, `${randomUUID()}.tar`);
    try {
      const diffId = await writeHashed(path, plan.tar(signal));
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
    held.push(piece);
    size += piece.length;
    if (size < CHUNK) continue;
    yield Buffer.concat(held);
    held = [];
    size = 0;
  }
  if (size > 0) yield Buffer.concat(held);
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
    for await (const piece of pieces) {
      held.push(piece);
      size += piece.length;
      if (size >= CHUNK || held.length >= 512) await flush();
    }
    await flush();
  } finally {
    await file.close();
  }
  return `sha256:${hash.digest("hex")}`;
}
