/** The Image panel: layers with their instruction and their files, and what is in the image twice. */
import * as vscode from "vscode";
import type { ImageHistoryItem } from "../../engine/api/types/image.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { FromImagePage, ImageState, LayerFile, LayerRow, ToImagePage } from "../../webviews/protocol.ts";
import type { Context } from "../context.ts";
import { imageUri } from "../files/uris.ts";
import { instructionOf } from "../tree/image.ts";
import { efficiencyOf } from "./efficiency.ts";
import { showPage } from "./page.ts";
import type { Page } from "./page.ts";

/** More rows of a layer are of no use in a list. */
const MOST_FILES = 5000;

export const imagePage: Page<ImageState, ToImagePage, FromImagePage> = {
  name: "image",
  icon: "image",
  title: ({ name }) => vscode.l10n.t("Image: {0}", name),
  key: ({ id }) => id,
  serve: async (context, { id, name }, { say, onMessage, signal }) => {
    onMessage((message) => {
      if (message.type === "open")
        void openFile(context, id, message).then(undefined, (error: Error) => vscode.window.showErrorMessage(error.message));
    });
    const client = await context.engine.client();
    const history = await client.images.history(id, { signal }).catch((error: unknown) => {
      throw isStatus(error, 404) ? new Error(vscode.l10n.t("{0} is no longer there: the image was removed", name)) : error;
    });
    const layers = await client.files.layers(id, { signal }).catch((error: unknown) => {
      if (!isStatus(error, 404)) throw error;
    });
    if (!layers) return void say({ type: "layers", ...withoutFiles(history) });
    // History has lines that made no layer; sizes cannot tell an empty layer from none, so the engine says which is which.
    const instructions = history.toReversed().map(({ CreatedBy, Comment }) => instructionOf(CreatedBy) || Comment);
    const rows = layers.map(({ historyIndex, sizeBytes, files }, index): LayerRow => ({
      number: index + 1,
      instruction: (historyIndex === undefined ? undefined : instructions[historyIndex]) || vscode.l10n.t("Layer {0}", index + 1),
      sizeBytes,
      files: files.slice(0, MOST_FILES),
      more: Math.max(files.length - MOST_FILES, 0),
    }));
    say({ type: "layers", layers: rows, ...efficiencyOf(layers.map(({ files }) => files)) });
  },
};

/** Of an engine of others: what made the layers that hold something, and their sizes. */
function withoutFiles(history: readonly ImageHistoryItem[]): Omit<Extract<ToImagePage, { type: "layers" }>, "type"> {
  const layers = history
    .toReversed()
    .filter(({ Size }) => Size > 0)
    .map(({ CreatedBy, Comment, Size }, index): LayerRow => {
      const instruction = instructionOf(CreatedBy) || Comment || vscode.l10n.t("Layer {0}", index + 1);
      return { number: index + 1, instruction, sizeBytes: Size, files: [], more: 0 };
    });
  const without = vscode.l10n.t("Only Berth's own engine shows which files are in layers");
  return { layers, without, efficiency: 1, wastedBytes: 0, wasted: [] };
}

/** What was added opens, what was changed is compared with the layer below, and what was removed is shown as it was. */
async function openFile(
  context: Context,
  id: string,
  { layer, path, kind }: { layer: number; path: string; kind: LayerFile["kind"] },
): Promise<void> {
  // Of an image that has gone the engine says so; its files would only be missing.
  await (await context.engine.client()).images.inspect(id);
  const [before, after] = [imageUri(id, layer - 1, path), imageUri(id, layer, path)];
  if ((await vscode.workspace.fs.stat(kind === "removed" ? before : after)).type & vscode.FileType.Directory)
    return void vscode.window.showInformationMessage(vscode.l10n.t("{0} is a directory", path));
  if (kind === "changed") await vscode.commands.executeCommand("vscode.diff", before, after, `${path} (${layer - 1} ↔ ${layer})`);
  else await vscode.commands.executeCommand("vscode.open", kind === "removed" ? before : after);
}

export function openImagePanel(context: Context, state: ImageState): void {
  showPage(context, imagePage, state);
}
