/** What can be done with networks. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
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

async function disconnect(context: Context, ...args: unknown[]): Promise<void> {
  const members = rowsOfKind<MemberNode>(args, "member");
  if (members.length === 0) return;
  const names = members.map(({ shown, network }) => vscode.l10n.t("{0} from {1}", shown.label, network)).join(", ");
  if (!(await confirmed({ message: vscode.l10n.t("Disconnect {0}?", names), yes: vscode.l10n.t("Disconnect") }))) return;
  const { networks } = await context.engine.client();
  for (const { network, shown } of members) say(context, ["network", "disconnect", "--force", network, shown.label]);
  await together(members.map(({ network, container }) => networks.disconnect(network, container, { force: true })));
}

export const networkCommands: Readonly<Record<string, Command>> = {
  ...operationCommands((context) => context.networks, networkOperations),
  "network.create": { handler: create },
  "network.prune": { handler: prune },
  "network.connect": { handler: connect },
  "network.disconnect": { handler: disconnect },
  "network.inspect": {
    handler: async (context, ...args) => {
      const nodes = await chosenNodes(context, context.networks, args, { title: vscode.l10n.t("Inspect which network?"), one: !args[0] });
      for (const { network } of nodes) await vscode.window.showTextDocument(inspectUri("network", network.Id, network.Name));
    },
  },
};
