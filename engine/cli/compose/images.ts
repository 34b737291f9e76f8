import { isStatus } from "../../client/errors.ts";
import { nameOf } from "../../compose/observe.ts";
import { familiarReference, parseReference, withDefaultTag } from "../../syntax/reference.ts";
import { bool, text } from "../flags.ts";
import { shortId } from "../format.ts";
import { humanDuration } from "../../syntax/duration.ts";
import { humanSize } from "../../syntax/size.ts";
import { composeCommand } from "./compose.ts";
import type { Compose } from "./compose.ts";
import { scene } from "./life.ts";
import { byText, wideTable } from "./table.ts";

interface ImageRow {
  ID: string;
  ContainerName: string;
  Repository: string;
  Tag: string;
  Platform: string;
  Size: number;
  LastTagTime?: string;
}

export const images = composeCommand({
  usage: "[OPTIONS] [SERVICE...]",
  arity: [0, Infinity],
  flags: {
    format: text("Format the output. Values: [table | json]", { initial: "table" }),
    quiet: bool("Only display IDs", { short: "q" }),
  },
  async run(compose, { args, flags }) {
    const { containers } = await scene(compose, args);
    const rows = await Promise.all(containers.map((one) => imageRow(compose, { id: one.ImageID, name: nameOf(one), image: one.Image })));
    rows.sort((a, b) => byText(a.ContainerName, b.ContainerName));
    if (flags.quiet) return [...new Set(rows.map(({ ID }) => shortIdOf(ID)))].forEach((id) => compose.cli.print(id));
    if (flags.format === "json") return compose.cli.print(`${JSON.stringify(rows)}\n`);
    const cells = rows.map((row) => [
      row.ContainerName,
      row.Repository,
      row.Tag,
      row.Platform,
      shortId(row.ID),
      humanSize(row.Size, 3),
      row.LastTagTime ? `${humanDuration(compose.cli.now() - Date.parse(row.LastTagTime))} ago` : "N/A",
    ]);
    compose.cli.out(wideTable(["CONTAINER", "REPOSITORY", "TAG", "PLATFORM", "IMAGE ID", "SIZE", "CREATED"], cells));
  },
});

function shortIdOf(id: string): string {
  return id.replace(/^sha256:/, "");
}

/** As Go writes times: without zeros at the end of the fraction. */
function goTime(text: string): string {
  return text.replace(/(\.\d*?)0+Z$/, "$1Z").replace(".Z", "Z");
}

async function imageRow(compose: Compose, container: { id: string; name: string; image: string }): Promise<ImageRow> {
  const client = await compose.client();
  const image = await client.images.inspect(container.id, { signal: compose.signal }).catch((error: unknown) => {
    if (!isStatus(error, 404)) throw error;
    return undefined;
  });
  const parsed = parseReference(container.image);
  const name = "reference" in parsed ? familiarReference(withDefaultTag(parsed.reference)) : "";
  const found = image?.RepoTags?.find((tag) => tag === name) ?? image?.RepoTags?.[0] ?? "";
  const colon = found.lastIndexOf(":");
  const platform = image ? [image.Os, image.Architecture, (image as { Variant?: string }).Variant].filter(Boolean).join("/") : "";
  return {
    ID: container.id,
    ContainerName: container.name,
    Repository: colon > 0 ? found.slice(0, colon) : "<none>",
    Tag: colon > 0 ? found.slice(colon + 1) : "<none>",
    Platform: platform,
    Size: image?.Size ?? 0,
    ...(image?.Metadata?.LastTagTime ? { LastTagTime: goTime(image.Metadata.LastTagTime) } : {}),
  };
}
