/**
 * What images there are and what they are called. On disk that is the layout's index.json, one descriptor a name (and one
 * for each image without any); in memory it is two maps, so that listing reads no file.
 */
import { canonicalReference, familiarReference, parseReference } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import { EngineError } from "../errors.ts";
import { chainIdOf } from "../layers/layer-store.ts";
import type { Digest, Snapshots } from "../layers/snapshots.ts";
import type { Descriptor, Image, ImageConfig, ImageLayer } from "./images.ts";
import type { Layout } from "./layout.ts";
import { digestsOf, readIndexContent } from "./multi-platform.ts";
import type { IndexContent } from "./multi-platform.ts";
import { isDigest, LARGEST_CONFIG, LARGEST_MANIFEST, parseConfig, parseManifest } from "./manifest.ts";

const REF_NAME = "org.opencontainers.image.ref.name";
const IMAGE_NAME = "io.containerd.image.name";
/** Milliseconds since the epoch at which the name came to stand for the image. */
const TAGGED = "berth.tagged";
/** Digest of the index that the manifest was chosen from; the index is kept with it. */
const INDEX = "berth.index";

export interface Name {
  readonly reference: Reference;
  readonly id: Digest;
  readonly taggedMs: number;
  /** The manifest that was pulled under this name; two may share a config and so be one image. */
  readonly manifest: Descriptor;
  readonly index?: Digest;
}

interface Stored {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly config: ImageConfig;
  readonly layers: readonly ImageLayer[];
  readonly sizeBytes: number;
  readonly index?: Digest;
  readonly addedMs: number;
}

/** An image that is to become visible. */
export interface Addition {
  readonly manifest: Descriptor;
  readonly names: readonly Reference[];
  /** Digest of the index that it was chosen from. */
  readonly index?: Digest | undefined;
}

export class Catalog {
  readonly #layout: Layout;
  readonly #snapshots: Snapshots;
  readonly #images = new Map<Digest, Stored>();
  /** By canonical reference. */
  readonly #names = new Map<string, Name>();
  /** Of every index that a name or an image goes back to, what is here. */
  readonly #indexes = new Map<Digest, IndexContent>();
  /** What list() gave, until something changes. */
  #listed: Image[] | undefined;
  #byId = new Map<Digest, Image>();

  constructor(layout: Layout, snapshots: Snapshots) {
    this.#layout = layout;
    this.#snapshots = snapshots;
  }

  /** Reads index.json. An image of which something is missing is passed over, and its names with it. */
  async load(): Promise<void> {
    const descriptors = await this.#layout.readIndex();
    const stored = new Map<Digest, Promise<Stored | undefined>>();
    for (const { digest, annotations: _, ...rest } of descriptors)
      if (!stored.has(digest))
        stored.set(
          digest,
          this.#read({ ...rest, digest }).catch(() => undefined),
        );
    for (const descriptor of descriptors) {
      const image = await stored.get(descriptor.digest);
      if (!image) continue;
      const taggedMs = Number(descriptor.annotations?.[TAGGED] ?? 0);
      const index = descriptor.annotations?.[INDEX];
      const withIndex = isDigest(index) && (await this.#readIndex(index)) ? { index } : {};
      this.#images.set(image.id, { ...image, ...this.#images.get(image.id), ...withIndex, addedMs: taggedMs });
      const parsed = parseReference(descriptor.annotations?.[IMAGE_NAME] ?? "");
      if (!("reference" in parsed)) continue;
      const name: Name = { reference: parsed.reference, id: image.id, taggedMs, manifest: image.manifest, ...withIndex };
      this.#names.set(canonicalReference(parsed.reference), name);
    }
  }

  async #readIndex(digest: Digest): Promise<boolean> {
    if (this.#indexes.has(digest)) return true;
    const content = await readIndexContent(this.#layout, digest).catch(() => undefined);
    if (content) this.#indexes.set(digest, content);
    return content !== undefined;
  }

  async #read(manifest: Descriptor): Promise<Stored> {
    const document = parseManifest(await this.#layout.readBlob(manifest.digest, LARGEST_MANIFEST), manifest.mediaType);
    if (!("config" in document)) throw new EngineError("invalid", "An index is no image");
    const config = parseConfig(await this.#layout.readBlob(document.config.digest, LARGEST_CONFIG));
    const layers = imageLayers(document.layers, config.rootfs.diff_ids);
    let sizeBytes = 0;
    for (const { chainId } of layers) {
      const layer = await this.#snapshots.layer(chainId);
      if (!layer) throw new EngineError("not-found", `No such layer: ${chainId}`);
      sizeBytes += layer.sizeBytes;
    }
    return { id: document.config.digest, manifest, config, layers, sizeBytes, addedMs: Date.now() };
  }

  /**
   * Makes an image visible: its blobs are stored and its layers unpacked. The names move to it, all in one step.
   * @throws {EngineError} when something of it is missing
   */
  async add(manifest: Descriptor, names: readonly Reference[], index?: Digest): Promise<Image> {
    const [image] = await this.addAll([{ manifest, names, index }]);
    return image!;
  }

  /** add() of several images, which become visible together or not at all. */
  async addAll(additions: readonly Addition[]): Promise<Image[]> {
    const read = await Promise.all(additions.map(async ({ manifest }) => this.#read(manifest)));
    await this.#snapshots.seal(read.flatMap(({ layers }) => layers.map(({ chainId }) => chainId)));
    // More of an index may be here than when it was last looked at.
    for (const { index } of additions) if (index) this.#indexes.set(index, await readIndexContent(this.#layout, index));
    for (const [i, { manifest, names, index }] of additions.entries()) {
      const image = read[i]!;
      const withIndex = index ? { index } : {};
      this.#images.set(image.id, { ...image, ...this.#images.get(image.id), ...withIndex });
      for (const reference of names)
        this.#names.set(canonicalReference(reference), { reference, id: image.id, taggedMs: Date.now(), manifest, ...withIndex });
    }
    await this.#save();
    return read.map(({ id }) => this.need(id));
  }

  /** Gives an image another name. */
  async name(id: Digest, reference: Reference): Promise<void> {
    const { manifest, index } = this.#images.get(id)!;
    this.#names.set(canonicalReference(reference), { reference, id, taggedMs: Date.now(), manifest, ...(index && { index }) });
    await this.#save();
  }

  /** Lets an image and its tags stand on another manifest of the same content; digests go on meaning what they said. */
  async replaceManifest(id: Digest, old: Digest, manifest: Descriptor): Promise<void> {
    const { layers } = await this.#read(manifest);
    const { index: _, ...stored } = this.#images.get(id)!;
    if (stored.manifest.digest === old) this.#images.set(id, { ...stored, manifest, layers });
    for (const [text, { index: __, ...name }] of this.#names)
      if (name.id === id && name.manifest.digest === old && name.reference.digest === undefined)
        this.#names.set(text, { ...name, manifest });
    await this.#save();
  }

  /** Every form in which images have the layer with this content. */
  layersOf(diffId: Digest): Descriptor[] {
    const all = [...this.#images.values()].flatMap(({ layers }) => layers);
    return all.filter((layer) => layer.diffId === diffId).map(({ descriptor }) => descriptor);
  }

  /** What is here of an index that a name or an image goes back to. */
  index(digest: Digest): IndexContent | undefined {
    return this.#indexes.get(digest);
  }

  /** The index that an image without a name goes back to. */
  indexOf(id: Digest): Digest | undefined {
    return this.#images.get(id)?.index;
  }

  /** Takes names away; an image without any stays. */
  async unname(references: readonly Reference[]): Promise<void> {
    for (const reference of references) this.#names.delete(canonicalReference(reference));
    await this.#save();
  }

  /** Takes images and their names out, in one step; their blobs and layers are the caller's business. */
  async remove(ids: readonly Digest[]): Promise<void> {
    const gone = new Set(ids);
    for (const id of gone) this.#images.delete(id);
    for (const [text, name] of this.#names) if (gone.has(name.id)) this.#names.delete(text);
    await this.#save();
  }

  /** Newest first, as `docker images` shows them. */
  list(): Image[] {
    this.#listed ??= this.#build();
    return this.#listed;
  }

  get(id: Digest): Image | undefined {
    this.list();
    return this.#byId.get(id);
  }

  need(id: Digest): Image {
    const image = this.get(id);
    if (!image) throw new EngineError("not-found", `No such image: ${id}`);
    return image;
  }

  named(reference: Reference): Name | undefined {
    return this.#names.get(canonicalReference(reference));
  }

  namesOf(id: Digest): Name[] {
    return [...this.#names.values()].filter((name) => name.id === id);
  }

  names(): Name[] {
    return [...this.#names.values()];
  }

  /** Images whose id begins with these hex digits. */
  withPrefix(hex: string): Digest[] {
    return [...this.#images.keys()].filter((id) => id.startsWith(`sha256:${hex}`));
  }

  /** Digests of all blobs that an image or a name needs. */
  blobs(): Set<Digest> {
    const needed = new Set<Digest>();
    for (const id of this.#images.keys()) for (const digest of this.#ownBlobs(id)) needed.add(digest);
    for (const name of this.#names.values()) for (const digest of this.#nameBlobs(name)) needed.add(digest);
    return needed;
  }

  /** Digests of all blobs that one image and its names need. */
  blobsOf(id: Digest): Digest[] {
    return [...this.#ownBlobs(id), ...this.namesOf(id).flatMap((name) => this.#nameBlobs(name))];
  }

  #ownBlobs(id: Digest): Digest[] {
    const { manifest, layers, index } = this.#images.get(id)!;
    return [id, manifest.digest, ...layers.map(({ descriptor }) => descriptor.digest), ...this.#indexBlobs(index)];
  }

  #nameBlobs({ manifest, index }: Name): Digest[] {
    return [manifest.digest, ...this.#indexBlobs(index)];
  }

  #indexBlobs(index: Digest | undefined): Digest[] {
    const content = index && this.#indexes.get(index);
    return content ? digestsOf(content) : [];
  }

  /** chainIds of all layers that an image needs. */
  chains(): Set<Digest> {
    return new Set([...this.#images.values()].flatMap(({ layers }) => layers.map(({ chainId }) => chainId)));
  }

  #build(): Image[] {
    const tags = new Map<Digest, { tags: string[]; digests: string[]; taggedMs: number }>();
    for (const { reference, id, taggedMs } of this.#names.values()) {
      const of = tags.get(id) ?? { tags: [], digests: [], taggedMs: 0 };
      (reference.digest ? of.digests : of.tags).push(familiarReference(reference));
      of.taggedMs = Math.max(of.taggedMs, taggedMs);
      tags.set(id, of);
    }
    const images = [...this.#images.values()].map((stored): Image => {
      const { id, manifest, config, layers, sizeBytes } = stored;
      const of = tags.get(id);
      const [repoTags, repoDigests] = [of?.tags.sort(inOrder) ?? [], of?.digests.sort(inOrder) ?? []];
      return { id, manifest, config, layers, sizeBytes, repoTags, repoDigests, lastTaggedMs: of?.taggedMs ?? 0 };
    });
    this.#byId = new Map(images.map((image) => [image.id, image]));
    return images.toSorted((a, b) => createdMs(b) - createdMs(a));
  }

  async #save(): Promise<void> {
    this.#listed = undefined;
    const used = new Set([...this.#names.values(), ...this.#images.values()].map(({ index }) => index));
    for (const index of this.#indexes.keys()) if (!used.has(index)) this.#indexes.delete(index);
    const named = new Set<Digest>();
    const descriptors: Descriptor[] = [];
    for (const [text, { manifest, id, taggedMs, index }] of this.#names) {
      named.add(id);
      descriptors.push(describe(manifest, { [REF_NAME]: text, [IMAGE_NAME]: text, [TAGGED]: String(taggedMs) }, index));
    }
    for (const { id, manifest, index, addedMs } of this.#images.values())
      if (!named.has(id)) descriptors.push(describe(manifest, { [TAGGED]: String(addedMs) }, index));
    await this.#layout.writeIndex(descriptors);
  }
}

function describe(manifest: Descriptor, annotations: Record<string, string>, index: Digest | undefined): Descriptor {
  return { ...manifest, annotations: index ? { ...annotations, [INDEX]: index } : annotations };
}

function inOrder(a: string, b: string): number {
  return a < b ? -1 : 1;
}

function createdMs({ config }: Image): number {
  const time = Date.parse(config.created ?? "");
  return Number.isNaN(time) ? 0 : time;
}

/** @throws {EngineError} invalid when manifest and config disagree */
export function imageLayers(descriptors: readonly Descriptor[], diffIds: readonly Digest[]): ImageLayer[] {
  if (descriptors.length !== diffIds.length)
    throw new EngineError("invalid", `The manifest has ${descriptors.length} layers, its config ${diffIds.length}`);
  let parent: Digest | null = null;
  return descriptors.map((descriptor, i) => {
    const chainId = chainIdOf(parent, diffIds[i]!);
    parent = chainId;
    return { descriptor, diffId: diffIds[i]!, chainId };
  });
}
