/**
 * `docker push`: the layers that the registry lacks, the config, and last the manifest, byte for byte as it is stored, so
 * that the digest is the same here and there.
 */
import { createReadStream } from "node:fs";
import { PassThrough, pipeline } from "node:stream";
import { EngineError } from "../errors.ts";
import { familiarName, familiarReference, repositoryName } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Descriptor, Image, PullOptions } from "./images.ts";
import { LARGEST_MANIFEST, parseManifest } from "./manifest.ts";
import { LayerProgress } from "./progress.ts";
import { RegistryClient } from "./registry/client.ts";
import { endpointsOf } from "./registry/endpoint.ts";
import type { RegistryOptions } from "./registry/endpoint.ts";
import type { Store } from "./store.ts";

const UPLOADS = 5;

/** @throws {EngineError} in Docker's words */
export async function pushImage(store: Store, reference: Reference, options: PullOptions & { registry: RegistryOptions }): Promise<Image> {
  options.progress?.({ status: `The push refers to repository [${repositoryName(reference)}]` });
  const named = store.catalog.named(reference);
  if (!named) throw new EngineError("not-found", `An image does not exist locally with the tag: ${familiarName(reference)}`);
  const endpoint = endpointsOf(reference.domain, options.registry).find(({ mirror }) => !mirror)!;
  const access = { repository: reference.path, push: true, auth: options.auth, signal: options.signal };
  const client = await RegistryClient.connect(endpoint, access, options.registry.env ?? process.env);
  const lease = store.garbage.lease();
  try {
    const image = store.catalog.need(named.id);
    const data = await store.layout.readBlob(named.manifest.digest, LARGEST_MANIFEST);
    const manifest = parseManifest(data, named.manifest.mediaType);
    if (!("config" in manifest)) throw new EngineError("invalid", `Cannot push ${familiarReference(reference)}: it is an index`);
    lease.add(named.manifest.digest, ...[manifest.config, ...manifest.layers].map(({ digest }) => digest));
    await new Push(store, client, reference, options).blobs(manifest.layers, manifest.config, image);
    await client.putManifest(reference.tag ?? named.manifest.digest, { data, mediaType: manifest.mediaType }, options.signal);
    await store.catalog.name(image.id, { domain: reference.domain, path: reference.path, digest: named.manifest.digest });
    const { tag = "" } = reference;
    const { digest } = named.manifest;
    options.progress?.({ status: `${tag}: digest: ${digest} size: ${data.length}` });
    options.progress?.({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: data.length } });
    return image;
  } finally {
    client.close();
    await lease.end();
  }
}

class Push {
  readonly #store: Store;
  readonly #client: RegistryClient;
  readonly #reference: Reference;
  readonly #options: PullOptions;

  constructor(store: Store, client: RegistryClient, reference: Reference, options: PullOptions) {
    this.#store = store;
    this.#client = client;
    this.#reference = reference;
    this.#options = options;
  }

  async blobs(layers: readonly Descriptor[], config: Descriptor, image: Image): Promise<void> {
    const work = layers.map((blob, i) => ({
      blob,
      progress: new LayerProgress(this.#options.progress, image.layers[i]!.diffId.slice(7, 19)),
    }));
    work.reverse().forEach(({ progress }) => progress.status("Preparing"));
    const queue = [...work];
    const lanes = Array.from({ length: UPLOADS }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await this.#layer(next.blob, next.progress);
    });
    await Promise.all(lanes);
    if (!(await this.#client.hasBlob(config.digest, this.#options.signal))) await this.#upload(config, undefined);
  }

  async #layer(blob: Descriptor, progress: LayerProgress): Promise<void> {
    if (await this.#client.hasBlob(blob.digest, this.#options.signal)) return progress.status("Layer already exists");
    for (const repository of this.#otherRepositories(blob))
      if (await this.#client.mount(blob.digest, repository, this.#options.signal)) return progress.status(`Mounted from ${repository}`);
    await this.#upload(blob, progress);
    progress.status("Pushed");
  }

  /** Repositories of the same registry that were pulled or pushed with this blob. */
  #otherRepositories(blob: Descriptor): string[] {
    const { domain, path } = this.#reference;
    const names = this.#store.catalog.names().filter(({ reference, id }) => {
      const isThere = reference.digest !== undefined && reference.domain === domain && reference.path !== path;
      return isThere && this.#store.catalog.need(id).layers.some(({ descriptor }) => descriptor.digest === blob.digest);
    });
    return [...new Set(names.map(({ reference }) => reference.path))].slice(0, 3);
  }

  async #upload(blob: Descriptor, progress: LayerProgress | undefined): Promise<void> {
    const path = this.#store.layout.blobPath(blob.digest);
    const content = (): PassThrough => {
      let sent = 0;
      const counted = new PassThrough();
      counted.on("data", (chunk: Buffer) => progress?.bytes("Pushing", (sent += chunk.length), blob.size));
      pipeline(createReadStream(path, { highWaterMark: 1 << 18 }), counted, () => undefined);
      return counted.pause();
    };
    await this.#client.upload(blob, content, this.#options.signal);
  }
}
