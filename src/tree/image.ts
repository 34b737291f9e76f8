/**
 * How an image is shown: one row a tag, and one for an image that lost its tags.
 */
import type { ImageSummary } from "../../engine/api/types/image.ts";
import type { Shown } from "./container.ts";

export interface ShownImage extends Shown {
  /** What to give to the engine: the tag, else the image's id. */
  readonly reference: string;
}

/** Rows of one image, in the order of its tags. */
export function showImage(image: ImageSummary): ShownImage[] {
  const shortId = image.Id.replace(/^sha256:/, "").slice(0, 12);
  const size = formatSize(image.Size);
  const tags = image.RepoTags.filter((tag) => tag !== "<none>:<none>");
  if (tags.length === 0)
    return [
      {
        id: image.Id,
        reference: image.Id,
        label: shortId,
        description: `untagged · ${size}`,
        icon: { id: "package", color: "disabledForeground" },
        context: "image;untagged",
        spoken: `${shortId}, untagged image, ${size}`,
      },
    ];
  return tags.map((tag) => ({
    // The same image may carry many tags, and a tree needs a different id for each row.
    id: `${image.Id} ${tag}`,
    reference: tag,
    label: tag,
    description: size,
    icon: { id: "package" },
    context: "image;tagged",
    spoken: `${tag}, image, ${size}`,
  }));
}

/** As docker prints it: decimal units, three significant digits (`4.26MB`), with a space for reading. */
export function formatSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${Number(value.toPrecision(3))} ${units[unit]}`;
}
