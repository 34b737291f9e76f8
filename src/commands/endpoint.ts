/** Endpoints: which engine the window talks to, and docker's contexts. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as vscode from "vscode";
import { checkContextName } from "../../engine/client/contexts.ts";
import type { ContextTls } from "../../engine/client/contexts.ts";
import type { Context } from "../context.ts";
import { addressProblem, dockerContexts } from "../engine/address.ts";
import { environmentEndpoint, OWN } from "../engine/environment.ts";
import { CONTEXT_PREFIX } from "../engine/state.ts";
import { quoteField } from "../run/mount-words.ts";
import type { EndpointNode } from "../tree/endpoints-tree.ts";
import type { Command } from "./command.ts";
import { showText } from "./inspect.ts";
import { confirmed, say } from "./operation.ts";
import { chosenNodes, rowsOfKind } from "./pick.ts";

/** Without asking for an engine: this is where one is chosen when there is none. */
async function chosen(context: Context, args: readonly unknown[], title: string): Promise<EndpointNode | undefined> {
  if ((args[0] as EndpointNode | undefined)?.shown) return (await chosenNodes(context, context.endpoints, args, { title, one: true }))[0];
  const items = (await context.endpoints.fresh()).map((node) => ({ label: node.shown.label, description: node.shown.description, node }));
  return (await vscode.window.showQuickPick(items, { title }))?.node;
}

async function use(context: Context, ...args: unknown[]): Promise<void> {
  const node = await chosen(context, args, vscode.l10n.t("Use which engine?"));
  if (!node) return;
  // What the environment names would win over no setting.
  const address = node.address || (environmentEndpoint() ? OWN : undefined);
  await vscode.workspace.getConfiguration("berth").update("endpoint", address, vscode.ConfigurationTarget.Global);
  context.changed.fire("endpoints");
}

/** Also for this user's terminals: `berth` follows, docker keeps its own choice. */
async function useInTerminals(context: Context, ...args: unknown[]): Promise<void> {
  const node = await chosen(context, args, vscode.l10n.t("Use which engine in terminals?"));
  if (!node) return;
  const name = node.dockerContext?.name ?? "default";
  say(context, ["context", "use", name]);
  await dockerContexts().use(name);
  context.changed.fire("endpoints");
}

async function create(context: Context): Promise<void> {
  const title = vscode.l10n.t("Add an Endpoint");
  const kinds = [
    { label: "SSH", detail: "ssh://user@host", prompt: vscode.l10n.t("Machine, such as ssh://me@server") },
    {
      label: vscode.l10n.t("TCP with TLS"),
      detail: "tcp://host:2376",
      prompt: vscode.l10n.t("Address, such as tcp://server:2376"),
      tls: true,
    },
    {
      label: "TCP",
      detail: "tcp://host:2375",
      prompt: vscode.l10n.t("Address, such as tcp://server:2375; anybody who reaches it owns that machine"),
    },
    { label: vscode.l10n.t("Socket"), detail: "unix:///var/run/docker.sock", prompt: vscode.l10n.t("Path of the socket") },
  ];
  const kind = await vscode.window.showQuickPick(kinds, { title });
  if (!kind) return;
  const { prompt, detail: value } = kind;
  const host = (await vscode.window.showInputBox({ title, prompt, value, ignoreFocusOut: true, validateInput: addressProblem }))?.trim();
  if (!host) return;
  const taken = (await dockerContexts().list()).map((each) => each.name);
  const name = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t("Name of the context"),
    ignoreFocusOut: true,
    validateInput: (text) => (taken.includes(text) ? vscode.l10n.t("There is a context {0} already", text) : nameProblem(text)),
  });
  if (!name) return;
  const tls = kind.tls ? await askTls(title) : { folder: undefined };
  if (!tls) return;
  const { folder, ...pems } = tls;
  await dockerContexts().write({ name, host, description: "", skipTlsVerify: false }, pems);
  const files = Object.keys(pems).map((pem) => `${pem}=${join(folder ?? "", `${pem}.pem`)}`);
  say(context, ["context", "create", name, "--docker", [`host=${host}`, ...files].map(quoteField).join(",")]);
  context.changed.fire("endpoints");
}

/** Undefined for a name that docker would take. */
export function nameProblem(name: string): string | undefined {
  try {
    checkContextName(name);
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** A folder with ca.pem, cert.pem and key.pem, as docker's own tools write it. */
async function askTls(title: string): Promise<(ContextTls & { readonly folder: string }) | undefined> {
  const [folder] =
    (await vscode.window.showOpenDialog({
      title,
      canSelectFiles: false,
      canSelectFolders: true,
      openLabel: vscode.l10n.t("Folder With ca.pem, cert.pem, key.pem"),
    })) ?? [];
  if (!folder) return undefined;
  const read = (name: string): Promise<string | undefined> =>
    readFile(vscode.Uri.joinPath(folder, `${name}.pem`).fsPath, "utf8").catch(() => undefined);
  const pems = await Promise.all((["ca", "cert", "key"] as const).map(async (name) => [name, await read(name)] as const));
  const found = Object.fromEntries(pems.filter(([, text]) => text !== undefined)) as ContextTls;
  if (Object.keys(found).length === 0) throw new Error(vscode.l10n.t("There is no ca.pem, cert.pem or key.pem in {0}", folder.fsPath));
  return { ...found, folder: folder.fsPath };
}

async function remove(context: Context, ...args: unknown[]): Promise<void> {
  const rows = rowsOfKind<EndpointNode>(args, "endpoint");
  const nodes = rows.length > 0 ? rows : [await chosen(context, [], vscode.l10n.t("Remove which context?"))];
  const names = nodes.flatMap((node) => node?.dockerContext?.name ?? []);
  if (names.length === 0) return;
  const message = vscode.l10n.t("Remove the context {0}?", names.join(", "));
  const detail = vscode.l10n.t("The docker command loses it too.");
  if (!(await confirmed({ message, detail, yes: vscode.l10n.t("Remove") }))) return;
  for (const name of names) {
    await dockerContexts().remove(name);
    say(context, ["context", "rm", name]);
  }
  if (names.some((name) => context.engine.endpoint === `${CONTEXT_PREFIX}${name}`))
    await vscode.workspace.getConfiguration("berth").update("endpoint", undefined, vscode.ConfigurationTarget.Global);
  context.changed.fire("endpoints");
}

async function inspect(context: Context, ...args: unknown[]): Promise<void> {
  const node = await chosen(context, args, vscode.l10n.t("Inspect which endpoint?"));
  if (!node) return;
  const { dockerContext, address } = node;
  const tls = dockerContext ? Object.keys(await dockerContexts().tls(dockerContext.name)) : [];
  await showText(
    `${node.shown.label}.json`,
    JSON.stringify(dockerContext ? { ...dockerContext, tls } : { address: address || (await context.engine.ownAddress()) }, null, 2),
  );
}

export const endpointCommands: Readonly<Record<string, Command>> = {
  "endpoint.use": { handler: use },
  "endpoint.useInTerminals": { handler: useInTerminals },
  "endpoint.create": { handler: create },
  "endpoint.remove": { handler: remove },
  "endpoint.inspect": { handler: inspect },
  "endpoint.refresh": { handler: async (context) => context.changed.fire("endpoints") },
};
