/** The views: trees that follow the engine, and what is said above them when there is nothing to list. */
import * as vscode from "vscode";
import type { Context } from "./context.ts";
import type { EngineState } from "./engine/state.ts";

/** Creates the views. The engine wakes when one of them is seen for the first time. */
export function createViews({ extension, engine, containers, images }: Context): void {
  const containersView = vscode.window.createTreeView("berth.containers", { treeDataProvider: containers, canSelectMany: true });
  const imagesView = vscode.window.createTreeView("berth.images", { treeDataProvider: images, canSelectMany: true });
  const wake = (): void => {
    if (containersView.visible || imagesView.visible) void engine.wake();
  };
  const say = (): void => {
    containersView.message = messageOf(engine.state) ?? "";
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
    containersView.onDidChangeVisibility(wake),
    imagesView.onDidChangeVisibility(wake),
    engine.onDidChangeState(say),
    containers.onDidChangeTreeData(listed),
  );
}

function messageOf(state: EngineState): string | undefined {
  if (state.kind === "lacking") return state.problems.map(({ message, fix }) => `${message}.\n${fix}`).join("\n\n");
  if (state.kind === "failed") return state.message;
  return undefined;
}
