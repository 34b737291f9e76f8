/**
 * `docker save`: an archive that is a docker-archive and an OCI layout at once, as Docker 25 and later write it.
 * The same images give the same bytes.
 */
import { createReadStream } from "node:fs";
import { Readable } from "node:stream";
import { EngineError, isKind } from "../errors.ts";
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "../layers/tar-writer.ts";
import type { Digest } from "../layers/snapshots.ts";
import { canonicalReference, familiarName, familiarReference, parseReference } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Catalog } from "./catalog.ts";
import type { Descriptor, Image, Platform } from "./images.ts";
import type { Layout } from "./layout.ts";
import { findId } from "./lookup.ts";
import { LARGEST_CONFIG, LARGEST_MANIFEST, parseConfig, parseManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { OCI_INDEX } from "./media-types.ts";
import { choosePlatformManifest, digestsOf, readIndexContent } from "./multi-platform.ts";

interface Chosen {
  image: Image;
  tags: Reference[];
  /** What the archive's index names: the manifest, or the index that it was pulled or loaded with. */
  top: Descriptor;
  /** The manifest of the table's row. */
  manifest: Manifest;
  diffIds: readonly Digest[];
  blobs: readonly Digest[];
}

export interface Choice {
  readonly id: Digest;
  readonly tag?: Reference;
  /** Instead of what the tag stands for here; null is none. */
  readonly index?: Digest | null;
  /** Instead of the image's own. */
  readonly manifest?: Descriptor;
}

/** @throws {EngineError} not-found when an image is not for `platform` */
export async function saveArchive(
  store: { layout: Layout; catalog: Catalog },
  chosen: readonly Choice[],
  { signal, platform }: { signal?: AbortSignal | undefined; platform?: Platform | undefined },
): Promise<Readable> {
  const images = new Map<string, Chosen>();
  for (const choice of chosen) {
    const { id, tag } = choice;
    const entry = await choose(store, choice, platform);
    const key = `${id} ${entry.top.digest}`;
    const known = images.get(key);
    if (known && tag) known.tags.push(tag);
    if (!known) images.set(key, entry);
  }
  for (const entry of images.values()) entry.tags = [...new Map(entry.tags.map((tag) => [familiarReference(tag), tag])).values()];
  return Readable.from(write(store.layout, [...images.values()], signal), { objectMode: false, highWaterMark: 1 << 20 });
}

async function choose(store: { layout: Layout; catalog: Catalog }, choice: Choice, platform: Platform | undefined): Promise<Chosen> {
  const { layout, catalog } = store;
  const { id, tag } = choice;
  const image = catalog.need(id);
  const name = tag && catalog.named(tag);
  const index = choice.index === undefined ? (tag ? name?.index : catalog.indexOf(id)) : (choice.index ?? undefined);
  const content = index === undefined || platform ? undefined : (catalog.index(index) ?? (await readIndexContent(layout, index)));
  const own = choice.manifest ?? name?.manifest ?? image.manifest;
  const named = { id, manifest: own, ...(index && { index }), ...(tag && { reference: tag }) };
  const descriptor = platform ? await choosePlatformManifest(store, named, platform) : own;
  const manifest = parseManifest(await layout.readBlob(descriptor.digest, LARGEST_MANIFEST), descriptor.mediaType);
  if (!("config" in manifest)) throw new EngineError("invalid", `Cannot save ${id}: it is an index`);
  const config = parseConfig(await layout.readBlob(manifest.config.digest, LARGEST_CONFIG));
  const blobs = [descriptor, manifest.config, ...manifest.layers].map(({ digest }) => digest);
  const { mediaType, digest, size } = content?.descriptor ?? descriptor;
  return {
    image,
    tags: tag ? [tag] : [],
    top: { mediaType, digest, size },
    manifest,
    diffIds: config.rootfs.diff_ids,
    blobs: content ? [...blobs, ...digestsOf(content)] : blobs,
  };
}

/**
 * What a name given to `docker save` means: without a tag, all tags of the repository; by an id, an image without a name.
 * @throws {EngineError} not-found `reference does not exist`, or invalid
 */
export function chooseToSave(catalog: Catalog, text: string): { id: Digest; tag?: Reference }[] {
  const parsed = parseReference(text);
  if ("reference" in parsed && parsed.reference.digest === undefined) {
    const wanted = parsed.reference;
    const ofRepository = catalog.names().filter(({ reference: { domain, path, tag } }) => tag !== undefined && domain === wanted.domain && path === wanted.path); // oxfmt-ignore
    const named = ofRepository.filter(({ reference }) => wanted.tag === undefined || wanted.tag === reference.tag);
    if (named.length > 0) return named.map(({ reference, id }) => ({ id, tag: reference }));
  }
  try {
    return [{ id: findId(catalog, text) }];
  } catch (error) {
    throw isKind(error, "not-found") ? new EngineError("not-found", "reference does not exist", { cause: error }) : error;
  }
}

async function* write(layout: Layout, chosen: readonly Chosen[], signal: AbortSignal | undefined): AsyncGenerator<Buffer> {
  yield directory("blobs/");
  yield directory("blobs/sha256/");
  for (const digest of blobsOf(chosen)) {
    const size = (await layout.blobSize(digest)) ?? 0;
    yield tarHeader({ ...emptyEntry(blobName(digest)), sizeBytes: size });
    for await (const chunk of createReadStream(layout.blobPath(digest), { highWaterMark: 1 << 18, ...(signal && { signal }) }))
      yield chunk as Buffer;
    yield tarPadding(size);
  }
  yield* file("index.json", JSON.stringify({ schemaVersion: 2, mediaType: OCI_INDEX, manifests: chosen.flatMap(describe) }));
  yield* file("manifest.json", JSON.stringify(chosen.map(tableRow)));
  yield* file("oci-layout", '{"imageLayoutVersion":"1.0.0"}');
  yield* file("repositories", `${JSON.stringify(repositories(chosen))}\n`);
  yield TAR_END;
}

function blobsOf(chosen: readonly Chosen[]): Digest[] {
  const digests = new Set(chosen.flatMap(({ blobs }) => blobs));
  return [...digests].toSorted((a, b) => (a < b ? -1 : 1));
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

function describe({ top, tags }: Chosen): Descriptor[] {
  if (tags.length === 0) return [top];
  return tags.map((reference) => ({
    ...top,
    annotations: { "io.containerd.image.name": canonicalReference(reference), "org.opencontainers.image.ref.name": reference.tag! },
  }));
}

function tableRow({ manifest, diffIds, tags }: Chosen): object {
  const Layers = manifest.layers.map(({ digest }) => blobName(digest));
  const LayerSources = Object.fromEntries(manifest.layers.map(({ mediaType, digest, size }, i) => [diffIds[i], { mediaType, size, digest }])); // oxfmt-ignore
  return { Config: blobName(manifest.config.digest), RepoTags: tags.map(familiarReference), Layers, LayerSources };
}

/** What docker load read before 1.10; kept because others still do. */
function repositories(chosen: readonly Chosen[]): Record<string, Record<string, string>> {
  const table: Record<string, Record<string, string>> = {};
  for (const { image, tags } of chosen)
    for (const reference of tags)
      (table[familiarName(reference)] ??= {})[reference.tag!] = (image.layers.at(-1)?.descriptor.digest ?? image.id).slice(
        "sha256:".length,
      );
  return table;
}

function directory(name: string): Buffer {
  return tarHeader({ ...emptyEntry(name), type: "directory", mode: 0o755 });
}

function* file(name: string, text: string): Generator<Buffer> {
  const content = Buffer.from(text);
  yield tarHeader({ ...emptyEntry(name), sizeBytes: content.length });
  yield content;
  yield tarPadding(content.length);
}
