/** What can be done with networks. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { MemberNode, NetworkNode } from "../tree/networks-tree.ts";
import type { Command } from "./command.ts";
import { inspectUri } from "./inspect.ts";
import { busy, confirmed, operationCommands, say, together } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { chosenNodes, rowsOfKind } from "./pick.ts";

const isCustom = ({ shown }: NetworkNode): boolean => shown.context === "network;custom";

export const networkOperations: Readonly<Record<string, Operation<NetworkNode>>> = {
  "network.remove": {
    title: vscode.l10n.t("Remove which network?"),
    fits: isCustom,
    run: ({ networks }, { network }, options) => networks.remove(network.Id, options),
    words: ({ network }) => ["network", "rm", network.Name],
    confirm: (nodes) => ({
      message: vscode.l10n.t("Remove {0}?", nodes.map(({ shown }) => shown.label).join(", ")),
      yes: vscode.l10n.t("Remove"),
    }),
  },
};

async function create(context: Context): Promise<void> {
  const title = vscode.l10n.t("Create Network");
  const name = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t("Name"),
    validateInput: (text) => (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(text) ? undefined : vscode.l10n.t("Letters, digits, _ . and - only")),
  });
  if (!name) return;
  const prompt = vscode.l10n.t("Subnet such as 10.5.0.0/16, or empty for one that the engine chooses");
  const subnet = await vscode.window.showInputBox({ title, prompt, value: "" });
  if (subnet === undefined) return;
  const open = vscode.l10n.t("Open: containers reach the outside");
  const how = await vscode.window.showQuickPick([open, vscode.l10n.t("Internal: containers reach only each other")], { title });
  if (!how) return;
  say(context, ["network", "create", ...(subnet ? ["--subnet", subnet] : []), ...(how === open ? [] : ["--internal"]), name]);
  const client = await context.engine.client();
  await client.networks.create({ Name: name, Internal: how !== open, ...(subnet ? { IPAM: { Config: [{ Subnet: subnet }] } } : {}) });
}

async function prune(context: Context): Promise<void> {
  const unused = (await context.networks.fresh()).filter((node) => isCustom(node) && !node.children);
  if (unused.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("Every network is in use"));
  const detail = unused.map(({ shown }) => shown.label).join("\n");
  if (!(await confirmed({ message: vscode.l10n.t("Remove {0} unused networks?", unused.length), detail, yes: vscode.l10n.t("Remove") })))
    return;
  say(context, ["network", "prune", "--force"]);
  const client = await context.engine.client();
  await busy({ title: vscode.l10n.t("Removing unused networks"), view: "networks" }, (signal) => client.networks.prune({}, { signal }));
}

async function connect(context: Context, ...args: unknown[]): Promise<void> {
  const [node] = await chosenNodes(context, context.networks, args, {
    title: vscode.l10n.t("Connect a container to which network?"),
    one: true,
  });
  if (!node) return;
  const { network } = node;
  const containers = await chosenNodes(context, context.containers, [], {
    title: vscode.l10n.t("Connect which container to {0}?", network.Name),
    fits: ({ container }) => !container.NetworkSettings.Networks[network.Name],
  });
  const client = await context.engine.client();
  for (const { container, shown } of containers) {
    say(context, ["network", "connect", network.Name, shown.label]);
    await client.networks.connect(network.Id, container.Id);
  }
}

/** A container in a network. */
interface Member {
  readonly network: string;
  readonly container: string;
  readonly name: string;
}

/** Asks, then cuts them off. */
async function leave(context: Context, members: readonly Member[]): Promise<void> {
  if (members.length === 0) return;
  const names = members.map(({ name, network }) => vscode.l10n.t("{0} from {1}", name, network)).join(", ");
  if (!(await confirmed({ message: vscode.l10n.t("Disconnect {0}?", names), yes: vscode.l10n.t("Disconnect") }))) return;
  const { networks } = await context.engine.client();
  for (const { network, name } of members) say(context, ["network", "disconnect", "--force", network, name]);
  await together(members.map(({ network, container }) => networks.disconnect(network, container, { force: true })));
}

async function disconnect(context: Context, ...args: unknown[]): Promise<void> {
  const rows = rowsOfKind<MemberNode>(args, "member");
  await leave(
    context,
    rows.map(({ shown, network, container }) => ({ network, container, name: shown.label })),
  );
}

/** What can be left: not the host's network, and not none. */
const joined = ({ container }: ContainerNode): string[] =>
  Object.keys(container.NetworkSettings.Networks).filter((name) => name !== "host" && name !== "none");

async function disconnectContainer(context: Context, ...args: unknown[]): Promise<void> {
  const title = vscode.l10n.t("Disconnect which container from a network?");
  const nodes = await chosenNodes(context, context.containers, args, { title, fits: (node) => joined(node).length > 0, one: !args[0] });
  const all = nodes.flatMap((node) => joined(node).map((network) => ({ network, container: node.container.Id, name: node.shown.label })));
  if (all.length === 0) {
    if (args[0]) void vscode.window.showInformationMessage(vscode.l10n.t("It is in no network that it could leave"));
    return;
  }
  const items = all.map((member) => ({ label: member.network, description: nodes.length > 1 ? member.name : "", member }));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Disconnect from which networks?"), canPickMany: true });
  await leave(context, chosen?.map(({ member }) => member) ?? []);
}

export const networkCommands: Readonly<Record<string, Command>> = {
  ...operationCommands((context) => context.networks, networkOperations),
  "network.create": { handler: create },
  "network.prune": { handler: prune },
  "network.connect": { handler: connect },
  "network.disconnect": { handler: disconnect },
  "container.disconnect": { handler: disconnectContainer },
  "network.inspect": {
    handler: async (context, ...args) => {
      const nodes = await chosenNodes(context, context.networks, args, { title: vscode.l10n.t("Inspect which network?"), one: !args[0] });
      for (const { network } of nodes) await vscode.window.showTextDocument(inspectUri("network", network.Id, network.Name));
    },
  },
};
