import type { ImageSummary } from "../../api/types/image.ts";
import { command } from "../cli.ts";
import { FORMAT_HELP, formatRows, shortId } from "../format.ts";
import type { Row } from "../format.ts";
import { bool, filter, text } from "../flags.ts";
import { imageTree } from "./images-tree.ts";
import { formatTime } from "../time.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";

const HEADERS = {
  ID: "IMAGE ID",
  Repository: "REPOSITORY",
  Tag: "TAG",
  Digest: "DIGEST",
  CreatedSince: "CREATED",
  CreatedAt: "CREATED AT",
  Size: "SIZE",
  Containers: "CONTAINERS",
  VirtualSize: "SIZE",
  SharedSize: "SHARED SIZE",
  UniqueSize: "UNIQUE SIZE",
};

export const images = command({
  usage: "[OPTIONS] [REPOSITORY[:TAG]]",
  arity: [0, 1],
  flags: {
    all: bool("Show all images (default hides intermediate images)", { short: "a" }),
    digests: bool("Show digests"),
    filter: filter("Filter output based on conditions provided", { short: "f" }),
    format: text(FORMAT_HELP),
    "no-trunc": bool("Don't truncate output"),
    quiet: bool("Only show image IDs", { short: "q" }),
    tree: bool("List multi-platform images as a tree (EXPERIMENTAL)"),
  },
  async run(cli, { args, flags }) {
    const client = await cli.client();
    const filters = args[0] ? { ...flags.filter, reference: [...(flags.filter["reference"] ?? []), args[0]] } : flags.filter;
    const found = await client.images.list({ all: flags.all, filters, signal: cli.signal });
    if (flags.tree) return imageTree(found, flags).forEach((line) => cli.print(line));
    const format = flags.format || (flags.quiet ? "" : ((await cli.settings()).file.imagesFormat ?? ""));
    const options = { now: cli.now(), full: flags["no-trunc"], digests: flags.digests || format.includes("{{.Digest}}") };
    const rows = found.toSorted((a, b) => b.Created - a.Created).flatMap((image) => imageRows(image, options));
    const digest = flags.digests ? "{{.Digest}}\t" : "";
    const table = flags.quiet ? "{{.ID}}" : `table {{.Repository}}\t{{.Tag}}\t${digest}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`;
    const raw = flags.quiet ? "image_id: {{.ID}}" : rawImage(flags.digests);
    cli.out(formatRows(rows, { format, table, raw, headers: HEADERS, type: "*formatter.imageContext" }));
  },
});

function rawImage(digests: boolean): string {
  return `repository: {{.Repository}}
tag: {{.Tag}}
${digests ? "digest: {{.Digest}}\n" : ""}image_id: {{.ID}}
created_at: {{.CreatedAt}}
virtual_size: {{.Size}}
`;
}

export interface ImageRowOptions {
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Ids in full. */
  readonly full: boolean;
  /** A row for each digest. */
  readonly digests: boolean;
}

/** An image as lists show it: a row for each of its names. */
export function imageRows(image: ImageSummary, options: ImageRowOptions): Row[] {
  return namesOf(image, options.digests).map((name) => imageRow(image, name, options));
}

interface Name {
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
}

const NONE = "<none>";

function namesOf({ RepoTags, RepoDigests }: ImageSummary, digests: boolean): Name[] {
  const tags = (RepoTags ?? []).filter((tag) => tag !== `${NONE}:${NONE}`);
  const split = (RepoDigests ?? []).filter((digest) => !digest.startsWith(NONE)).map((digest) => digest.split("@") as [string, string]);
  if (tags.length === 0 && split.length === 0) return [{ repository: NONE, tag: NONE, digest: NONE }];
  const repositories = [...new Set([...tags.map(repositoryOf), ...split.map(([repository]) => repository)])];
  return repositories.flatMap((repository) => {
    const own = tags
      .filter((tag) => repositoryOf(tag) === repository)
      .map((tag) => tag.slice(repository.length + 1))
      .toSorted();
    const hashes = split.filter(([name]) => name === repository).map(([, hash]) => hash);
    if (own.length === 0)
      return hashes.map((digest) => ({ repository, tag: NONE, digest: digests ? digest : NONE })).slice(0, digests ? undefined : 1);
    if (!digests || hashes.length === 0) return own.map((tag) => ({ repository, tag, digest: NONE }));
    return own.flatMap((tag) => hashes.map((digest) => ({ repository, tag, digest })));
  });
}

function repositoryOf(tag: string): string {
  return tag.slice(0, tag.lastIndexOf(":"));
}

function imageRow(image: ImageSummary, name: Name, { now, full }: ImageRowOptions): Row {
  const unknown = (value: number | undefined, text: string): string => (value === undefined || value < 0 ? "N/A" : text);
  return {
    ID: full ? image.Id : shortId(image.Id),
    Repository: name.repository,
    Tag: name.tag,
    Digest: name.digest,
    CreatedSince: `${humanDuration(now - image.Created * 1000)} ago`,
    CreatedAt: formatTime(image.Created * 1000),
    Size: humanSize(image.Size, 3),
    Containers: unknown(image.Containers, String(image.Containers)),
    VirtualSize: humanSize(image.Size),
    SharedSize: unknown(image.SharedSize, humanSize(image.SharedSize)),
    UniqueSize: unknown(image.SharedSize, humanSize(image.Size - image.SharedSize)),
  };
}
