/** The Images view. */
import * as vscode from "vscode";
import type { ImageSummary } from "../../engine/api/types/image.ts";
import type { Engine } from "../engine/engine.ts";
import type { ShownImage } from "./image.ts";
import { formatSize, showImage } from "./image.ts";
import { LiveTree } from "./live-tree.ts";

export interface ImageNode {
  readonly image: ImageSummary;
  readonly shown: ShownImage;
}

export type ImagesTree = LiveTree<ImageNode>;

export function imagesTree(engine: Engine, log: vscode.LogOutputChannel): ImagesTree {
  return new LiveTree(engine, log, {
    concerns: ({ Type }) => Type === "image" || Type === "builder",
    list: async (client) => {
      const images = await client.images.list();
      return images.flatMap((image) => showImage(image).map((shown) => ({ image, shown }))).toSorted(byName);
    },
    tooltip,
  });
}

/** Tags by name, then what lost its tags. */
function byName({ shown: a }: ImageNode, { shown: b }: ImageNode): number {
  const untagged = (context: string): number => (context === "image;untagged" ? 1 : 0);
  return untagged(a.context) - untagged(b.context) || a.label.localeCompare(b.label, undefined, { numeric: true });
}

function tooltip({ image, shown }: ImageNode): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text.appendMarkdown("**").appendText(shown.label).appendMarkdown("**\n\n");
  const line = (title: string, value: string): void => void text.appendMarkdown(`${title}: `).appendText(value).appendMarkdown("  \n");
  line(vscode.l10n.t("Id"), image.Id.replace(/^sha256:/, "").slice(0, 12));
  line(vscode.l10n.t("Size"), formatSize(image.Size));
  line(vscode.l10n.t("Created"), new Date(image.Created * 1000).toLocaleString());
  for (const tag of image.RepoTags) if (tag !== shown.label) line(vscode.l10n.t("Also"), tag);
  for (const digest of image.RepoDigests) line(vscode.l10n.t("Digest"), digest);
  return text;
}
