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
import type { Descriptor, Image } from "./images.ts";
import type { Layout } from "./layout.ts";
import { findId } from "./lookup.ts";
import { OCI_INDEX } from "./media-types.ts";

interface Chosen {
  image: Image;
  tags: Reference[];
}

export function saveArchive(
  { layout, catalog }: { layout: Layout; catalog: Catalog },
  chosen: readonly { id: Digest; tag?: Reference }[],
  signal: AbortSignal | undefined,
): Readable {
  const images = new Map<Digest, Chosen>();
  for (const { id, tag } of chosen) {
    const entry = images.get(id) ?? { image: catalog.need(id), tags: [] };
    if (tag && !entry.tags.includes(tag)) entry.tags.push(tag);
    images.set(id, entry);
  }
  return Readable.from(write(layout, [...images.values()], signal), { objectMode: false, highWaterMark: 1 << 20 });
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
  const digests = new Set<Digest>();
  for (const { image } of chosen) {
    digests.add(image.id).add(image.manifest.digest);
    for (const { descriptor } of image.layers) digests.add(descriptor.digest);
  }
  return [...digests].toSorted((a, b) => (a < b ? -1 : 1));
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${digest.slice("sha256:".length)}`;
}

function describe({ image, tags }: Chosen): Descriptor[] {
  const { mediaType, digest, size } = image.manifest;
  if (tags.length === 0) return [{ mediaType, digest, size }];
  return tags.map((reference) => ({
    mediaType,
    digest,
    size,
    annotations: { "io.containerd.image.name": canonicalReference(reference), "org.opencontainers.image.ref.name": reference.tag! },
  }));
}

function tableRow({ image, tags }: Chosen): object {
  const Layers = image.layers.map(({ descriptor }) => blobName(descriptor.digest));
  const LayerSources = Object.fromEntries(
    image.layers.map(({ diffId, descriptor: { mediaType, digest, size } }) => [diffId, { mediaType, size, digest }]),
  );
  return { Config: blobName(image.id), RepoTags: tags.map(familiarReference), Layers, LayerSources };
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
