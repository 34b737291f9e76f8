/** What can be done with containers. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";
import { openLogsPanel } from "../panels/logs.ts";
import { openLogs } from "../terminals/logs.ts";
import { openShell } from "../terminals/shell.ts";
import { webPorts } from "../tree/container.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { Command } from "./command.ts";
import { inspectUri } from "./inspect.ts";
import { chosenNodes } from "./pick.ts";

const isAlive = ({ container }: ContainerNode): boolean => ["running", "paused", "restarting"].includes(container.State);
const isRunning = ({ container }: ContainerNode): boolean => container.State === "running";
const isStill = (node: ContainerNode): boolean => !isAlive(node);
const any = (): boolean => true;

type Work = (client: DockerClient, id: string) => Promise<unknown>;

/** The same call for each chosen container, all at once, with progress in the view. */
function each(title: string, fits: (node: ContainerNode) => boolean, work: Work): Command {
  return {
    handler: async (context, ...args) => {
      const nodes = await chosenNodes(context.containers, args, { title, fits });
      const client = await context.engine.client();
      await vscode.window.withProgress({ location: { viewId: "berth.containers" }, title }, () =>
        together(nodes.map((node) => work(client, node.container.Id))),
      );
    },
  };
}

/** Waits for all, and fails with the first failure: one container in trouble does not keep the others from stopping. */
async function together(calls: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(calls)).find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

async function remove(context: Context, ...args: unknown[]): Promise<void> {
  const nodes = await chosenNodes(context.containers, args, { title: vscode.l10n.t("Remove which container?"), fits: any });
  if (nodes.length === 0) return;
  const names = nodes.map(({ shown }) => shown.label).join(", ");
  const running = nodes.filter(isAlive).length;
  const detail = running > 0 ? vscode.l10n.t("What runs in it is killed. Its files that are not in a volume are lost.") : "";
  const yes = vscode.l10n.t("Remove");
  const answer = await vscode.window.showWarningMessage(vscode.l10n.t("Remove {0}?", names), { modal: true, detail }, yes);
  if (answer !== yes) return;
  const client = await context.engine.client();
  await together(nodes.map(({ container }) => client.containers.remove(container.Id, { force: true, volumes: true }).catch(unlessGone)));
}

/** Somebody else was faster, or the container was to remove itself when stopped. */
function unlessGone(error: unknown): void {
  if (!isStatus(error, 404) && !isStatus(error, 409)) throw error;
}

async function open(context: Context, ...args: unknown[]): Promise<void> {
  const [node] = await chosenNodes(context.containers, args, {
    title: vscode.l10n.t("Open which container in the browser?"),
    fits: (candidate) => isRunning(candidate) && webPorts(candidate.container.Ports).length > 0,
    one: true,
  });
  if (!node) return;
  const ports = webPorts(node.container.Ports);
  const items = ports.map((port) => ({ label: `http://localhost:${port.PublicPort}`, description: `→ ${port.PrivatePort}` }));
  const item = items.length > 1 ? await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Open which port?") }) : items[0];
  if (item) await vscode.env.openExternal(vscode.Uri.parse(item.label));
}

async function inspect(context: Context, ...args: unknown[]): Promise<void> {
  for (const { container, shown } of await chosenNodes(context.containers, args, {
    title: vscode.l10n.t("Inspect which container?"),
    fits: any,
  }))
    await vscode.window.showTextDocument(inspectUri("container", container.Id, shown.label));
}

/** Commands on containers, from the view's menus and from the palette. */
export const containerCommands: Readonly<Record<string, Command>> = {
  "container.start": each(vscode.l10n.t("Start which container?"), isStill, (client, id) => client.containers.start(id)),
  "container.stop": each(vscode.l10n.t("Stop which container?"), isAlive, (client, id) => client.containers.stop(id)),
  "container.restart": each(vscode.l10n.t("Restart which container?"), isAlive, (client, id) => client.containers.restart(id)),
  "container.remove": { handler: remove },
  "container.open": { handler: open },
  "container.inspect": { handler: inspect },
  "container.logs": {
    handler: async (context, ...args) => {
      for (const { container, shown } of await chosenNodes(context.containers, args, {
        title: vscode.l10n.t("Logs of which container?"),
        fits: any,
      }))
        openLogs(context.engine, { id: container.Id, name: shown.label });
    },
  },
  "container.searchLogs": {
    handler: async (context, ...args) => {
      const title = vscode.l10n.t("Search the logs of which container?");
      for (const { container, shown } of await chosenNodes(context.containers, args, { title, fits: any }))
        openLogsPanel(context, { id: container.Id, name: shown.label });
    },
  },
  "container.shell": {
    handler: async (context, ...args) => {
      const title = vscode.l10n.t("Open a shell in which container?");
      for (const { container, shown } of await chosenNodes(context.containers, args, { title, fits: isRunning }))
        openShell(await context.engine.client(), { id: container.Id, name: shown.label });
    },
  },
};
