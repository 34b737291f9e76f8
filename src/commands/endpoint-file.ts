/** A context as a file for another machine, from one, and with another address. */
import { randomBytes } from "node:crypto";
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { Readable } from "node:stream";
import * as vscode from "vscode";
import { exportContext, importContext } from "../../engine/client/context-archive.ts";
import type { DockerContext } from "../../engine/client/contexts.ts";
import type { Context } from "../context.ts";
import { addressProblem, dockerContexts } from "../engine/address.ts";
import { CONTEXT_PREFIX } from "../engine/state.ts";
import { quoteField } from "../run/mount-words.ts";
import type { EndpointNode } from "../tree/endpoints-tree.ts";
import type { Command } from "./command.ts";
import { nameProblem } from "./endpoint.ts";
import { say } from "./operation.ts";
import { rowsOfKind } from "./pick.ts";

/** Undefined, and said so, when there is none to choose from. */
async function chosenContext(context: Context, args: readonly unknown[], title: string): Promise<DockerContext | undefined> {
  const [row] = rowsOfKind<EndpointNode>(args, "endpoint");
  if (row) return row.dockerContext;
  const nodes = (await context.endpoints.fresh()).flatMap(({ dockerContext }) => dockerContext ?? []);
  if (nodes.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("There is no context yet: add an endpoint first"));
  const items = nodes.map((dockerContext) => ({ label: dockerContext.name, description: dockerContext.host, dockerContext }));
  return (await vscode.window.showQuickPick(items, { title }))?.dockerContext;
}

async function save(context: Context, ...args: unknown[]): Promise<void> {
  const chosen = await chosenContext(context, args, vscode.l10n.t("Export which context?"));
  if (!chosen) return;
  const { name } = chosen;
  const workspace = vscode.workspace.workspaceFolders?.[0]?.uri;
  const target = await vscode.window.showSaveDialog({
    title: vscode.l10n.t("Export {0}; with TLS, its private key is in the file", name),
    ...(workspace ? { defaultUri: vscode.Uri.joinPath(workspace, `${name}.dockercontext`) } : {}),
  });
  if (!target) return;
  await writeSecret(target.fsPath, await exportContext(dockerContexts(), name));
  say(context, ["context", "export", name, target.fsPath]);
}

/** Only its owner may read it, from its first byte on. */
async function writeSecret(path: string, content: Buffer): Promise<void> {
  const unfinished = `${path}.${randomBytes(4).toString("hex")}`;
  try {
    await writeFile(unfinished, content, { mode: 0o600, flag: "wx" });
    await rename(unfinished, path);
  } finally {
    await rm(unfinished, { force: true });
  }
}

async function load(context: Context): Promise<void> {
  const title = vscode.l10n.t("Import a Context");
  const [file] = (await vscode.window.showOpenDialog({ title, openLabel: vscode.l10n.t("Import") })) ?? [];
  if (!file) return;
  const taken = (await dockerContexts().list()).map(({ name }) => name);
  const name = await vscode.window.showInputBox({
    title,
    prompt: vscode.l10n.t("Name of the context"),
    value: basename(file.fsPath).replace(/\..*$/, ""),
    ignoreFocusOut: true,
    validateInput: (text) => (taken.includes(text) ? vscode.l10n.t("There is a context {0} already", text) : nameProblem(text)),
  });
  if (!name) return;
  await importContext(dockerContexts(), name, Readable.from([await readFile(file.fsPath)]));
  say(context, ["context", "import", name, file.fsPath]);
  context.changed.fire("endpoints");
}

/** Its certificates stay. */
async function update(context: Context, ...args: unknown[]): Promise<void> {
  const before = await chosenContext(context, args, vscode.l10n.t("Edit which context?"));
  if (!before) return;
  const ask = (options: vscode.InputBoxOptions): Thenable<string | undefined> =>
    vscode.window.showInputBox({ title: vscode.l10n.t("Edit the Context {0}", before.name), ignoreFocusOut: true, ...options });
  const host = await ask({
    prompt: vscode.l10n.t("Address: unix://, tcp:// or ssh://"),
    value: before.host,
    validateInput: addressProblem,
  });
  if (host === undefined) return;
  const description = await ask({ prompt: vscode.l10n.t("Description, or empty"), value: before.description });
  if (description === undefined) return;
  const after = { ...before, host: host.trim(), description };
  if (after.host === before.host && description === before.description) return;
  const contexts = dockerContexts();
  const tls = await contexts.tls(before.name);
  await contexts.write(after, tls);
  const { TLSPath } = contexts.storage(before.name);
  const files = Object.keys(tls).map((pem) => `${pem}=${join(TLSPath, "docker", `${pem}.pem`)}`);
  const fields = [`host=${after.host}`, ...files, ...(after.skipTlsVerify ? ["skip-tls-verify=true"] : [])];
  const moved = after.host === before.host ? [] : ["--docker", fields.map(quoteField).join(",")];
  say(context, ["context", "update", ...(description === before.description ? [] : ["--description", description]), ...moved, before.name]);
  context.changed.fire("endpoints");
  if (moved.length > 0 && context.engine.endpoint === `${CONTEXT_PREFIX}${before.name}`) await context.engine.reset();
}

export const endpointFileCommands: Readonly<Record<string, Command>> = {
  "endpoint.export": { handler: save },
  "endpoint.import": { handler: load },
  "endpoint.update": { handler: update },
};
