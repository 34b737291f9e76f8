/**
 * What the parts of the extension share: made once by `activate`, handed down, never global.
 */
import type * as vscode from "vscode";
import type { Engine } from "./engine/engine.ts";
import type { ContainerNode, ContainersTree } from "./tree/containers-tree.ts";
import type { ImageNode, ImagesTree } from "./tree/images-tree.ts";

export interface Context {
  readonly extension: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly engine: Engine;
  readonly containers: ContainersTree;
  readonly images: ImagesTree;
}

export type { ContainerNode, ImageNode };
