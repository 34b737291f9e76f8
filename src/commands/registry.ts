/** Registries: connect, look, pull, delete. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { Registry, RegistryError } from "../registries/registry.ts";
import type { RegistryAccount } from "../registries/registry.ts";
import type { RegistryNode, TagNode } from "../tree/registries-tree.ts";
import type { Command } from "./command.ts";
import { showText } from "./inspect.ts";
import { pull } from "./image-transfer.ts";
import { busy, confirmed, say } from "./operation.ts";
import { pickNodes, rowsOfKind } from "./pick.ts";

const KINDS = [
  { label: "Docker Hub", detail: "docker.io", type: "hub", domain: "docker.io", password: vscode.l10n.t("an access token") },
  {
    label: "GitHub",
    detail: "ghcr.io",
    type: "ghcr",
    domain: "ghcr.io",
    password: vscode.l10n.t("a personal access token with read:packages"),
  },
  {
    label: vscode.l10n.t("Another registry"),
    detail: vscode.l10n.t("any that speaks the registry API"),
    type: "generic",
    domain: "",
    password: "",
  },
] as const;

async function connect(context: Context): Promise<void> {
  const title = vscode.l10n.t("Connect a Registry");
  const chosen = await vscode.window.showQuickPick(KINDS, { title });
  if (!chosen) return;
  const ask = (prompt: string, options: vscode.InputBoxOptions = {}): Thenable<string | undefined> =>
    vscode.window.showInputBox({ title, prompt, ignoreFocusOut: true, ...options });
  const domain = chosen.domain || hostOf(await ask(vscode.l10n.t("Host and port, such as registry.example.com or localhost:5000")));
  if (!domain) return;
  const anonymous = chosen.type === "generic";
  const username = await ask(anonymous ? vscode.l10n.t("User name, or empty for none") : vscode.l10n.t("User name"));
  if (username === undefined || (!anonymous && !username)) return;
  const prompt = chosen.password ? vscode.l10n.t("Password; better: {0}", chosen.password) : vscode.l10n.t("Password");
  const password = username ? await ask(prompt, { password: true }) : "";
  if (password === undefined) return;
  const account: RegistryAccount = { kind: chosen.type, domain, username, password };
  await busy({ title: vscode.l10n.t("Connecting to {0}", domain), view: "registries" }, () =>
    new Registry(account, async () => account).check(),
  );
  await context.accounts.add(account);
}

function hostOf(text: string | undefined): string | undefined {
  return (
    text
      ?.trim()
      .replace(/^https?:\/\//, "")
      .replace(/\/.*$/, "") || undefined
  );
}

async function disconnect(context: Context, ...args: unknown[]): Promise<void> {
  const title = vscode.l10n.t("Disconnect which registry?");
  const rows = rowsOfKind<RegistryNode>(args, "registry");
  const nodes = rows.length > 0 ? rows : await pickNodes(await context.registries.fresh(), { title, one: true });
  for (const { registry } of nodes) {
    const { from, domain } = registry.account;
    if (from !== undefined) throw new Error(vscode.l10n.t("The login at {0} is docker's, in {1}: berth logout {0} ends it", domain, from));
    await context.accounts.remove(registry.account);
  }
}

/** The name with which a tag is pulled. */
function referenceOf({ registry, repository, tag }: TagNode): string {
  const { domain } = registry.account;
  return domain === "docker.io" ? `${repository}:${tag}` : `${domain}/${repository}:${tag}`;
}

function onTag(work: (context: Context, node: TagNode) => Promise<unknown>): Command {
  return {
    handler: async (context, ...args) => {
      for (const node of rowsOfKind<TagNode>(args, "tag")) await work(context, node);
    },
  };
}

async function removeTags(context: Context, ...args: unknown[]): Promise<void> {
  const nodes = rowsOfKind<TagNode>(args, "tag");
  const message = vscode.l10n.t("Delete {0} from its registry?", nodes.map(referenceOf).join(", "));
  const detail = vscode.l10n.t("Every tag of the same image goes with it.");
  if (nodes.length === 0 || !(await confirmed({ message, detail, yes: vscode.l10n.t("Delete") }))) return;
  try {
    for (const [index, { registry, repository, tag }] of nodes.entries())
      await registry.remove(repository, tag).catch((error: unknown) => {
        // It may have gone with another tag of the same image.
        if (index === 0 || !(error instanceof RegistryError && error.status === 404)) throw error;
      });
  } finally {
    context.changed.fire("registries");
  }
}

export const registryCommands: Readonly<Record<string, Command>> = {
  "registry.connect": { handler: connect },
  "registry.disconnect": { handler: disconnect },
  "registry.refresh": { handler: async (context) => context.changed.fire("registries") },
  "registry.pull": onTag((context, node) => pull(context, referenceOf(node))),
  "registry.copyTag": onTag(async (_context, node) => vscode.env.clipboard.writeText(referenceOf(node))),
  "registry.copyDigest": onTag(async (_context, node) => {
    const { digest } = await node.registry.manifest(node.repository, node.tag);
    await vscode.env.clipboard.writeText(`${referenceOf(node).replace(/:[^:/]+$/, "")}@${digest}`);
  }),
  "registry.inspect": onTag(async (context, node) => {
    const { text } = await node.registry.manifest(node.repository, node.tag);
    say(context, ["manifest", "inspect", referenceOf(node)]);
    await showText(`${referenceOf(node)}.json`, JSON.stringify(JSON.parse(text), null, 2));
  }),
  "registry.delete": { handler: removeTags },
};
