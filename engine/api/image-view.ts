/** From an image of the store to what Docker's API shows of it. */
import type { Image } from "../images/images.ts";
import { timeNs } from "./duration.ts";
import type { ImageHistoryItem, ImageInspect, ImageSummary } from "./types/image.ts";

function createdSeconds({ config }: Image): number {
  const seconds = Math.trunc(Date.parse(config.created ?? "") / 1000);
  return Number.isNaN(seconds) ? 0 : seconds;
}

export function newestImagesFirst(images: readonly Image[]): Image[] {
  const times = new Map(images.map(({ id, config }) => [id, timeNs(config.created ?? "")]));
  return images.toSorted((a, b) => Number(times.get(b.id)! - times.get(a.id)!));
}

/** One element of `GET /images/json`; counts that nobody asked for are -1. */
export function summarizeImage(image: Image, more: { version: number; repoTags?: readonly string[] }): ImageSummary {
  const tags = [...(more.repoTags ?? image.repoTags)];
  const digests = [...image.repoDigests];
  // Before API 1.43 an image without a name had a name that said so.
  const unnamed = more.version < 43 && tags.length === 0;
  return {
    Containers: -1,
    Created: createdSeconds(image),
    Id: image.id,
    Labels: image.config.config?.Labels ?? null,
    ParentId: "",
    RepoDigests: unnamed && digests.length === 0 ? ["<none>@<none>"] : digests,
    RepoTags: unnamed ? ["<none>:<none>"] : tags,
    SharedSize: -1,
    Size: image.sizeBytes,
    ...(more.version < 44 && { VirtualSize: image.sizeBytes }),
  };
}

/** `GET /images/{name}/json`. */
export function inspectImage(image: Image, version: number): ImageInspect {
  const { config } = image;
  return {
    Id: image.id,
    RepoTags: [...image.repoTags],
    RepoDigests: [...image.repoDigests],
    Parent: "",
    Comment: config.comment ?? config.history?.at(-1)?.comment ?? "",
    ...(config.created !== undefined && { Created: config.created }),
    DockerVersion: "",
    Author: config.author ?? "",
    Architecture: config.architecture,
    ...(config.variant !== undefined && { Variant: config.variant }),
    Os: config.os,
    Size: image.sizeBytes,
    ...(version < 44 && { VirtualSize: image.sizeBytes }),
    GraphDriver: { Data: null, Name: "overlay2" },
    RootFS: { Type: "layers", Layers: image.layers.map(({ diffId }) => diffId) },
    Metadata: { LastTagTime: image.lastTaggedMs > 0 ? new Date(image.lastTaggedMs).toISOString() : "0001-01-01T00:00:00Z" },
    Config: {
      Cmd: null,
      Entrypoint: null,
      Env: null,
      Labels: null,
      OnBuild: null,
      User: "",
      Volumes: null,
      WorkingDir: "",
      ...config.config,
    },
  };
}

/**
 * `GET /images/{name}/history`, newest first; an image whose history says less than it has layers gets a line for each.
 * @param layerSizes bytes of each layer, from the bottom
 */
export function historyOf(image: Image, layerSizes: readonly number[]): ImageHistoryItem[] {
  const entries = image.config.history ?? [];
  const missing = image.layers.length - entries.filter((entry) => !entry.empty_layer).length;
  const whole = [...entries, ...Array.from({ length: Math.max(0, missing) }, () => ({ created: image.config.created ?? "" }))];
  let layer = 0;
  const items = whole.map((entry): ImageHistoryItem => {
    const seconds = Math.trunc(Date.parse(entry.created ?? "") / 1000);
    return {
      Comment: ("comment" in entry && entry.comment) || "",
      Created: Number.isNaN(seconds) ? 0 : seconds,
      CreatedBy: ("created_by" in entry && entry.created_by) || "",
      Id: "<missing>",
      Size: "empty_layer" in entry && entry.empty_layer ? 0 : (layerSizes[layer++] ?? 0),
      Tags: null,
    };
  });
  const newest = items.at(-1) ?? { Comment: "", Created: createdSeconds(image), CreatedBy: "", Id: "", Size: 0, Tags: null };
  if (items.length === 0) items.push(newest);
  newest.Id = image.id;
  newest.Tags = image.repoTags.length > 0 ? [...image.repoTags] : null;
  return items.toReversed();
}
