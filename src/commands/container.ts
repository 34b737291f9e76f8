/** What can be done with containers beyond one call. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { openLogsPanel } from "../panels/logs.ts";
import { openAttached } from "../terminals/attach.ts";
import { openLogs } from "../terminals/logs.ts";
import { openShell } from "../terminals/shell.ts";
import type { Target } from "../terminals/shell.ts";
import { webPorts } from "../tree/container.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { Command } from "./command.ts";
import { containerOperations, isAlive, isRunning } from "./container-operations.ts";
import { inspectUri, showText } from "./inspect.ts";
import { busy, confirmed, operationCommands, say } from "./operation.ts";
import { chosenNodes } from "./pick.ts";

type Fits = (node: ContainerNode) => boolean;

/** A command on each of the chosen containers. */
export function onContainers(title: string, work: (context: Context, node: ContainerNode) => unknown, fits: Fits = () => true): Command {
  return {
    handler: async (context, ...args) => {
      for (const node of await chosenNodes(context, context.containers, args, { title, fits, one: !args[0] })) await work(context, node);
    },
  };
}

export const targetOf = ({ container, shown }: ContainerNode): Target => ({ id: container.Id, name: shown.label });

async function openPage(_context: Context, { container }: ContainerNode): Promise<void> {
  const items = webPorts(container.Ports).map(({ PublicPort, PrivatePort }) => ({
    label: `http://localhost:${PublicPort}`,
    description: `→ ${PrivatePort}`,
  }));
  const item = items.length > 1 ? await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Open which port?") }) : items[0];
  if (item) await openUrl(item.label);
}

/** Through the editor, which forwards the port of a remote machine. */
async function openUrl(url: string): Promise<void> {
  await vscode.env.openExternal(vscode.Uri.parse(url));
}

async function rename(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t("Rename {0}", shown.label),
    value: shown.label,
    validateInput: (text) => (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text) ? undefined : vscode.l10n.t("Letters, digits, _ . and - only")),
  });
  if (!name || name === shown.label) return;
  say(context, ["rename", shown.label, name]);
  await (await context.engine.client()).containers.rename(container.Id, name);
}

/** A command of the user's choice, as a user and in a directory of their choice. */
async function exec(context: Context, node: ContainerNode): Promise<void> {
  const { shown } = node;
  const command = await vscode.window.showInputBox({
    title: vscode.l10n.t("Run in {0}", shown.label),
    prompt: vscode.l10n.t("Command; it runs in a shell"),
    value: "sh",
  });
  if (!command) return;
  const user = await vscode.window.showInputBox({
    title: vscode.l10n.t("Run in {0}", shown.label),
    prompt: vscode.l10n.t("User, or empty for the container's own"),
    value: "",
  });
  if (user === undefined) return;
  say(context, ["exec", "-it", ...(user ? ["--user", user] : []), shown.label, "sh", "-c", command]);
  openShell(await context.engine.client(), targetOf(node), { command: ["/bin/sh", "-c", command], user });
}

async function top(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const { Titles, Processes } = await (await context.engine.client()).containers.top(container.Id);
  const widths = Titles.map((title, column) => Math.max(title.length, ...Processes.map((row) => (row[column] ?? "").length)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column]!))
      .join("  ")
      .trimEnd();
  say(context, ["top", shown.label]);
  await showText(vscode.l10n.t("Processes of {0}.txt", shown.label), [Titles, ...Processes].map(line).join("\n"));
}

/** What a container has changed of its image's files, as a list whose files open as differences. */
async function changes(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const { imageUri, containerUri } = await import("../files/uris.ts");
  const found = await (await context.engine.client()).containers.changes(container.Id);
  if (found.length === 0)
    return void vscode.window.showInformationMessage(vscode.l10n.t("{0} has changed no file of its image", shown.label));
  const kinds = ["diff-modified", "diff-added", "diff-removed"];
  const items = found.map(({ Path, Kind }) => ({ label: `$(${kinds[Kind]}) ${Path}`, path: Path, change: Kind }));
  const item = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("{0} changes of {1}; choose a file to compare", found.length, shown.label),
  });
  if (!item) return;
  const [before, after] = [imageUri(container.ImageID, undefined, item.path), containerUri(shown.label, item.path)];
  if (item.change === 0)
    await vscode.commands.executeCommand("vscode.diff", before, after, `${item.path} (${container.Image} ↔ ${shown.label})`);
  else await vscode.commands.executeCommand("vscode.open", item.change === 1 ? after : before);
}

async function commit(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const { askImageName } = await import("./image.ts");
  const name = await askImageName(vscode.l10n.t("Image of {0}", shown.label), `${shown.label.toLowerCase()}:latest`);
  if (!name) return;
  say(context, ["commit", shown.label, name.text]);
  const client = await context.engine.client();
  await busy({ title: vscode.l10n.t("Making an image of {0}", shown.label), view: "containers" }, (signal) =>
    client.containers.commit(container.Id, { repo: name.repository, tag: name.tag, signal }),
  );
}

async function exportFiles(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const { saveStream } = await import("./save.ts");
  const client = await context.engine.client();
  const path = await saveStream(`${shown.label}.tar`, (signal) => client.containers.export(container.Id, { signal }));
  if (path) say(context, ["export", "--output", path, shown.label]);
}

async function connectNetwork(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const joined = Object.keys(container.NetworkSettings.Networks);
  const [network] = await chosenNodes(context, context.networks, [], {
    title: vscode.l10n.t("Connect {0} to which network?", shown.label),
    fits: ({ network: { Name } }) => !joined.includes(Name) && Name !== "host" && Name !== "none",
    one: true,
  });
  if (!network) return;
  say(context, ["network", "connect", network.network.Name, shown.label]);
  await (await context.engine.client()).networks.connect(network.network.Id, container.Id);
}

async function prune(context: Context): Promise<void> {
  const still = (await context.containers.fresh()).filter((node) => !isAlive(node));
  if (still.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("There is no stopped container"));
  const list = still.map(({ shown }) => shown.label).join(", ");
  const yes = vscode.l10n.t("Remove");
  if (!(await confirmed({ message: vscode.l10n.t("Remove {0} stopped containers?", still.length), detail: list, yes }))) return;
  say(context, ["container", "prune", "--force"]);
  const client = await context.engine.client();
  await busy({ title: vscode.l10n.t("Removing stopped containers"), view: "containers" }, (signal) =>
    client.containers.prune({}, { signal }),
  );
}

/** Commands on containers, from the view's menus and from the palette. */
export const containerCommands: Readonly<Record<string, Command>> = {
  ...operationCommands((context) => context.containers, containerOperations),
  "container.rename": onContainers(vscode.l10n.t("Rename which container?"), rename),
  "container.open": onContainers(
    vscode.l10n.t("Open which container in the browser?"),
    openPage,
    (node) => isRunning(node) && webPorts(node.container.Ports).length > 0,
  ),
  "port.open": { handler: async (_context, port) => (typeof port === "number" ? openUrl(`http://localhost:${port}`) : undefined) },
  "container.inspect": onContainers(vscode.l10n.t("Inspect which container?"), async (_context, { container, shown }) =>
    vscode.window.showTextDocument(inspectUri("container", container.Id, shown.label)),
  ),
  "container.logs": onContainers(vscode.l10n.t("Logs of which container?"), (context, node) => openLogs(context.engine, targetOf(node))),
  "container.searchLogs": onContainers(vscode.l10n.t("Search the logs of which container?"), (context, node) =>
    openLogsPanel(context, targetOf(node)),
  ),
  "container.shell": onContainers(
    vscode.l10n.t("Open a shell in which container?"),
    async (context, node) => openShell(await context.engine.client(), targetOf(node)),
    isRunning,
  ),
  "container.exec": onContainers(vscode.l10n.t("Run a command in which container?"), exec, isRunning),
  "container.attach": onContainers(
    vscode.l10n.t("Attach to which container?"),
    async (context, node) => openAttached(await context.engine.client(), targetOf(node)),
    isAlive,
  ),
  "container.top": onContainers(vscode.l10n.t("Show the processes of which container?"), top, isRunning),
  "container.changes": onContainers(vscode.l10n.t("Show the changed files of which container?"), changes),
  "container.commit": onContainers(vscode.l10n.t("Make an image of which container?"), commit),
  "container.export": onContainers(vscode.l10n.t("Export the files of which container?"), exportFiles),
  "container.connect": onContainers(vscode.l10n.t("Connect which container to a network?"), connectNetwork),
  "container.copyName": onContainers(vscode.l10n.t("Copy the name of which container?"), (_context, { shown }) =>
    vscode.env.clipboard.writeText(shown.label),
  ),
  "container.copyId": onContainers(vscode.l10n.t("Copy the id of which container?"), (_context, { container }) =>
    vscode.env.clipboard.writeText(container.Id),
  ),
  "container.prune": { handler: prune },
};
