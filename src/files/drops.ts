/** Files dragged onto a row are copied there; a file's row can be dragged into an editor. */
import * as vscode from "vscode";
import { showError } from "../commands/command.ts";
import type { Context } from "../context.ts";
import { containerName } from "../tree/container.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { Node } from "../tree/node.ts";
import type { ViewName } from "../tree/trees.ts";
import type { VolumeNode } from "../tree/volumes-tree.ts";
import { containerUri, volumeUri } from "./uris.ts";

const URI_LIST = "text/uri-list";
/** What is dragged into a browser's window has no address, only content. */
const FILES = "files";

export class FileDrops implements vscode.TreeDragAndDropController<Node> {
  readonly dropMimeTypes = [URI_LIST, FILES];
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
    if (!folder) return;
    const list = (await data.get(URI_LIST)?.asString()) ?? "";
    const uris = list
      .split(/\r?\n/)
      .filter(Boolean)
      .map((text) => vscode.Uri.parse(text, true));
    const contents = uris.length > 0 ? [] : [...data].flatMap(([, item]) => item.asFile() ?? []);
    try {
      const { upload, uploadContents } = await import("./transfer.ts");
      if (uris.length > 0) await upload(this.#context.engine, uris, folder);
      else await uploadContents(contents, folder);
      this.#context[this.#view].refresh();
    } catch (error) {
      showError(this.#context, error as Error);
    }
  }
}

/** Where files go that are dropped on a row. */
export function folderOf(node: Node): vscode.Uri | undefined {
  if (node.kind === "container") return containerUri(containerName((node as ContainerNode).container), "/");
  if (node.kind === "volume") return volumeUri((node as VolumeNode).volume.Name, "/");
  if (!node.uri) return undefined;
  return /^file(;|$)/.test(node.shown.context) ? vscode.Uri.joinPath(node.uri, "..") : node.uri;
}
