/**
 * Results of other engines: what they are is read when the build begins, their layers come when a step needs them. What cannot
 * be read is warned about, and the build goes on without.
 */
import { EngineError } from "../errors.ts";
import type { BlobPlace } from "../images/blob-places.ts";
import { isIndex } from "../images/media-types.ts";
import { hostPlatform, matchesPlatform } from "../images/platform.ts";
import type { Descriptor } from "../images/images.ts";
import { chainIdOf } from "../layers/layer-store.ts";
import type { Digest } from "../layers/snapshots.ts";
import type { StepLayer } from "./cache.ts";
import { CACHE_CONFIG, INLINE_CACHE, readConfig, readInline } from "./cache-config.ts";
import type { ImportedLayer, ImportedResults } from "./cache-config.ts";
import type { CacheSource } from "./cache-options.ts";
import { loginFor } from "./login.ts";
import type { BuildRequest } from "./builder.ts";
import type { Prepared, Rooms } from "./rooms.ts";

/** A config with its records; far above what real ones have. */
const LARGEST = 64 << 20;

interface Imported {
  readonly name: string;
  readonly place: BlobPlace;
  readonly results: ImportedResults;
}

export class ImportedCache {
  readonly #rooms: Rooms;
  readonly #signal: AbortSignal;
  readonly #warn: (message: string) => void;
  readonly #sources: Imported[] = [];

  /** @param parts.warn told of sources that cannot be read */
  constructor(rooms: Rooms, { signal, warn }: { signal: AbortSignal; warn: (message: string) => void }) {
    this.#rooms = rooms;
    this.#signal = signal;
    this.#warn = warn;
  }

  async open(request: BuildRequest): Promise<void> {
    for (const source of request.cacheFrom ?? [])
      try {
        this.#sources.push(await this.#read(source, request));
      } catch (error) {
        this.#failed(source.type === "registry" ? source.reference : source.directory, error);
      }
  }

  #failed(name: string, error: unknown): void {
    this.#signal.throwIfAborted();
    this.#warn(`failed to import the cache of ${name}: ${error instanceof Error ? error.message : String(error)}`);
  }

  async #read(source: CacheSource, request: BuildRequest): Promise<Imported> {
    const where = source.type === "local" ? source : { ...source, push: false, auth: await loginFor(source.reference, request) };
    const place = await this.#rooms.images.place(where, this.#signal);
    try {
      return { name: source.type === "local" ? source.directory : source.reference, place, results: await readResults(place) };
    } catch (error) {
      await place.close();
      throw error;
    }
  }

  /** The layer for a key that has to stand on `parent`; it is in the cache then. Undefined when nobody has it. */
  async get(
    { key, linkKey }: Pick<Prepared, "key" | "linkKey">,
    { parent, description }: { parent: Digest | null; description: string },
  ): Promise<StepLayer | undefined> {
    for (const { name, place, results } of this.#sources) {
      const chain = results.get(key);
      const fits = chain && chainOver(chain.slice(0, -1)) === parent;
      const found = fits ? chain.at(-1) : linkKey === undefined ? undefined : results.get(linkKey)?.at(-1);
      if (!found) continue;
      try {
        const layer = await this.#bring(place, found, parent);
        await this.#rooms.cache.put(key, layer, description);
        return layer;
      } catch (error) {
        // What is announced and cannot be had is made here.
        this.#failed(name, error);
      }
    }
    return undefined;
  }

  /** What it stands on is here. */
  async #bring(place: BlobPlace, { descriptor, diffId, createdMs = Date.now() }: ImportedLayer, parent: Digest | null): Promise<StepLayer> {
    const blob = await place.bring(descriptor);
    const { chainId, sizeBytes } = await this.#rooms.snapshots.apply(blob, diffId, parent, { signal: this.#signal });
    return { diffId, chainId, parent, blob: descriptor, sizeBytes, createdMs };
  }

  async close(): Promise<void> {
    for (const { place } of this.#sources.splice(0)) await place.close();
  }
}

function chainOver(chain: readonly ImportedLayer[]): Digest | null {
  return chain.reduce<Digest | null>((parent, { diffId }) => chainIdOf(parent, diffId), null);
}

interface Document {
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
  readonly manifests?: readonly Descriptor[];
}

/** A cache of its own, as a manifest or as an index, or an image with its cache in its config. */
async function readResults(place: BlobPlace): Promise<ImportedResults> {
  const { data, mediaType } = await place.manifest();
  const document = JSON.parse(data.toString()) as Document;
  const listed = document.manifests?.find((each) => each.mediaType === CACHE_CONFIG);
  if (listed) return readConfig(await place.read(listed.digest, LARGEST));
  if (isIndex(mediaType) || document.manifests) return readOneOf(place, document.manifests ?? []);
  return readImage(place, document);
}

async function readOneOf(place: BlobPlace, manifests: readonly Descriptor[]): Promise<ImportedResults> {
  const own = manifests.find(({ platform }) => platform && matchesPlatform(platform, hostPlatform()));
  if (!own) throw new EngineError("not-found", "it has nothing for this platform");
  return readImage(place, JSON.parse((await place.read(own.digest, LARGEST)).toString()) as Document);
}

async function readImage(place: BlobPlace, { config, layers = [] }: Document): Promise<ImportedResults> {
  if (!config) throw new EngineError("invalid", "it is neither a build cache nor an image");
  const data = await place.read(config.digest, LARGEST);
  if (config.mediaType === CACHE_CONFIG) return readConfig(data);
  const image = JSON.parse(data.toString()) as { rootfs?: { diff_ids?: Digest[] }; [INLINE_CACHE]?: unknown };
  const inline = image[INLINE_CACHE];
  if (typeof inline !== "string")
    throw new EngineError("not-found", "the image was built without an inline cache (--cache-to type=inline)");
  const diffIds = image.rootfs?.diff_ids ?? [];
  return readInline(
    inline,
    layers.map((descriptor, place) => ({ descriptor, diffId: diffIds[place]! })),
  );
}
