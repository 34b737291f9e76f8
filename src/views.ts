/** The views: trees that follow the engine, and what is said above them when there is nothing to list. */
import * as vscode from "vscode";
import type { Context } from "./context.ts";
import { fixCommand } from "./engine/state.ts";
import type { EngineState } from "./engine/state.ts";

/** A view's own message hides its welcome text, so what is wrong is said in a view above the one that says what to do. */
const nothing: vscode.TreeDataProvider<never> = { getChildren: () => [], getTreeItem: (item) => item };

/** Creates the views. The engine wakes when one of them is seen for the first time. */
export function createViews({ extension, engine, containers, images }: Context): void {
  const containersView = vscode.window.createTreeView("berth.containers", { treeDataProvider: containers, canSelectMany: true });
  const imagesView = vscode.window.createTreeView("berth.images", { treeDataProvider: images, canSelectMany: true });
  const troubleView = vscode.window.createTreeView("berth.trouble", { treeDataProvider: nothing });
  const wake = (): void => {
    if (containersView.visible || imagesView.visible) void engine.wake();
  };
  const say = (): void => {
    const trouble = troubleOf(engine.state);
    troubleView.title = trouble?.title ?? "";
    troubleView.message = trouble?.message ?? "";
    const fixable = engine.state.kind === "lacking" && fixCommand(engine.state.problems) !== undefined;
    void vscode.commands.executeCommand("setContext", "berth.fix", fixable);
    void vscode.commands.executeCommand("setContext", "berth.own", engine.own);
    // A running engine counts as such once its containers are listed: the view never says "none" too early.
    if (engine.state.kind !== "running") void vscode.commands.executeCommand("setContext", "berth.engine", engine.state.kind);
  };
  const listed = (): void => {
    if (engine.state.kind === "running") void vscode.commands.executeCommand("setContext", "berth.engine", "running");
  };
  say();
  wake();
  extension.subscriptions.push(
    containersView,
    imagesView,
    troubleView,
    containersView.onDidChangeVisibility(wake),
    imagesView.onDidChangeVisibility(wake),
    engine.onDidChangeState(say),
    containers.onDidChangeTreeData(listed),
  );
}

function troubleOf(state: EngineState): { title: string; message: string } | undefined {
  if (state.kind === "lacking") {
    const message = state.problems.map((problem) => `${problem.message}.\n→ ${problem.fix}`).join("\n\n");
    return { title: vscode.l10n.t("This Machine Lacks Something"), message };
  }
  return state.kind === "failed" ? { title: vscode.l10n.t("No Engine"), message: state.message } : undefined;
}
