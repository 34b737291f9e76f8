/**
 * Layers that were made here (built, committed, imported) are stored as plain tars, which costs least. Before they are pushed
 * they are compressed, as Docker does, once: the image's manifest then names the compressed blobs, its id stays.
 */
import { createReadStream } from "node:fs";
import { pipeline } from "node:stream";
import { createGzip } from "node:zlib";
import type { Digest } from "../layers/snapshots.ts";
import type { Lease } from "./garbage.ts";
import type { Descriptor, Image, ImageLayer } from "./images.ts";
import { LARGEST_MANIFEST } from "./manifest.ts";
import { OCI_LAYER } from "./media-types.ts";
import type { Store } from "./store.ts";

/** Docker's name of a plain layer. */
const DOCKER_PLAIN_LAYER = "application/vnd.docker.image.rootfs.diff.tar";

function isPlain({ mediaType }: Descriptor): boolean {
  return mediaType === OCI_LAYER || mediaType === DOCKER_PLAIN_LAYER;
}

/**
 * Compresses what is plain of an image and makes it the image's content.
 * @param lease holds what is made until the push has ended
 * @returns the manifest that names it; the given one when nothing was plain
 */
export async function compressImage(
  store: Store,
  image: Image,
  { manifest, lease, signal }: { manifest: Descriptor; lease: Lease; signal: AbortSignal | undefined },
): Promise<Descriptor> {
  const data = await store.layout.readBlob(manifest.digest, LARGEST_MANIFEST);
  const document = JSON.parse(data.toString()) as { layers: Descriptor[] };
  if (!document.layers.some(isPlain)) return manifest;
  const plain: Digest[] = [manifest.digest];
  for (const [i, layer] of document.layers.entries()) {
    if (!isPlain(layer)) continue;
    plain.push(layer.digest);
    document.layers[i] = { ...layer, ...(await compressLayer(store, image.layers[i]!, { plain: layer, lease, signal })) };
  }
  const stored = await store.layout.putBlob(Buffer.from(JSON.stringify(document)), { keep: (digest) => lease.add(digest) });
  const made = { mediaType: manifest.mediaType, ...stored };
  await store.catalog.replaceManifest(image.id, manifest.digest, made);
  await store.garbage.discard(plain);
  return made;
}

/** A layer as it is sent: compressed, whatever it is here. @param options.lease holds what is made for it */
export async function compressed(
  store: Store,
  layer: ImageLayer,
  options: { lease: Lease; signal: AbortSignal | undefined },
): Promise<Descriptor> {
  const { descriptor } = layer;
  return isPlain(descriptor) ? { ...descriptor, ...(await compressLayer(store, layer, { plain: descriptor, ...options })) } : descriptor;
}

/** Another image may have the same content compressed already, e.g. as a registry sent it: then that is reused. */
async function compressLayer(
  { catalog, layout }: Store,
  { diffId }: ImageLayer,
  { plain, lease, signal }: { plain: Descriptor; lease: Lease; signal: AbortSignal | undefined },
): Promise<Pick<Descriptor, "mediaType" | "digest" | "size">> {
  const mediaType = `${plain.mediaType}${plain.mediaType === OCI_LAYER ? "+gzip" : ".gzip"}`;
  const known = catalog.layersOf(diffId).find((layer) => layer.mediaType.endsWith("gzip"));
  if (known && (await layout.blobSize(known.digest)) === known.size) {
    lease.add(known.digest);
    return { mediaType, digest: known.digest, size: known.size };
  }
  const source = createReadStream(layout.blobPath(plain.digest), { highWaterMark: 1 << 18 });
  const gzip = pipeline(source, createGzip({ chunkSize: 1 << 18 }), () => undefined);
  const stored = await layout.putBlob(gzip, { signal, keep: (digest) => lease.add(digest) });
  return { mediaType, ...stored };
}
