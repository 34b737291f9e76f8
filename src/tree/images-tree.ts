/** The Images view: one row a tag, those of a repository together. */
import * as vscode from "vscode";
import type { ImageHistoryItem, ImageSummary } from "../../engine/api/types/image.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { imageUri } from "../files/uris.ts";
import type { ImageUpdates } from "../registries/updates.ts";
import { compareText } from "./arrange.ts";
import { filesNode } from "./files.ts";
import type { ShownImage } from "./image.ts";
import { formatSize, instructionOf, repositoryOf, showImage, tagOf } from "./image.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import { property } from "./node.ts";
import type { Node } from "./node.ts";
import { tooltip } from "./words.ts";

export interface ImageNode extends Node {
  readonly kind: "image";
  readonly image: ImageSummary;
  readonly shown: ShownImage;
}

export type ImagesTree = LiveTree<ImageNode>;

/** Tags by name, then what lost its tags. */
function byName({ shown: a }: ImageNode, { shown: b }: ImageNode): number {
  const untagged = (context: string): number => (context.startsWith("image;untagged") ? 1 : 0);
  return untagged(a.context) - untagged(b.context) || compareText(a.label, b.label);
}

export const imagesNoun = (updates: ImageUpdates): Noun<ImageNode> => ({
  name: "images",
  kind: "image",
  onDidChange: updates.onDidChange,
  concerns: ({ Type, Action }) =>
    Type === "image" || Type === "builder" || (Type === "container" && (Action === "create" || Action === "destroy")),
  list: async (client) => {
    const [images, containers] = await Promise.all([client.images.list(), client.containers.list({ all: true })]);
    const users = new Map<string, number>();
    for (const { ImageID } of containers) users.set(ImageID, (users.get(ImageID) ?? 0) + 1);
    return images.flatMap((image) =>
      showImage(image, users.get(image.Id) ?? 0, (tag) => updates.isNewer(image, tag)).map((shown) => imageNode(image, shown)),
    );
  },
  orders: {
    name: byName,
    size: (a, b) => b.image.Size - a.image.Size || byName(a, b),
    created: (a, b) => b.image.Created - a.image.Created || byName(a, b),
  },
  groups: {
    repository: ({ shown }) => repositoryOf(shown),
    inUse: ({ shown }) => (/;used/.test(shown.context) ? vscode.l10n.t("used") : vscode.l10n.t("unused")),
  },
  label: ({ image }, label) => image.Labels?.[label],
  group: (by) => ({
    icon: { id: "archive" },
    context: "repository",
    ...(by === "repository" ? { within: (node) => ({ ...node, shown: { ...node.shown, short: tagOf(node.shown) } }) } : {}),
  }),
  hidden: ({ shown }) => /^image;untagged(?!.*;used)/.test(shown.context),
});

function imageNode(image: ImageSummary, shown: ShownImage): ImageNode {
  return {
    kind: "image",
    image,
    shown,
    children: (client) => layers(shown.id, image, client),
    tooltip: () =>
      tooltip(shown.label, "", [
        [vscode.l10n.t("Id"), image.Id.replace(/^sha256:/, "").slice(0, 12)],
        [vscode.l10n.t("Size"), formatSize(image.Size)],
        [vscode.l10n.t("Created"), new Date(image.Created * 1000).toLocaleString()],
        ...image.RepoTags.filter((tag) => tag !== shown.label).map((tag) => [vscode.l10n.t("Also"), tag] as const),
        ...image.RepoDigests.map((digest) => [vscode.l10n.t("Digest"), digest] as const),
      ]),
  };
}

/** What the image is made of, the last instruction first; those that made a layer can be opened. */
async function layers(id: string, image: ImageSummary, client: DockerClient | undefined): Promise<Node[]> {
  const [history, { RootFS }] = client
    ? await Promise.all([client.images.history(image.Id), client.images.inspect(image.Id)])
    : [[] as ImageHistoryItem[], { RootFS: { Layers: [] as string[] } }];
  let layer = RootFS.Layers.length + 1;
  const rows = history.map(({ CreatedBy, Size, Comment }, index) => {
    // An instruction that added nothing has no layer: sizes tell, as the API does not.
    const made = Size > 0 && layer > 1;
    if (made) layer -= 1;
    const label = instructionOf(CreatedBy) || Comment || vscode.l10n.t("layer");
    const of = layer;
    const open = { command: "berth.image.explore", title: vscode.l10n.t("Explore Layers"), arguments: [image.Id, of] };
    return property(`${id} layer ${index}`, label, {
      icon: { id: made ? "layers" : "circle-small" },
      description: made ? formatSize(Size) : "",
      context: made ? "layer" : "instruction",
      ...(made ? { open } : {}),
    });
  });
  return [filesNode(`${id} files`, imageUri(image.Id, undefined, "/")), ...rows];
}
