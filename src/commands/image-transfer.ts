/** Pull, push and search: images between the engine and registries, with the logins that the user has connected. */
import * as vscode from "vscode";
import type { JsonMessage } from "../../engine/api/types/image.ts";
import { parseReference } from "../../engine/syntax/reference.ts";
import { PLATFORMS } from "../build/options.ts";
import type { Context } from "../context.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import { compareText } from "../tree/arrange.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import { ActionableError } from "./actions.ts";
import { signalOf } from "./command.ts";
import { referenceProblem, splitTag } from "./image-name.ts";
import { busy, say } from "./operation.ts";
import { chosenNodes } from "./pick.ts";

/** Asks for a name, with the hub's and its tags' proposals, unless one is given. */
export async function pull(context: Context, given?: string): Promise<void> {
  const name = given ?? (await askName(context));
  if (name) await pullName(context, name, undefined);
}

/** The image of another platform than the engine's, which takes the name's place. */
export async function pullFor(context: Context, [row, ...more]: readonly unknown[]): Promise<void> {
  const title = vscode.l10n.t("Pull which image for another platform?");
  const chosen = row === undefined ? [] : await chosenNodes(context, context.images, [row, ...more], { title, one: true });
  const name = chosen[0]?.shown.reference ?? (row === undefined ? await askName(context) : undefined);
  if (!name) return;
  const platform = await vscode.window.showQuickPick(PLATFORMS, { title: vscode.l10n.t("Pull {0} for which platform?", name) });
  if (platform) await pullName(context, name, platform);
}

async function pullName(context: Context, name: string, platform: string | undefined): Promise<void> {
  const { repository, tag } = splitTag(name);
  const client = await context.engine.client();
  const auth = await context.accounts.auth(domainOf(name));
  say(context, ["pull", ...(platform ? ["--platform", platform] : []), name]);
  await transfer(vscode.l10n.t("Pulling {0}", name), "cloud-download", (signal) =>
    client.images.pull(repository, { tag, platform, auth, signal }),
  );
}

/** Asks the registries which images they have newer ones of, and offers to pull them. */
export async function checkUpdates(context: Context): Promise<void> {
  const client = await context.engine.client();
  const images = await client.images.list();
  const { asked, newer, failed } = await busy({ title: vscode.l10n.t("Asking registries for newer images"), view: "images" }, (signal) =>
    context.updates.check(client, images, { auth: (tag) => context.accounts.auth(domainOf(tag)), signal }),
  );
  for (const { tag, message } of failed) context.log.warn(`${tag}: ${message}`);
  const unknown = failed.length > 0 ? ` ${vscode.l10n.t("{0} could not be asked: see the log.", failed.length)}` : "";
  if (newer.length === 0) {
    const none = asked === 0 ? vscode.l10n.t("No image here came from a registry.") : vscode.l10n.t("No image is newer in its registry.");
    return void vscode.window.showInformationMessage(none + unknown);
  }
  const pullAll = vscode.l10n.t("Pull Them");
  const message = vscode.l10n.t("Newer in their registries: {0}.", newer.join(", "));
  if ((await vscode.window.showInformationMessage(message + unknown, pullAll)) === pullAll)
    for (const tag of newer) await pull(context, tag);
}

export async function push(context: Context, { shown }: ImageNode): Promise<void> {
  const name = await pushName(context, shown.reference);
  if (!name) return;
  const { repository, tag } = splitTag(name);
  const client = await context.engine.client();
  if (name !== shown.reference) {
    say(context, ["tag", shown.reference, name]);
    await client.images.tag(shown.reference, repository, tag);
  }
  const auth = await context.accounts.auth(domainOf(name));
  say(context, ["push", name]);
  await transfer(vscode.l10n.t("Pushing {0}", name), "cloud-upload", (signal) => client.images.push(repository, { tag, auth, signal }));
}

/** How an image is called in each of the registries that are connected. */
export async function registriesOf({ accounts }: Context, reference: string): Promise<string[]> {
  const connected = (await accounts.list()).map(({ account }) => account).filter(({ domain }) => domain !== "docker.io");
  return connected.map(({ kind, domain, username }) => [domain, ...(kind === "ghcr" ? [username.toLowerCase()] : []), reference].join("/"));
}

/** A name without a registry goes to Docker Hub; whoever has connected others may mean one of them. */
async function pushName(context: Context, reference: string): Promise<string | undefined> {
  const registries = (await context.accounts.list()).map(({ account }) => account);
  if (domainOf(reference) !== "docker.io" || registries.length === 0 || registries.some(({ domain }) => domain === "docker.io"))
    return reference;
  const names = await registriesOf(context, reference);
  const items = [...names, reference].map((label) => ({
    label,
    description: label === reference ? "Docker Hub" : vscode.l10n.t("gets this name first"),
  }));
  return (await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Push {0} to which registry?", reference) }))?.label;
}

function domainOf(name: string): string {
  const result = parseReference(name);
  return "problem" in result ? "docker.io" : result.reference.domain;
}

async function transfer(title: string, icon: string, open: (signal: AbortSignal) => AsyncIterable<JsonMessage>): Promise<void> {
  const terminal = openWorkTerminal(title, icon);
  await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    async (progress, token) => {
      try {
        for await (const { id, status, error, progressDetail } of open(AbortSignal.any([terminal.signal, signalOf(token)]))) {
          if (error !== undefined) throw new ActionableError(error, { title: vscode.l10n.t("Show Details"), run: () => terminal.show() });
          if (!status) continue;
          if (progressDetail?.total === undefined) terminal.write(`${id ? `${id}: ` : ""}${status}\r\n`);
          progress.report({ message: [id, status].filter(Boolean).join(": ") });
        }
      } finally {
        terminal.finish();
      }
    },
  );
}

const SEARCH_MS = 300;
const MOST_TAGS = 100;

/** What is typed can be pulled as it is; Docker Hub's answers come below it. A registry that does not answer proposes nothing. */
function askName(context: Context): Promise<string | undefined> {
  const input = vscode.window.createQuickPick<vscode.QuickPickItem>();
  input.title = vscode.l10n.t("Pull Image");
  input.placeholder = vscode.l10n.t("nginx:latest, or words to search Docker Hub for");
  let timer: NodeJS.Timeout | undefined;
  let abort = new AbortController();
  const propose = (items: readonly vscode.QuickPickItem[]): void => void (input.items = [...input.items.slice(0, 1), ...items]);
  const listTags = async (text: string): Promise<void> => {
    const client = await context.engine.client();
    const repository = text.slice(0, text.lastIndexOf(":"));
    const typed = text.slice(repository.length + 1);
    const tags = await client.images.remoteTags(repository, {
      auth: await context.accounts.auth(domainOf(repository)),
      signal: abort.signal,
    });
    const fitting = tags.filter((tag) => tag.includes(typed)).toSorted((a, b) => compareText(b, a));
    propose(
      fitting.slice(0, MOST_TAGS).map((tag) => ({ label: `${repository}:${tag}`, description: vscode.l10n.t("tag"), alwaysShow: true })),
    );
  };
  const search = async (text: string): Promise<void> => {
    const client = await context.engine.client();
    const found = await client.images.search(text, { limit: 25, signal: abort.signal });
    const hub = found.map(({ name, description, star_count, is_official }) => ({
      label: name,
      description: [is_official ? vscode.l10n.t("official") : "", `★ ${star_count}`].filter(Boolean).join(" · "),
      detail: description,
      alwaysShow: true,
    }));
    propose(hub);
  };
  input.onDidChangeValue((value) => {
    const text = value.trim();
    abort.abort();
    abort = new AbortController();
    clearTimeout(timer);
    const problem = text && referenceProblem(text);
    input.items = text ? [{ label: text, description: problem || vscode.l10n.t("pull this name"), alwaysShow: true }] : [];
    const tagged = /[^:]:[^/@]*$/.test(text);
    if (text.length < 2 || text.includes("@") || (!tagged && text.includes("/") && /[.:]/.test(text))) return;
    timer = setTimeout(() => {
      input.busy = true;
      void (tagged ? listTags(text) : search(text)).catch(() => {}).finally(() => (input.busy = false));
    }, SEARCH_MS);
  });
  return new Promise((resolve) => {
    input.onDidAccept(() => {
      const name = input.selectedItems[0]?.label ?? input.value.trim();
      if (!name || referenceProblem(name)) return;
      resolve(name);
      input.hide();
    });
    input.onDidHide(() => {
      clearTimeout(timer);
      abort.abort();
      input.dispose();
      resolve(undefined);
    });
    input.show();
  });
}
