/** `images --tree`, in docker's columns. */
import type { ImageSummary } from "../../api/types/image.ts";
import { shortId } from "../format.ts";
import { humanSize } from "../../syntax/size.ts";

const GAP = "   ";
const COLUMNS = ["ID          ", "DISK USAGE", "CONTENT SIZE", "EXTRA"];
const LEGEND = "Info ->  U In Use ";

/** Lines; an image with several names has them above each other, and its numbers beside the last. Dangling ones are left to `--all`. */
export function imageTree(found: readonly ImageSummary[], { all }: { all: boolean }): string[] {
  const shown = all ? found : found.filter((image) => !isDangling(image));
  const images = shown.toSorted((a, b) => b.Created - a.Created).map((image) => ({ image, names: namesOf(image) }));
  const width = Math.max("IMAGE".length, ...images.flatMap(({ names }) => names.map(({ length }) => length)));
  const header = ["IMAGE".padEnd(width), ...COLUMNS].join(GAP);
  const rows = images.flatMap(({ image, names }) => [...names.slice(0, -1), row(image, names.at(-1)!.padEnd(width))]);
  return [LEGEND.padStart(header.length), "", header, ...rows];
}

function isDangling({ RepoTags, RepoDigests }: ImageSummary): boolean {
  return !RepoTags?.length && !RepoDigests?.length;
}

/** The longest first, as docker has them. */
function namesOf({ RepoTags }: ImageSummary): string[] {
  return RepoTags && RepoTags.length > 0 ? RepoTags.toSorted((a, b) => b.length - a.length) : ["<untagged>"];
}

function row({ Id, Size, Containers }: ImageSummary, name: string): string {
  // What an engine keeps compressed beside the unpacked image is not told by its list.
  const cells = [shortId(Id), humanSize(Size, 3).padStart(10), "0B".padStart(12), (Containers > 0 ? "  U" : "").padEnd(5)];
  return [name, ...cells].join(GAP);
}
