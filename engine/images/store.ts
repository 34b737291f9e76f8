/**
 * The images of this engine: an OCI image layout on disk, a catalog of names in memory, layers unpacked by `snapshots`.
 *
 *     blobs put → layers unpacked → catalog.add() makes the image visible, with its names, in one step
 */
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import type { Readable } from "node:stream";
import type { JsonMessage } from "../api/types/image.ts";
import { EngineError } from "../errors.ts";
import type { Events } from "../events.ts";
import type { BlobFile, Digest, Snapshots } from "../layers/snapshots.ts";
import { familiarName, familiarReference, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import { openPlace } from "./blob-places.ts";
import type { BlobPlace, PlaceName } from "./blob-places.ts";
import { Catalog, imageLayers } from "./catalog.ts";
import { applyChanges } from "./changes.ts";
import { Garbage } from "./garbage.ts";
import type { ArchiveOf, CreateAs, Descriptor, Image, ImageConfig, Images, LoadOptions, Platform, PullOptions, Removed } from "./images.ts";
import { Layout } from "./layout.ts";
import { loadArchive } from "./load.ts";
import { findId, needReference } from "./lookup.ts";
import { writeIndex, writeManifest } from "./manifest.ts";
import { layerMediaType, OCI_CONFIG, OCI_INDEX, OCI_MANIFEST } from "./media-types.ts";
import { choosePlatform, hostPlatform } from "./platform.ts";
import { pullImage } from "./pull.ts";
import { pushImage } from "./push.ts";
import type { RegistryOptions } from "./registry/endpoint.ts";
import { remoteTags } from "./remote.ts";
import { deleteImages, removeImage } from "./remove.ts";
import type { ImageUser, Removing } from "./remove.ts";
import { chooseToSave, saveArchive } from "./save.ts";

export interface ImagesOptions {
  /** `<storage>/images`: the layout. */
  directory: string;
  snapshots: Snapshots;
  events: Events;
  registry?: RegistryOptions;
}

/** Opens the image store of an engine. */
export async function openImages(options: ImagesOptions): Promise<Images> {
  const layout = await Layout.open(options.directory);
  const catalog = new Catalog(layout, options.snapshots);
  await catalog.load();
  return new LocalImages(options, layout, catalog);
}

/** What the parts of the store share. */
export interface Store {
  readonly layout: Layout;
  readonly catalog: Catalog;
  readonly garbage: Garbage;
  readonly snapshots: Snapshots;
}

class LocalImages implements Images {
  readonly #store: Store;
  readonly #events: Events;
  readonly #registry: RegistryOptions;
  readonly #users: ((image: Image) => Promise<ImageUser | undefined>)[] = [];
  readonly #removing: Removing;

  constructor({ snapshots, events, registry }: ImagesOptions, layout: Layout, catalog: Catalog) {
    const garbage = new Garbage(layout, snapshots, catalog);
    this.#store = { layout, catalog, garbage, snapshots };
    this.#events = events;
    this.#registry = registry ?? {};
    this.#removing = {
      catalog,
      garbage,
      userOf: (image) => this.#userOf(image),
      publish: (action, id) => events.publish("image", action, id, { name: id }),
    };
  }

  async list(): Promise<Image[]> {
    return [...this.#store.catalog.list()];
  }

  async get(nameOrId: string): Promise<Image> {
    return this.#store.catalog.need(findId(this.#store.catalog, nameOrId));
  }

  async find(nameOrId: string): Promise<Image | undefined> {
    try {
      return await this.get(nameOrId);
    } catch (error) {
      if (error instanceof EngineError) return undefined;
      throw error;
    }
  }

  async putBlob(content: AsyncIterable<Buffer> | Buffer, mediaType: string, signal?: AbortSignal): Promise<Descriptor> {
    const stored = await this.#store.layout.putBlob(content, { signal, keep: (digest) => this.#store.garbage.keepForNow(digest) });
    return { mediaType, ...stored };
  }

  async blobFile(digest: Digest): Promise<BlobFile | undefined> {
    const { layout } = this.#store;
    return (await layout.blobSize(digest)) === undefined ? undefined : { path: layout.blobPath(digest) };
  }

  async create(config: ImageConfig, layers: Descriptor[], { names, annotations }: CreateAs): Promise<Image> {
    const references = names.map((name) => nameToGive(name));
    imageLayers(layers, config.rootfs.diff_ids);
    const text = Buffer.from(JSON.stringify(config));
    const id: Digest = `sha256:${sha256(text)}`;
    const data = writeManifest({ mediaType: OCI_CONFIG, digest: id, size: text.length }, layers, annotations);
    const present = this.#present(id, `sha256:${sha256(data)}`, references);
    if (present) return present;
    const configBlob = await this.putBlob(text, OCI_CONFIG);
    const manifest = await this.putBlob(data, OCI_MANIFEST);
    const image = await this.#store.catalog.add(manifest, references);
    this.#store.garbage.named([manifest, configBlob, ...layers].map(({ digest }) => digest));
    for (const reference of references) this.#publishTag(image.id, reference);
    return { ...image, manifest };
  }

  async createIndex(
    parts: readonly { readonly id: Digest; readonly manifest: Descriptor; readonly attestation?: Descriptor }[],
    { names, annotations }: CreateAs,
  ): Promise<{ image: Image; index: Descriptor }> {
    const references = names.map((name) => nameToGive(name));
    const { catalog, garbage } = this.#store;
    const manifests = parts.map(({ id, manifest }) => ({ ...manifest, platform: platformOf(catalog.need(id).config) }));
    const attestations = parts.flatMap(({ attestation }) => attestation ?? []);
    const index = await this.putBlob(writeIndex([...manifests, ...attestations], annotations), OCI_INDEX);
    const own = choosePlatform(manifests, hostPlatform()) ?? manifests[0]!;
    const { mediaType, digest, size } = own;
    const image = await catalog.add({ mediaType, digest, size }, references, index.digest);
    garbage.named([index.digest]);
    for (const { id } of parts)
      if (id !== image.id && catalog.namesOf(id).length === 0) await this.remove(id, { force: false, prune: true }).catch(() => undefined);
    for (const reference of references) this.#publishTag(image.id, reference);
    return { image, index };
  }

  /** An image that is here already, with this very manifest and these names, need not be written again. */
  #present(id: Digest, manifest: Digest, names: readonly Reference[]): Image | undefined {
    const { catalog } = this.#store;
    const image = catalog.get(id);
    const isSame = (name: Reference): boolean => {
      const known = catalog.named(name);
      return known?.id === id && known.manifest.digest === manifest && known.index === undefined;
    };
    if (image?.manifest.digest !== manifest || !names.every(isSame)) return undefined;
    for (const name of names) this.#publishTag(id, name);
    return image;
  }

  async tag(nameOrId: string, reference: string): Promise<void> {
    const id = findId(this.#store.catalog, nameOrId);
    const name = nameToGive(reference);
    await this.#store.catalog.name(id, name);
    this.#publishTag(id, name);
  }

  #publishTag(id: Digest, reference: Reference): void {
    this.#events.publish("image", "tag", id, { name: familiarReference(reference) });
  }

  async remove(nameOrId: string, options: { force: boolean; prune: boolean }): Promise<Removed[]> {
    return removeImage(this.#removing, nameOrId, options);
  }

  async prune(select: (image: Image) => boolean): Promise<{ removed: Removed[]; spaceReclaimed: number }> {
    const unused: Digest[] = [];
    for (const image of this.#store.catalog.list().filter(select)) if (!(await this.#userOf(image))) unused.push(image.id);
    const removed: Removed[] = [];
    const bytes = await deleteImages(this.#removing, unused, removed);
    return { removed, spaceReclaimed: bytes + (await this.#store.garbage.collect()) };
  }

  addUser(user: (image: Image) => Promise<ImageUser | undefined>): void {
    this.#users.push(user);
  }

  addKeeper(keeper: () => Promise<Iterable<Digest>>): void {
    this.#store.garbage.addKeeper(keeper);
  }

  async #userOf(image: Image): Promise<ImageUser | undefined> {
    const users = (await Promise.all(this.#users.map((user) => user(image)))).filter((user) => user !== undefined);
    return users.find(({ running }) => running) ?? users[0];
  }

  async load(archive: Readable, options: LoadOptions = {}): Promise<{ names: string[]; ids: Digest[] }> {
    const loaded = await loadArchive(this.#store, archive, options);
    for (const id of loaded.ids) this.#events.publish("image", "load", id, { name: id });
    return loaded;
  }

  async save(names: string[], options: { signal?: AbortSignal; platform?: Platform } = {}): Promise<Readable> {
    const { catalog, layout } = this.#store;
    const chosen = names.flatMap((text) => chooseToSave(catalog, text));
    const archive = await saveArchive({ layout, catalog }, chosen, options);
    for (const id of new Set(chosen.map((each) => each.id))) this.#events.publish("image", "save", id, { name: id });
    return archive;
  }

  async archive({ id, manifest, index }: ArchiveOf, as: { names: readonly string[]; signal?: AbortSignal }): Promise<Readable> {
    const tags = as.names.map((name) => nameToGive(name));
    const what = { id, manifest, index: index ?? null };
    return saveArchive(this.#store, tags.length > 0 ? tags.map((tag) => ({ ...what, tag })) : [what], as);
  }

  async importTar(
    tar: Readable,
    options: { reference?: string; changes: string[]; message: string; platform?: Platform },
    signal?: AbortSignal,
  ): Promise<Image> {
    const { layout, snapshots, garbage } = this.#store;
    const names = options.reference ? [options.reference] : [];
    names.forEach((name) => nameToGive(name));
    const settings = applyChanges({}, options.changes);
    const lease = garbage.lease();
    let isDone = false;
    try {
      const blob = await layout.putBlob(tar, { signal, keep: (digest) => lease.add(digest) });
      const path = layout.blobPath(blob.digest);
      const mediaType = layerMediaType(await readHead(path));
      const { diffId } = await snapshots.add({ path }, null, signal ? { signal } : {});
      const created = new Date().toISOString();
      const comment = options.message || "Imported from -";
      const config: ImageConfig = {
        created,
        comment,
        ...(options.platform ?? hostPlatform()),
        config: settings,
        rootfs: { type: "layers", diff_ids: [diffId] },
        history: [{ created, comment }],
      };
      const image = await this.create(config, [{ mediaType, ...blob }], { names });
      isDone = true;
      this.#events.publish("image", "import", image.id, { name: image.id });
      return image;
    } finally {
      await lease.end({ discard: !isDone });
    }
  }

  async pull(reference: string, options: PullOptions): Promise<Image> {
    const name = withDefaultTag(needReference(reference));
    const image = await pullImage(this.#store, name, { ...options, registry: this.#registry });
    this.#events.publish("image", "pull", familiarReference(name), { ...image.config.config?.Labels, name: familiarName(name) });
    return image;
  }

  async push(reference: string, options: PullOptions): Promise<void> {
    const name = withDefaultTag(needReference(reference));
    const image = await pushImage(this.#store, name, { ...options, registry: this.#registry });
    this.#events.publish("image", "push", familiarReference(name), { ...image.config.config?.Labels, name: familiarName(name) });
  }

  place(where: PlaceName, signal: AbortSignal): Promise<BlobPlace> {
    return openPlace(this.#store, where, { registry: this.#registry, signal });
  }

  async pullAll(repository: string, options: PullOptions): Promise<void> {
    const { tag: _, digest: __, ...name } = needReference(repository);
    const before = this.#store.catalog.names().length;
    for (const tag of await remoteTags(name, options, this.#registry))
      await this.pull(familiarReference({ ...name, tag }), {
        ...options,
        progress: (message) => isStatus(message) || options.progress?.(message),
      });
    const isSame = before === this.#store.catalog.names().length;
    options.progress?.({ status: `Status: ${isSame ? "Image is up to date" : "Downloaded newer image"} for ${familiarName(name)}` });
  }
}

/** Of a pull of all tags only the last word is said. */
function isStatus({ status }: JsonMessage): boolean {
  return status?.startsWith("Status: ") ?? false;
}

/** @throws {EngineError} invalid */
function nameToGive(text: string): Reference {
  const reference = needReference(text);
  if (reference.digest !== undefined) throw new EngineError("invalid", "refusing to create a tag with a digest reference");
  return withDefaultTag(reference);
}

function sha256(data: Buffer): string {
  return createHash("sha256").update(data).digest("hex");
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os, architecture, ...(variant && { variant }) };
}

async function readHead(path: string): Promise<Buffer> {
  const file = await open(path, "r");
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(8), 0, 8, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
