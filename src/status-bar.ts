/** The one status bar item: the engine's state, and a menu on click. */
import * as vscode from "vscode";
import type { Context } from "./context.ts";
import { shortReason } from "./engine/state.ts";
import type { EngineState } from "./engine/state.ts";
import { isUnhealthy } from "./tree/container.ts";
import { tooltip } from "./tree/words.ts";

/** Adds the item and keeps it true. */
export function showStatus({ extension, engine, containers }: Pick<Context, "extension" | "engine" | "containers">): void {
  const item = vscode.window.createStatusBarItem("berth.engine", vscode.StatusBarAlignment.Left, 10);
  item.name = vscode.l10n.t("Berth: engine");
  item.command = "berth.engine.menu";
  const draw = (): void => {
    const { icon, words, trouble } = describe({ engine, containers });
    item.text = words ? `$(${icon}) Berth: ${words}` : `$(${icon}) Berth`;
    const said = vscode.l10n.t("Berth's container engine: {0}", words || vscode.l10n.t("not asked yet"));
    item.tooltip = tooltip(said, "", [
      [vscode.l10n.t("Endpoint"), engine.endpoint || undefined],
      [vscode.l10n.t("Why"), reasonOf(engine.state)],
      [
        vscode.l10n.t("Unhealthy"),
        containers.nodes.flatMap(({ container, shown }) => (isUnhealthy(container) ? [shown.label] : [])).join(", "),
      ],
    ]);
    item.accessibilityInformation = { label: said };
    item.backgroundColor = trouble ? new vscode.ThemeColor("statusBarItem.warningBackground") : undefined;
  };
  draw();
  item.show();
  extension.subscriptions.push(item, engine.onDidChangeState(draw), containers.onDidChangeTreeData(draw));
}

function reasonOf(state: EngineState): string | undefined {
  if (state.kind === "failed") return shortReason(state.message);
  return state.kind === "lacking" ? state.problems.map(({ message }) => message).join("; ") : undefined;
}

interface Status {
  readonly icon: string;
  readonly words: string;
  readonly trouble?: boolean;
}

function describe({ engine, containers }: Pick<Context, "engine" | "containers">): Status {
  switch (engine.state.kind) {
    case "idle":
      return { icon: "package", words: "" };
    case "starting":
      return { icon: "loading~spin", words: vscode.l10n.t("starting") };
    case "running": {
      const running = containers.nodes.filter(({ container }) => container.State === "running").length;
      return { icon: "package", words: vscode.l10n.t("{0} running", running) };
    }
    case "stopped":
      return { icon: "debug-stop", words: vscode.l10n.t("stopped") };
    case "lacking":
      return { icon: "warning", words: vscode.l10n.t("needs your help"), trouble: true };
    case "failed":
      return { icon: "warning", words: vscode.l10n.t("not reachable"), trouble: true };
    case "unsupported":
      return { icon: "info", words: vscode.l10n.t("needs Linux") };
  }
}
