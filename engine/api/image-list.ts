/**
 * Which images a set of filters means, and how the sizes of images add up.
 * @see https://github.com/moby/moby/blob/v28.5.2/daemon/images/images.go
 */
import type { Image } from "../images/images.ts";
import type { Digest } from "../layers/snapshots.ts";
import { parseMoment, timeNs } from "./duration.ts";
import type { Filters } from "./filters.ts";
import type { Services } from "./services.ts";
import { matchesPattern } from "./tag-pattern.ts";

export const IMAGE_FILTERS = ["dangling", "label", "label!", "before", "since", "reference", "until"] as const;

export interface SelectedImage {
  readonly image: Image;
  /** Its names, only those asked for when the filter is on names. */
  readonly repoTags: readonly string[];
}

/** @throws {EngineError} not-found for `before` or `since` an image that is not there */
export async function selectImages({ images }: Services, filters: Filters): Promise<SelectedImage[]> {
  const created = async (name: string): Promise<bigint | undefined> => {
    const value = filters.single(name);
    return value === undefined ? undefined : timeNs((await images.get(value)).config.created ?? "");
  };
  const [before, since, until] = [await created("before"), await created("since"), parseMoment(filters.single("until") ?? "", "until")];
  const dangling = filters.flag("dangling");
  const selected: SelectedImage[] = [];
  for (const image of await images.list()) {
    const time = timeNs(image.config.created ?? "");
    if (before !== undefined && time >= before) continue;
    if (since !== undefined && time <= since) continue;
    if (until !== undefined && time > until) continue;
    if (dangling !== undefined && dangling !== (image.repoTags.length === 0)) continue;
    if (!filters.labels(image.config.config?.Labels)) continue;
    const repoTags = matchingTags(image, filters);
    if (repoTags) selected.push({ image, repoTags });
  }
  return selected;
}

function matchingTags(image: Image, filters: Filters): readonly string[] | undefined {
  if (!filters.has("reference")) return image.repoTags;
  const patterns = filters.get("reference");
  const matches = (name: string): boolean => patterns.some((pattern) => matchesPattern(pattern, name));
  const tags = image.repoTags.filter(matches);
  return tags.length > 0 || image.repoDigests.some(matches) ? tags : undefined;
}

/** Bytes of every layer that one of these images has, each once. */
export async function layerSizes({ layers }: Services, images: readonly Image[]): Promise<Map<Digest, number>> {
  const chainIds = new Set(images.flatMap((image) => image.layers.map(({ chainId }) => chainId)));
  const sizes = await Promise.all([...chainIds].map(async (id) => [id, (await layers.layer(id))?.sizeBytes ?? 0] as const));
  return new Map(sizes);
}

/** Bytes of an image's layers that other images have too. */
export function sharedSize(image: Image, all: readonly Image[], sizes: ReadonlyMap<Digest, number>): number {
  const others = new Set(all.filter(({ id }) => id !== image.id).flatMap(({ layers }) => layers.map(({ chainId }) => chainId)));
  const shared = new Set(image.layers.map(({ chainId }) => chainId).filter((chainId) => others.has(chainId)));
  return sum([...shared].map((chainId) => sizes.get(chainId) ?? 0));
}

export function sum(numbers: Iterable<number>): number {
  let total = 0;
  for (const number of numbers) total += number;
  return total;
}
