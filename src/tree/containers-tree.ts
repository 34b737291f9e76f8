/** The Containers view. */
import * as vscode from "vscode";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { Engine } from "../engine/engine.ts";
import type { Shown } from "./container.ts";
import { containerName, showContainer, stateInWords, webPorts } from "./container.ts";
import { LiveTree } from "./live-tree.ts";

export interface ContainerNode {
  readonly container: ContainerSummary;
  readonly shown: Shown;
}

export type ContainersTree = LiveTree<ContainerNode>;

/** Other actions (exec, top, archive) leave the row as it is; health checks alone would redraw it every few seconds. */
const CHANGES = /^(create|start|die|destroy|rename|pause|unpause|restart|update|health_status)/;

export function containersTree(engine: Engine, log: vscode.LogOutputChannel): ContainersTree {
  return new LiveTree(engine, log, {
    concerns: ({ Type, Action }) => Type === "container" && CHANGES.test(Action),
    list: async (client) => {
      const containers = await client.containers.list({ all: true });
      return containers.toSorted(byStateThenName).map((container) => ({ container, shown: showContainer(container) }));
    },
    tooltip,
  });
}

/** Running ones first, then by name. */
function byStateThenName(a: ContainerSummary, b: ContainerSummary): number {
  const alive = (container: ContainerSummary): number => (["running", "paused", "restarting"].includes(container.State) ? 0 : 1);
  return alive(a) - alive(b) || containerName(a).localeCompare(containerName(b), undefined, { numeric: true });
}

function tooltip({ container }: ContainerNode): vscode.MarkdownString {
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
  for (const [name, { IPAddress }] of Object.entries(container.NetworkSettings.Networks))
    line(vscode.l10n.t("Network"), [name, IPAddress].filter(Boolean).join(" "));
  for (const mount of container.Mounts) line(vscode.l10n.t("Mount"), `${mount.Name ?? mount.Source} → ${mount.Destination}`);
  return text;
}
