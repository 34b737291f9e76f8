/**
 * `docker pull`: manifest → config and layers, all at the same time; each layer is unpacked as soon as it is here and the
 * image becomes visible when it is whole.
 */
import { EngineError } from "../errors.ts";
import type { BlobFile, Digest, Layer } from "../layers/snapshots.ts";
import { familiarName, familiarReference, withDefaultTag } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import { imageLayers } from "./catalog.ts";
import { download, isPassing } from "./download.ts";
import type { Lease } from "./garbage.ts";
import type { Descriptor, Image, ImageConfig, ImageLayer, PullOptions } from "./images.ts";
import { checkExpected } from "./layout.ts";
import { LARGEST_CONFIG, parseConfig, parseManifest } from "./manifest.ts";
import type { Manifest } from "./manifest.ts";
import { isImageConfig } from "./media-types.ts";
import { choosePlatform, hostPlatform, matchesPlatform, platformText } from "./platform.ts";
import { LayerProgress } from "./progress.ts";
import { RegistryClient } from "./registry/client.ts";
import type { RawManifest } from "./registry/client.ts";
import { endpointsOf } from "./registry/endpoint.ts";
import type { RegistryOptions } from "./registry/endpoint.ts";
import { RegistryError } from "./registry/refusal.ts";
import type { Store } from "./store.ts";

/** As many blobs as Docker downloads at once. */
const DOWNLOADS = 3;
const DEEPEST_INDEX = 3;

/** @throws {EngineError} in Docker's words */
export async function pullImage(store: Store, name: Reference, options: PullOptions & { registry: RegistryOptions }): Promise<Image> {
  const reference = withDefaultTag(name);
  let failure: unknown;
  for (const endpoint of endpointsOf(reference.domain, options.registry)) {
    const access = { repository: reference.path, push: false, signal: options.signal, auth: endpoint.mirror ? undefined : options.auth };
    try {
      const client = await RegistryClient.connect(endpoint, access, options.registry.env ?? process.env);
      try {
        return await new Pull(store, client, reference, options).run();
      } finally {
        client.close();
      }
    } catch (error) {
      failure = error;
      if (!endpoint.mirror || options.signal?.aborted) break;
    }
  }
  throw translate(failure, reference);
}

/** @see https://github.com/moby/moby/blob/v28.5.2/distribution/errors.go */
export function translate(error: unknown, reference: Reference): unknown {
  if (!(error instanceof RegistryError)) return error;
  if (error.code === "DENIED" || error.code === "UNAUTHORIZED")
    return new EngineError(
      "not-found",
      `pull access denied for ${familiarName(reference)}, repository does not exist or may require 'docker login': ${error.message}`,
      { cause: error },
    );
  if (error.code === "NAME_UNKNOWN") return new EngineError("not-found", `repository ${familiarName(reference)} not found: ${error.message}`, { cause: error }); // oxfmt-ignore
  if (error.code === "MANIFEST_UNKNOWN" || error.status === 404)
    return new EngineError("not-found", `manifest for ${familiarReference(reference)} not found: ${error.message}`, { cause: error });
  return error;
}

interface Blob {
  readonly begun: Promise<BlobFile>;
  readonly whole: Promise<BlobFile>;
}

class Pull {
  readonly #store: Store;
  readonly #client: RegistryClient;
  readonly #reference: Reference;
  readonly #options: PullOptions;
  readonly #lease: Lease;
  #slots = DOWNLOADS;
  readonly #waiting: (() => void)[] = [];
  /** Fails everything that is under way when one part fails. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;

  constructor(store: Store, client: RegistryClient, reference: Reference, options: PullOptions) {
    this.#store = store;
    this.#client = client;
    this.#reference = reference;
    this.#options = options;
    this.#lease = store.garbage.lease();
    this.#signal = options.signal ? AbortSignal.any([options.signal, this.#stop.signal]) : this.#stop.signal;
  }

  async run(): Promise<Image> {
    const reference = this.#reference;
    const wanted = reference.digest ?? reference.tag!;
    const top = await this.#client.manifest(wanted, this.#signal);
    const id = reference.digest ? familiarReference(reference) : reference.tag!;
    this.#say({ status: `Pulling from ${reference.path}`, id });
    let discard = false;
    try {
      const { raw, manifest } = await this.#choose(top, 0);
      const before = this.#named();
      const image = await this.#fetch(top, raw, manifest);
      const isSame = before !== undefined && before === image.id;
      this.#say({ status: `Digest: ${top.digest}` });
      this.#say({ status: `Status: ${isSame ? "Image is up to date" : "Downloaded newer image"} for ${familiarReference(reference)}` });
      return image;
    } catch (error) {
      // What a broken line or an overloaded registry left behind is where the next attempt goes on.
      discard = !this.#options.signal?.aborted && !isPassing(error);
      throw error;
    } finally {
      await this.#lease.end({ discard });
    }
  }

  #say(message: { status: string; id?: string }): void {
    this.#options.progress?.(message);
  }

  #named(): Digest | undefined {
    const { tag, digest, ...repository } = this.#reference;
    const wanted = digest ? { ...repository, digest } : { ...repository, ...(tag !== undefined && { tag }) };
    return this.#store.catalog.named(wanted)?.id;
  }

  /** Follows indexes to the manifest for the platform. */
  async #choose(raw: RawManifest, depth: number): Promise<{ raw: RawManifest; manifest: Manifest }> {
    if (depth > DEEPEST_INDEX)
      throw new EngineError("invalid", `Cannot pull ${familiarReference(this.#reference)}: its indexes are nested too deep`);
    const document = parseManifest(raw.data, raw.mediaType);
    if ("config" in document) return { raw, manifest: document };
    const platform = this.#options.platform ?? hostPlatform();
    const chosen = choosePlatform(document.manifests, platform);
    if (!chosen) throw new EngineError("not-found", `no matching manifest for ${platformText(platform)} in the manifest list entries`);
    return this.#choose(await this.#client.manifest(chosen.digest, this.#signal), depth + 1);
  }

  async #fetch(top: RawManifest, raw: RawManifest, manifest: Manifest): Promise<Image> {
    if (manifest.config.mediaType !== "" && !isImageConfig(manifest.config.mediaType))
      throw new EngineError("invalid", `unsupported media type ${manifest.config.mediaType}: it is not an image`);
    const config = await this.#config(manifest.config);
    const layers = imageLayers(manifest.layers, config.rootfs.diff_ids);
    this.#checkPlatform(config);
    await this.#layers(layers);
    const descriptor = await this.#put(raw);
    const index = top.digest === raw.digest ? undefined : (await this.#put(top)).digest;
    const { tag, digest: _, ...repository } = this.#reference;
    const names: Reference[] = [{ ...repository, digest: top.digest }];
    if (this.#reference.digest === undefined && tag !== undefined) names.push({ ...repository, tag });
    return this.#store.catalog.add(descriptor, names, index);
  }

  async #put({ data, mediaType }: RawManifest): Promise<Descriptor> {
    const stored = await this.#store.layout.putBlob(data, { keep: (digest) => this.#lease.add(digest) });
    return { mediaType: parseManifest(data, mediaType).mediaType, ...stored };
  }

  async #config(descriptor: Descriptor): Promise<ImageConfig> {
    const { layout } = this.#store;
    if (descriptor.size > LARGEST_CONFIG) throw new EngineError("invalid", `The image's config has ${descriptor.size} bytes`);
    this.#lease.add(descriptor.digest);
    await download(layout, this.#client, descriptor, { signal: this.#signal });
    const data = await layout.readBlob(descriptor.digest, LARGEST_CONFIG);
    checkExpected(descriptor, { digest: descriptor.digest, size: data.length });
    return parseConfig(data);
  }

  /** A single manifest is taken whatever it is for; the client is told. */
  #checkPlatform({ os, architecture, variant }: ImageConfig): void {
    const want = this.#options.platform;
    const have = { os, architecture, ...(variant && { variant }) };
    if (os !== "" && os !== "linux") throw new EngineError("invalid", `image operating system "${os}" cannot be used on this platform: operating system is not supported`); // oxfmt-ignore
    if (want && architecture !== "" && !matchesPlatform(have, want))
      this.#say({
        status: `WARNING: image with reference ${familiarReference(this.#reference)} was found but its platform (${platformText(have)}) does not match the specified platform (${platformText(want)})`,
      });
  }

  async #layers(layers: readonly ImageLayer[]): Promise<void> {
    const known = await Promise.all(layers.map((layer) => this.#isHere(layer)));
    if (known.every(Boolean)) return;
    const progress = layers.map(({ descriptor }) => new LayerProgress(this.#options.progress, descriptor.digest.slice(7, 19)));
    progress.forEach((each, i) => each.status(known[i] ? "Already exists" : "Pulling fs layer"));
    let parent: Digest | null = null;
    let before: Promise<unknown> = Promise.resolve();
    const work = layers.map(async (layer, i): Promise<void> => {
      if (known[i]) return void (parent = layer.chainId);
      const blob = this.#download(layer, progress[i]!);
      const applied = this.#apply(layer, parent, { blob, progress: progress[i]! });
      parent = layer.chainId;
      // Docker tells of a layer as complete only when those below it are.
      const previous = before;
      before = applied.then(async () => previous);
      await before;
      progress[i]!.status("Pull complete");
    });
    for (const each of work) each.catch((error: unknown) => this.#stop.abort(error));
    const failed = (await Promise.allSettled(work)).find((each) => each.status === "rejected");
    if (failed) throw this.#options.signal?.aborted ? this.#options.signal.reason : (this.#stop.signal.reason ?? failed.reason);
  }

  async #isHere({ chainId, descriptor }: ImageLayer): Promise<boolean> {
    this.#lease.add(chainId, descriptor.digest);
    const [layer, size] = await Promise.all([this.#store.snapshots.layer(chainId), this.#store.layout.blobSize(descriptor.digest)]);
    return layer !== undefined && size === descriptor.size;
  }

  async #apply(layer: ImageLayer, parent: Digest | null, { blob, progress }: { blob: Blob; progress: LayerProgress }): Promise<Layer> {
    const { size } = layer.descriptor;
    let isHere = false;
    const told = blob.whole.then(() => (isHere = true)).catch(() => undefined);
    const options = { signal: this.#signal, progress: (bytes: number) => isHere && progress.bytes("Extracting", bytes, size) };
    const applied = this.#store.snapshots.apply(blob, layer.diffId, parent, options);
    // A blob that is damaged, or did not come, is why it could not be unpacked. It has to come also where the layer is there.
    const [layerDone, blobDone] = await Promise.allSettled([applied, blob.whole]);
    await told;
    if (blobDone.status === "rejected") throw blobDone.reason;
    if (layerDone.status === "rejected") throw layerDone.reason;
    return layerDone.value;
  }

  /** Begins a download; it goes on while the layer is unpacked behind it. */
  #download(layer: ImageLayer, progress: LayerProgress): Blob {
    const begun = Promise.withResolvers<BlobFile>();
    const whole = this.#bring(layer, progress, (arrival) => begun.resolve(arrival));
    whole.then(begun.resolve, begun.reject);
    // At once, before a layer above fails because this one did.
    whole.catch((error: unknown) => this.#stop.abort(error));
    // Unpacking may have no use for it any more.
    begun.promise.catch(() => undefined);
    return { begun: begun.promise, whole };
  }

  async #bring({ descriptor }: ImageLayer, progress: LayerProgress, begun: (arrival: BlobFile) => void): Promise<BlobFile> {
    const { layout } = this.#store;
    await this.#enter(progress);
    try {
      this.#signal.throwIfAborted();
      await download(layout, this.#client, descriptor, {
        signal: this.#signal,
        begun,
        progress: (bytes) => progress.bytes("Downloading", bytes, descriptor.size),
        verifying: () => progress.status("Verifying Checksum"),
      });
    } finally {
      this.#leave();
    }
    progress.status("Download complete");
    return { path: layout.blobPath(descriptor.digest) };
  }

  async #enter(progress: LayerProgress): Promise<void> {
    if (this.#slots > 0) {
      this.#slots--;
      return;
    }
    progress.status("Waiting");
    await new Promise<void>((go) => this.#waiting.push(go));
  }

  #leave(): void {
    const next = this.#waiting.shift();
    if (next) next();
    else this.#slots++;
  }
}
