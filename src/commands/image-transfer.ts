/** Pull, push and search: images between the engine and registries, with the logins that the user has connected. */
import * as vscode from "vscode";
import type { JsonMessage } from "../../engine/api/types/image.ts";
import { parseReference } from "../../engine/syntax/reference.ts";
import type { Context } from "../context.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import { ActionableError, signalOf } from "./command.ts";
import { referenceProblem, splitTag } from "./image-name.ts";
import { say } from "./operation.ts";

/** Asks for a name, with the hub's and its tags' proposals, unless one is given. */
export async function pull(context: Context, given?: string): Promise<void> {
  const name = given ?? (await askName(context));
  if (!name) return;
  const { repository, tag } = splitTag(name);
  const client = await context.engine.client();
  const auth = await context.accounts.auth(domainOf(name));
  say(context, ["pull", name]);
  await transfer(vscode.l10n.t("Pulling {0}", name), "cloud-download", (signal) => client.images.pull(repository, { tag, auth, signal }));
}

export async function push(context: Context, { shown }: ImageNode): Promise<void> {
  const { repository, tag } = splitTag(shown.reference);
  const client = await context.engine.client();
  const auth = await context.accounts.auth(domainOf(shown.reference));
  say(context, ["push", shown.reference]);
  await transfer(vscode.l10n.t("Pushing {0}", shown.reference), "cloud-upload", (signal) =>
    client.images.push(repository, { tag, auth, signal }),
  );
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

/** What is typed can be pulled as it is; Docker Hub's answers come below it. A registry that does not answer proposes nothing. */
function askName(context: Context): Promise<string | undefined> {
  const input = vscode.window.createQuickPick<vscode.QuickPickItem>();
  input.title = vscode.l10n.t("Pull Image");
  input.placeholder = vscode.l10n.t("nginx:latest, or words to search Docker Hub for");
  let timer: NodeJS.Timeout | undefined;
  let abort = new AbortController();
  const search = async (text: string): Promise<void> => {
    const client = await context.engine.client();
    const found = await client.images.search(text, { limit: 25, signal: abort.signal });
    const hub = found.map(({ name, description, star_count, is_official }) => ({
      label: name,
      description: [is_official ? vscode.l10n.t("official") : "", `★ ${star_count}`].filter(Boolean).join(" · "),
      detail: description,
      alwaysShow: true,
    }));
    input.items = [...input.items.slice(0, 1), ...hub];
  };
  input.onDidChangeValue((value) => {
    const text = value.trim();
    abort.abort();
    abort = new AbortController();
    clearTimeout(timer);
    const problem = text && referenceProblem(text);
    input.items = text ? [{ label: text, description: problem || vscode.l10n.t("pull this name"), alwaysShow: true }] : [];
    if (text.length < 2 || /[:/@]/.test(text)) return;
    timer = setTimeout(() => {
      input.busy = true;
      void search(text)
        .catch(() => {})
        .finally(() => (input.busy = false));
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
