/**
 * `docker push`: the layers that the registry lacks, the config, and last the manifest, byte for byte as it is stored, so
 * that the digest is the same here and there.
 */
import { createReadStream } from "node:fs";
import { PassThrough, pipeline } from "node:stream";
import { EngineError } from "../errors.ts";
import { familiarName, familiarReference, repositoryName } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { Name } from "./catalog.ts";
import { compressImage } from "./compress.ts";
import type { Lease } from "./garbage.ts";
import type { Descriptor, Image, PullOptions } from "./images.ts";
import { LARGEST_MANIFEST, parseManifest } from "./manifest.ts";
import { choosePlatformManifest, digestsOf } from "./multi-platform.ts";
import type { IndexContent } from "./multi-platform.ts";
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
    const push = new Push(store, client, reference, options);
    const pushed = await push.run(named, image, lease);
    await store.catalog.add(pushed.manifest, [{ domain: reference.domain, path: reference.path, digest: pushed.top.digest }], pushed.index);
    const { tag = "" } = reference;
    const { digest, size } = pushed.top;
    options.progress?.({ status: `${tag}: digest: ${digest} size: ${size}` });
    options.progress?.({ progressDetail: {}, aux: { Tag: tag, Digest: digest, Size: size } });
    return image;
  } finally {
    client.close();
    await lease.end();
  }
}

interface Pushed {
  /** What the tag stands for in the registry. */
  readonly top: Descriptor;
  /** The manifest of the image that runs here. */
  readonly manifest: Descriptor;
  readonly index?: Digest;
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

  /**
   * An index of which everything is here is pushed whole. Otherwise the manifest of one platform is, and the client is told,
   * as Docker does.
   */
  async run(named: Name, image: Image, lease: Lease): Promise<Pushed> {
    const { catalog } = this.#store;
    const content = named.index === undefined ? undefined : catalog.index(named.index);
    if (content) lease.add(...digestsOf(content));
    const { platform } = this.#options;
    if (content?.isWhole && !platform) return this.#index(content, named.manifest);
    const chosen = platform ? await choosePlatformManifest(this.#store, named, platform) : named.manifest;
    // The same image may have been built again meanwhile: its manifest then names the plain layers once more.
    const isOwn = chosen.digest === named.manifest.digest;
    lease.add(chosen.digest);
    const { signal } = this.#options;
    const manifest = isOwn && !content ? await compressImage(this.#store, image, { manifest: chosen, lease, signal }) : chosen;
    await this.#image(manifest, isOwn ? image : undefined, lease);
    await this.#manifest(manifest, this.#reference.tag ?? manifest.digest);
    if (content && !platform)
      this.#options.progress?.({
        progressDetail: {},
        aux: { manifestPushedInsteadOfIndex: true, originalIndex: content.descriptor, selectedManifest: manifest },
      });
    return { top: manifest, manifest: isOwn ? manifest : image.manifest };
  }

  /** The registry takes an index only when it has what the index names. */
  async #index(content: IndexContent, manifest: Descriptor): Promise<Pushed> {
    await this.#blobs(content.blobs.map((blob) => ({ blob, id: blob.digest })));
    for (const each of content.manifests) await this.#manifest(each, each.digest);
    await this.#manifest(content.descriptor, this.#reference.tag ?? content.descriptor.digest);
    return { top: content.descriptor, manifest, index: content.descriptor.digest };
  }

  /** @param shown whose layers are shown by their diffIds, as Docker does */
  async #image(descriptor: Descriptor, shown: Image | undefined, lease: Lease): Promise<void> {
    const document = parseManifest(await this.#store.layout.readBlob(descriptor.digest, LARGEST_MANIFEST), descriptor.mediaType);
    if (!("config" in document)) throw new EngineError("invalid", `Cannot push ${familiarReference(this.#reference)}: it is an index`);
    lease.add(...[document.config, ...document.layers].map(({ digest }) => digest));
    await this.#blobs(document.layers.map((blob, i) => ({ blob, id: shown?.layers[i]?.diffId ?? blob.digest })));
    if (!(await this.#client.hasBlob(document.config.digest, this.#options.signal))) await this.#upload(document.config, undefined);
  }

  async #manifest(descriptor: Descriptor, as: string): Promise<void> {
    const data = await this.#store.layout.readBlob(descriptor.digest, LARGEST_MANIFEST);
    const { mediaType } = parseManifest(data, descriptor.mediaType);
    await this.#client.putManifest(as, { data, mediaType }, this.#options.signal);
  }

  async #blobs(blobs: readonly { blob: Descriptor; id: Digest }[]): Promise<void> {
    const work = blobs.map(({ blob, id }) => ({ blob, progress: new LayerProgress(this.#options.progress, id.slice(7, 19)) }));
    work.reverse().forEach(({ progress }) => progress.status("Preparing"));
    const queue = [...work];
    const lanes = Array.from({ length: UPLOADS }, async () => {
      for (let next = queue.shift(); next; next = queue.shift()) await this.#layer(next.blob, next.progress);
    });
    await Promise.all(lanes);
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
