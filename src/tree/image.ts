/**
 * How an image is shown: one row a tag, and one for an image that lost its tags.
 */
import type { ImageSummary } from "../../engine/api/types/image.ts";
import { t } from "../language/server/words.ts";
import type { Shown } from "./node.ts";

export interface ShownImage extends Shown {
  /** What to give to the engine: the tag, else the image's id. */
  readonly reference: string;
}

/** A longer name loses its registry: the end, where the tag is, would be cut off. */
const LONGEST = 40;

/** Rows of one image, in the order of its tags. @param users containers that are made of it. @param isNewer its registry has another one */
export function showImage(image: ImageSummary, users = 0, isNewer: (tag: string) => boolean = () => false): ShownImage[] {
  const shortId = image.Id.replace(/^sha256:/, "").slice(0, 12);
  const size = formatSize(image.Size);
  const tags = image.RepoTags.filter((tag) => tag !== "<none>:<none>");
  const use = users > 0 ? ";used" : "";
  const words = users > 0 ? [t("{0} in use", users)] : [];
  if (tags.length === 0)
    return [
      {
        id: image.Id,
        reference: image.Id,
        label: shortId,
        description: [t("untagged"), size, ...words].join(" · "),
        icon: { id: "package", color: "disabledForeground" },
        context: `image;untagged${use}`,
        spoken: [shortId, t("untagged image"), size, ...words].join(", "),
      },
    ];
  return tags.map((tag) => {
    const newer = isNewer(tag);
    const said = [size, ...words, ...(newer ? [t("newer in its registry")] : [])];
    return {
      // The same image may carry many tags, and a tree needs a different id for each row.
      id: `${image.Id} ${tag}`,
      reference: tag,
      label: tag,
      ...(tag.length > LONGEST ? { short: `…/${tag.slice(tag.lastIndexOf("/") + 1)}` } : {}),
      description: said.join(" · "),
      icon: newer
        ? { id: "cloud-download", color: "list.warningForeground" }
        : users > 0
          ? { id: "package", color: "charts.green" }
          : { id: "package" },
      context: `image;tagged${use}${newer ? ";newer" : ""}`,
      spoken: [tag, t("image"), ...said].join(", "),
    };
  });
}

/** `registry:5000/team/web` of `registry:5000/team/web:1`; undefined for an image without a tag. */
export function repositoryOf({ reference, context }: Pick<ShownImage, "reference" | "context">): string | undefined {
  return context.startsWith("image;untagged") ? "<none>" : reference.replace(/:[^:/]+$/, "").replace(/@.*/, "");
}

/** `1` of `registry:5000/team/web:1`, what a row below its repository says; undefined for an image without a tag. */
export function tagOf({ label, context }: Pick<ShownImage, "label" | "context">): string | undefined {
  return context.startsWith("image;untagged") ? undefined : label.slice(label.lastIndexOf(":") + 1);
}

/** `RUN apk add curl` of what history says of a layer, in the words of the Dockerfile. */
export function instructionOf(createdBy: string): string {
  const text = createdBy
    .replace(/^\/bin\/sh -c #\(nop\)\s*/, "")
    .replace(/\s*# buildkit\s*$/, "")
    .replace(/^\|\d+ .*?(?=\/bin\/sh -c )/, "");
  return text.replace(/^(RUN )?\/bin\/sh -c /, "RUN ").trim();
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
