/** Files dragged onto a row are copied there; a file's row can be dragged into an editor. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { containerName } from "../tree/container.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { Node } from "../tree/node.ts";
import type { ViewName } from "../tree/trees.ts";
import type { VolumeNode } from "../tree/volumes-tree.ts";
import { containerUri, volumeUri } from "./uris.ts";

const URI_LIST = "text/uri-list";

export class FileDrops implements vscode.TreeDragAndDropController<Node> {
  readonly dropMimeTypes = [URI_LIST];
  readonly dragMimeTypes = [URI_LIST];
  readonly #context: Context;
  readonly #view: ViewName;

  constructor(context: Context, view: ViewName) {
    this.#context = context;
    this.#view = view;
  }

  handleDrag(nodes: readonly Node[], data: vscode.DataTransfer): void {
    const uris = nodes.flatMap(({ uri }) => (uri ? [uri.toString()] : []));
    if (uris.length > 0) data.set(URI_LIST, new vscode.DataTransferItem(uris.join("\r\n")));
  }

  async handleDrop(target: Node | undefined, data: vscode.DataTransfer): Promise<void> {
    const folder = target && folderOf(target);
    const list = await data.get(URI_LIST)?.asString();
    if (!folder || !list) return;
    const files = list
      .split(/\r?\n/)
      .filter(Boolean)
      .map((text) => vscode.Uri.parse(text, true));
    try {
      const { upload } = await import("./transfer.ts");
      await upload(files, folder);
      this.#context[this.#view].refresh();
    } catch (error) {
      void vscode.window.showErrorMessage((error as Error).message);
    }
  }
}

/** Where files go that are dropped on a row. */
export function folderOf(node: Node): vscode.Uri | undefined {
  if (node.kind === "container") return containerUri(containerName((node as ContainerNode).container), "/");
  if (node.kind === "volume") return volumeUri((node as VolumeNode).volume.Name, "/");
  if (!node.uri) return undefined;
  return node.shown.context === "file" ? vscode.Uri.joinPath(node.uri, "..") : node.uri;
}
