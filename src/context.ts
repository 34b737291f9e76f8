/**
 * What the parts of the extension share: made once by `activate`, handed down, never global.
 */
import type * as vscode from "vscode";
import type { Engine } from "./engine/engine.ts";
import type { Accounts } from "./registries/accounts.ts";
import type { ImageUpdates } from "./registries/updates.ts";
import type { ContainerNode, ContainersTree } from "./tree/containers-tree.ts";
import type { EndpointsTree } from "./tree/endpoints-tree.ts";
import type { ImageNode, ImagesTree } from "./tree/images-tree.ts";
import type { NetworksTree } from "./tree/networks-tree.ts";
import type { Node } from "./tree/node.ts";
import type { ProjectsTree } from "./tree/projects-tree.ts";
import type { RegistriesTree } from "./tree/registries-tree.ts";
import type { VolumesTree } from "./tree/volumes-tree.ts";

export interface Context {
  readonly extension: vscode.ExtensionContext;
  readonly log: vscode.LogOutputChannel;
  readonly engine: Engine;
  readonly accounts: Accounts;
  readonly updates: ImageUpdates;
  readonly containers: ContainersTree;
  readonly images: ImagesTree;
  readonly volumes: VolumesTree;
  readonly networks: NetworksTree;
  readonly projects: ProjectsTree;
  readonly registries: RegistriesTree;
  readonly endpoints: EndpointsTree;
  /** Something that no engine tells has changed: contexts, registries, compose files. */
  readonly changed: vscode.EventEmitter<"endpoints" | "registries">;
  /** Commands that would have done in a terminal what was done here, the latest first. */
  readonly said: string[];
  /** Rows that are selected in the view `berth.<name>`. */
  readonly selection: (name: string) => readonly Node[];
}

export type { ContainerNode, ImageNode };
