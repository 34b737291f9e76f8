/**
 * Indexes: one name for an image of several platforms. An index is kept byte for byte with whatever of its content is here;
 * a pull brings one platform, an archive may bring all. What is no image (attestations, artifacts) is kept and not looked into.
 */
import { EngineError } from "../errors.ts";
import type { Digest } from "../layers/snapshots.ts";
import { familiarReference } from "../syntax/reference.ts";
import type { Reference } from "../syntax/reference.ts";
import type { Descriptor, Image, Platform } from "./images.ts";
import type { Layout } from "./layout.ts";
import { LARGEST_MANIFEST, parseManifest } from "./manifest.ts";
import { choosePlatform, matchesPlatform, platformText } from "./platform.ts";

const DEEPEST_INDEX = 3;

export interface IndexContent {
  readonly descriptor: Descriptor;
  /** Manifests and indexes below this one that are here, children before their parents. */
  readonly manifests: readonly Descriptor[];
  /** Configs, layers and whatever else the manifests name, as far as it is here. */
  readonly blobs: readonly Descriptor[];
  /** Whether everything that the index promises is here. */
  readonly isWhole: boolean;
}

/** What of an index is in the layout. @throws {EngineError} when the index itself is missing or damaged */
export async function readIndexContent(layout: Layout, digest: Digest): Promise<IndexContent> {
  const walk = new Walk(layout);
  const data = await layout.readBlob(digest, LARGEST_MANIFEST);
  const { mediaType } = parseManifest(data);
  const descriptor: Descriptor = { mediaType, digest, size: data.length };
  await walk.inside(descriptor, 0);
  return { descriptor, manifests: walk.manifests, blobs: [...walk.blobs.values()], isWhole: walk.isWhole };
}

/** Every digest that goes with the index. */
export function digestsOf({ descriptor, manifests, blobs }: IndexContent): Digest[] {
  return [descriptor, ...manifests, ...blobs].map(({ digest }) => digest);
}

/**
 * The manifest of what a name stands for that is for `platform`.
 * @throws {EngineError} not-found when it is not here, in Docker's words
 */
export async function choosePlatformManifest({ layout, catalog }: Places, named: Named, platform: Platform): Promise<Descriptor> {
  const { os, architecture, variant } = catalog.need(named.id).config;
  const own = { os, architecture, ...(variant && { variant }) };
  if (matchesPlatform(own, platform)) return named.manifest;
  const content = named.index === undefined ? undefined : await readIndexContent(layout, named.index);
  const found = content && choosePlatform(content.manifests, platform);
  if (found) return found;
  const name = named.reference ? familiarReference(named.reference) : named.id;
  throw new EngineError(
    "not-found",
    `image with reference ${name} was found but its platform (${platformText(own)}) does not match the specified platform (${platformText(platform)})`,
  );
}

interface Places {
  readonly layout: Layout;
  readonly catalog: { need(id: Digest): Image };
}

interface Named {
  readonly id: Digest;
  readonly manifest: Descriptor;
  readonly index?: Digest;
  readonly reference?: Reference;
}

class Walk {
  readonly manifests: Descriptor[] = [];
  readonly blobs = new Map<Digest, Descriptor>();
  isWhole = true;
  readonly #layout: Layout;
  readonly #seen = new Set<Digest>();

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  async inside(descriptor: Descriptor, depth: number): Promise<void> {
    const data = await this.#layout.readBlob(descriptor.digest, LARGEST_MANIFEST);
    const document = parseManifest(data, descriptor.mediaType);
    const parts = "manifests" in document ? document.manifests : [document.config, ...document.layers];
    for (const part of parts)
      if ("manifests" in document && depth < DEEPEST_INDEX) await this.#manifest(part, depth);
      else if (await this.#isHere(part)) this.blobs.set(part.digest, part);
  }

  async #manifest(descriptor: Descriptor, depth: number): Promise<void> {
    if (this.#seen.has(descriptor.digest) || !(await this.#isHere(descriptor))) return;
    this.#seen.add(descriptor.digest);
    // A document of a kind that nobody here knows is one blob.
    await this.inside(descriptor, depth + 1).catch(() => undefined);
    this.manifests.push(descriptor);
  }

  async #isHere({ digest, size }: Descriptor): Promise<boolean> {
    const isHere = (await this.#layout.blobSize(digest)) === size;
    this.isWhole &&= isHere;
    return isHere;
  }
}
