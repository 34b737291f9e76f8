/** The Containers view. */
import * as vscode from "vscode";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import { compareText } from "./arrange.ts";
import { containerChildren } from "./container-children.ts";
import { complete, containerName, PROJECT_LABEL, showContainer, stateInWords, webPorts } from "./container.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import type { Node } from "./node.ts";

export interface ContainerNode extends Node {
  readonly kind: "container";
  readonly container: ContainerSummary;
}

export type ContainersTree = LiveTree<ContainerNode>;

/** Other actions (exec, top, archive) leave the row as it is; health checks alone would redraw it every few seconds. */
export const CONTAINER_CHANGES = /^(create|start|die|destroy|rename|pause|unpause|restart|update|health_status)/;

export function containerNode(container: ContainerSummary): ContainerNode {
  return {
    kind: "container",
    container,
    shown: showContainer(container),
    children: (client) => containerChildren(container, client),
    tooltip: () => tooltip(container),
  };
}

const name = (node: ContainerNode): string => containerName(node.container);
const alive = ({ container }: ContainerNode): number => (["running", "paused", "restarting"].includes(container.State) ? 0 : 1);

export const containersNoun: Noun<ContainerNode> = {
  name: "containers",
  kind: "container",
  concerns: ({ Type, Action }) =>
    (Type === "container" && CONTAINER_CHANGES.test(Action)) || (Type === "network" && /connect/.test(Action)),
  list: async (client) => (await client.containers.list({ all: true })).map((each) => containerNode(complete(each))),
  orders: {
    state: (a, b) => alive(a) - alive(b) || compareText(name(a), name(b)),
    name: (a, b) => compareText(name(a), name(b)),
    created: (a, b) => b.container.Created - a.container.Created || compareText(name(a), name(b)),
    image: (a, b) => compareText(a.container.Image, b.container.Image) || compareText(name(a), name(b)),
  },
  groups: {
    project: ({ container }) => container.Labels[PROJECT_LABEL],
    image: ({ container }) => container.Image,
    state: ({ container }) => container.State,
    network: ({ container }) => Object.keys(container.NetworkSettings.Networks).join(", ") || container.HostConfig.NetworkMode,
  },
  label: ({ container }, label) => container.Labels[label],
  group: (by) => ({ icon: { id: by === "project" ? "layers" : "folder" }, context: by.replace(/:.*/, "") }),
};

function tooltip(container: ContainerSummary): vscode.MarkdownString {
  const text = new vscode.MarkdownString();
  text
    .appendMarkdown("**")
    .appendText(containerName(container))
    .appendMarkdown(`** — ${stateInWords(container)}\n\n`);
  text.appendText(container.Status).appendMarkdown("\n\n");
  const line = (title: string, value: string): void => void text.appendMarkdown(`${title}: `).appendText(value).appendMarkdown("  \n");
  line(vscode.l10n.t("Image"), container.Image);
  line(vscode.l10n.t("Command"), container.Command);
  line(vscode.l10n.t("Id"), container.Id.slice(0, 12));
  for (const port of webPorts(container.Ports)) {
    const url = `http://localhost:${port.PublicPort}`;
    text.appendMarkdown(`${vscode.l10n.t("Port")}: [${url}](${url}) → ${port.PrivatePort}  \n`);
  }
  for (const [network, { IPAddress }] of Object.entries(container.NetworkSettings.Networks))
    line(vscode.l10n.t("Network"), [network, IPAddress].filter(Boolean).join(" "));
  for (const mount of container.Mounts) line(vscode.l10n.t("Mount"), `${mount.Name ?? mount.Source} → ${mount.Destination}`);
  return text;
}
