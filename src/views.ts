/** The views: trees that follow the engine, and what is said above them when there is nothing to list. */
import * as vscode from "vscode";
import type { Context } from "./context.ts";
import { fixCommand, shortReason } from "./engine/state.ts";
import type { EngineState } from "./engine/state.ts";
import { FileDrops } from "./files/drops.ts";
import { isUnhealthy } from "./tree/container.ts";
import type { ContainerNode } from "./tree/containers-tree.ts";
import type { LiveTree } from "./tree/live-tree.ts";
import type { Node } from "./tree/node.ts";
import { VIEWS } from "./tree/trees.ts";
import type { ViewName } from "./tree/trees.ts";

/** A view's own message hides its welcome text, so what is wrong is said in a view above the one that says what to do. */
const nothing: vscode.TreeDataProvider<never> = { getChildren: () => [], getTreeItem: (item) => item };

/** Creates the views and puts them into `views` by name. The engine wakes when one of them is seen for the first time. */
export function createViews(context: Context, views: Map<string, vscode.TreeView<unknown>>): void {
  const { extension, engine, containers } = context;
  for (const name of VIEWS) views.set(name, createView(context, name));
  const troubleView = vscode.window.createTreeView("berth.trouble", { treeDataProvider: nothing });
  const wake = (): void => {
    if ([...views.values()].some(({ visible }) => visible)) void engine.wake();
  };
  const say = (): void => {
    const trouble = troubleOf(engine.state);
    troubleView.title = trouble?.title ?? "";
    troubleView.message = trouble?.message ?? "";
    const fixable = engine.state.kind === "lacking" && fixCommand(engine.state.problems) !== undefined;
    setKey("fix", fixable);
    setKey("own", engine.own);
    // Nothing is known before the first look: what only our own engine can do is offered until then.
    setKey("other", !engine.own);
    // A running engine counts as such once its containers are listed: the view never says "none" too early.
    if (engine.state.kind !== "running") setKey("engine", engine.state.kind);
  };
  const listed = (): void => {
    if (engine.state.kind === "running") setKey("engine", "running");
    views.get("containers")!.badge = badge(containers.nodes);
  };
  say();
  wake();
  extension.subscriptions.push(
    troubleView,
    ...[...views.values()].flatMap((view) => [view, view.onDidChangeVisibility(wake)]),
    engine.onDidChangeState(say),
    containers.onDidChangeTreeData(listed),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("berth.badge")) listed();
    }),
  );
}

function createView(context: Context, name: ViewName): vscode.TreeView<unknown> {
  const tree = context[name] as unknown as LiveTree<Node>;
  const view = vscode.window.createTreeView<Node>(`berth.${name}`, {
    treeDataProvider: tree,
    canSelectMany: true,
    showCollapseAll: true,
    dragAndDropController: new FileDrops(context, name),
  });
  keepFilter(context, name, view);
  return view;
}

/** A filter is said beside the view's title, kept for this folder, and there again after a reload. */
function keepFilter({ extension, ...context }: Context, name: ViewName, view: vscode.TreeView<Node>): void {
  const tree = context[name] as unknown as LiveTree<Node>;
  const key = `filter:${name}`;
  tree.onDidNarrow(({ filter, found }) => {
    view.description = filter ? vscode.l10n.t("filter: {0}", filter) : "";
    view.message = filter && found === 0 ? vscode.l10n.t("Nothing here has: {0}", filter) : "";
    if (found !== undefined) return;
    setKey(`${name}.filtered`, filter !== "");
    void extension.workspaceState.update(key, filter || undefined);
  });
  tree.filter = extension.workspaceState.get(key, "");
}

function setKey(name: string, value: unknown): void {
  void vscode.commands.executeCommand("setContext", `berth.${name}`, value);
}

/** A number on the activity bar: what runs, or only what is in trouble. */
function badge(nodes: readonly ContainerNode[]): vscode.ViewBadge | undefined {
  const wanted = vscode.workspace.getConfiguration("berth").get<string>("badge", "trouble");
  const inTrouble = ({ container }: ContainerNode): boolean =>
    container.State === "restarting" || container.State === "dead" || isUnhealthy(container);
  const counts = wanted === "running" ? ({ container }: ContainerNode) => container.State === "running" : inTrouble;
  const value = wanted === "off" ? 0 : nodes.filter(counts).length;
  if (value === 0) return undefined;
  return {
    value,
    tooltip: wanted === "running" ? vscode.l10n.t("Running containers: {0}", value) : vscode.l10n.t("Containers in trouble: {0}", value),
  };
}

function troubleOf(state: EngineState): { title: string; message: string } | undefined {
  if (state.kind === "lacking") {
    const [problem, ...others] = state.problems;
    // A view's message has room for one, and ends where the view does.
    const message =
      problem === undefined || others.length > 0
        ? vscode.l10n.t("{0} things are missing: the Doctor shows each of them, and how to mend it", state.problems.length)
        : `${problem.message}.\n→ ${problem.fix}`;
    return { title: vscode.l10n.t("This Machine Lacks Something"), message };
  }
  return state.kind === "failed" ? { title: vscode.l10n.t("No Engine"), message: shortReason(state.message) } : undefined;
}
