/** What every view's title bar has: filter, group, sort, refresh. One table for all views. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import type { LiveTree } from "../tree/live-tree.ts";
import type { Node } from "../tree/node.ts";
import { VIEWS } from "../tree/trees.ts";
import type { ViewName } from "../tree/trees.ts";
import type { Command } from "./command.ts";

const treeOf = (context: Context, view: ViewName): LiveTree<Node> => context[view] as unknown as LiveTree<Node>;

/** Narrows the view as it is typed. */
function filter(context: Context, view: ViewName): Promise<void> {
  const tree = treeOf(context, view);
  const before = tree.filter;
  const input = vscode.window.createInputBox();
  input.title = vscode.l10n.t("Filter: words that must occur");
  input.placeholder = vscode.l10n.t("Name, image, state, port…");
  input.value = before;
  let accepted = false;
  input.onDidChangeValue((text) => (tree.filter = text.trim()));
  return new Promise((resolve) => {
    input.onDidAccept(() => {
      accepted = true;
      input.hide();
    });
    input.onDidHide(() => {
      if (!accepted) tree.filter = before;
      input.dispose();
      resolve();
    });
    input.show();
  });
}

async function clearFilter(context: Context, view: ViewName): Promise<void> {
  treeOf(context, view).filter = "";
}

const settings = (view: ViewName): vscode.WorkspaceConfiguration => vscode.workspace.getConfiguration(`berth.${view}`);

/** Where the value comes from that counts now: a workspace's own would win over what is written elsewhere. */
async function set(view: ViewName, name: string, value: unknown): Promise<void> {
  const { Global, Workspace } = vscode.ConfigurationTarget;
  const own = settings(view).inspect(name)?.workspaceValue !== undefined;
  await settings(view).update(name, value, own ? Workspace : Global);
}

async function group(context: Context, view: ViewName): Promise<void> {
  const { groups = {}, label } = treeOf(context, view).noun;
  const byLabel = vscode.l10n.t("label…");
  const none = vscode.l10n.t("nothing");
  const chosen = await choose(
    vscode.l10n.t("Group by"),
    [none, ...Object.keys(groups), ...(label ? [byLabel] : [])],
    settings(view).get("groupBy", ""),
  );
  if (!chosen) return;
  const value = chosen === byLabel ? await askLabel() : chosen === none ? "none" : chosen;
  if (value) await set(view, "groupBy", value);
}

async function askLabel(): Promise<string | undefined> {
  const name = await vscode.window.showInputBox({ title: vscode.l10n.t("Group by label"), prompt: vscode.l10n.t("Name of the label") });
  return name ? `label:${name}` : undefined;
}

async function sort(context: Context, view: ViewName): Promise<void> {
  const chosen = await choose(vscode.l10n.t("Sort by"), Object.keys(treeOf(context, view).noun.orders), settings(view).get("sortBy", ""));
  if (chosen) await set(view, "sortBy", chosen);
}

/** The settings' values are words of their own language. */
const NAMES: Readonly<Record<string, string>> = {
  project: vscode.l10n.t("project"),
  image: vscode.l10n.t("image"),
  state: vscode.l10n.t("state"),
  network: vscode.l10n.t("network"),
  repository: vscode.l10n.t("repository"),
  inUse: vscode.l10n.t("in use or not"),
  driver: vscode.l10n.t("driver"),
  name: vscode.l10n.t("name"),
  created: vscode.l10n.t("age"),
  size: vscode.l10n.t("size"),
};

async function choose(title: string, values: readonly string[], current: string): Promise<string | undefined> {
  const items = values.map((value) => ({
    label: NAMES[value] ?? value,
    description: value === current ? vscode.l10n.t("current") : "",
    value,
  }));
  return (await vscode.window.showQuickPick(items, { title }))?.value;
}

type ViewAction = (context: Context, view: ViewName) => Promise<void>;

const EVERYWHERE: Readonly<Record<string, ViewAction>> = {
  filter,
  clearFilter,
  refresh: async (context, view) => treeOf(context, view).refresh(),
};

const ARRANGED: Readonly<Record<string, ViewAction>> = { group, sort };

const SWITCHED: Readonly<Record<string, ViewAction>> = {
  hideUnused: async (_context, view) => set(view, "hideUnused", true),
  showUnused: async (_context, view) => set(view, "hideUnused", false),
};

/** What each view can do beyond that has a setting. */
const MORE: Readonly<Partial<Record<ViewName, Readonly<Record<string, ViewAction>>>>> = {
  containers: ARRANGED,
  images: { ...ARRANGED, ...SWITCHED },
  volumes: ARRANGED,
  networks: { ...ARRANGED, ...SWITCHED },
};

/** `berth.<view>.<action>` for each. */
export const viewCommands: Readonly<Record<string, Command>> = Object.fromEntries(
  VIEWS.flatMap((view) =>
    Object.entries({ ...EVERYWHERE, ...MORE[view] }).map(
      ([action, work]) => [`${view}.${action}`, { handler: (context: Context) => work(context, view) }] as const,
    ),
  ),
);
