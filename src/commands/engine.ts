/** The engine's own commands, and the menu behind the status bar item. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { fixCommand } from "../engine/state.ts";
import type { Command } from "./command.ts";

async function stop(context: Context): Promise<void> {
  // The engine is asked, not the view, which may be a moment behind.
  const running = (await context.engine.runningClient?.containers.list())?.length ?? 0;
  if (running > 0 && context.engine.own) {
    const yes = vscode.l10n.t("Stop");
    const detail = vscode.l10n.t("{0} running containers are stopped with it.", running);
    if ((await vscode.window.showWarningMessage(vscode.l10n.t("Stop the engine?"), { modal: true, detail }, yes)) !== yes) return;
  }
  await vscode.window.withProgress({ location: { viewId: "berth.containers" } }, () => context.engine.stop());
}

async function start(context: Context): Promise<void> {
  await vscode.window.withProgress({ location: { viewId: "berth.containers" } }, () => context.engine.start());
}

/** What can be done next depends on the state, so the menu has only that. */
async function menu({ engine }: Context): Promise<void> {
  const item = (icon: string, label: string, command: string): vscode.QuickPickItem & { command: string } => ({
    label: `$(${icon}) ${label}`,
    command,
  });
  const running = engine.state.kind === "running";
  const items = [
    // What Enter does first must do no harm.
    ...(running ? [item("list-tree", vscode.l10n.t("Show Containers"), "berth.containers.focus")] : []),
    ...(running ? [] : [item("play", vscode.l10n.t("Start Engine"), "berth.engine.start")]),
    ...(running && engine.own ? [item("debug-restart", vscode.l10n.t("Restart Engine"), "berth.engine.restart")] : []),
    ...(running && engine.own ? [item("debug-stop", vscode.l10n.t("Stop Engine"), "berth.engine.stop")] : []),
    ...(running ? [] : [item("list-tree", vscode.l10n.t("Show Containers"), "berth.containers.focus")]),
    item("plug", vscode.l10n.t("Use Another Engine…"), "berth.endpoint.use"),
    ...(engine.own ? [item("output", vscode.l10n.t("Show Engine Log"), "berth.engine.log")] : []),
    item("pulse", vscode.l10n.t("Doctor: Check This Machine"), "berth.doctor"),
  ];
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Berth's container engine") });
  if (chosen) await vscode.commands.executeCommand(chosen.command);
}

/** The engine's own file where it has one, else what this extension noted. */
async function showLog({ engine, log }: Context): Promise<void> {
  const file = await engine.logFile();
  if (!file) return log.show();
  await vscode.window.showTextDocument(vscode.Uri.file(file), { preview: true });
}

async function check({ engine }: Context): Promise<void> {
  const problems = await engine.problems();
  if (problems.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("This machine has all that Berth's engine needs"));
    return;
  }
  const command = fixCommand(problems);
  const run = vscode.l10n.t("Run the Fix in a Terminal");
  const message = problems.map((problem) => `${problem.message}: ${problem.fix}`).join("\n");
  if ((await vscode.window.showWarningMessage(message, ...(command ? [run] : []))) === run) openFix(command!);
}

/** Undefined, and said so, when no single command mends this machine. */
function fixOf({ engine }: Context): string | undefined {
  const command = engine.state.kind === "lacking" ? fixCommand(engine.state.problems) : undefined;
  if (!command) void vscode.window.showInformationMessage(vscode.l10n.t("There is no single command to run: see what Berth's view says"));
  return command;
}

async function withFix(context: Context, work: (command: string) => unknown): Promise<void> {
  const command = fixOf(context);
  if (command) await work(command);
}

/** Typed but not entered: what runs with sudo is for the user to send off. */
export function openFix(command: string): void {
  const terminal = vscode.window.createTerminal({ name: vscode.l10n.t("Berth: fix"), iconPath: new vscode.ThemeIcon("tools") });
  terminal.show();
  terminal.sendText(command, false);
}

/** Commands on the engine itself. */
export const engineCommands: Readonly<Record<string, Command>> = {
  "engine.start": { handler: start },
  "engine.stop": { handler: stop },
  "engine.restart": {
    handler: async (context) => {
      await stop(context);
      await start(context);
    },
  },
  "engine.menu": { handler: menu },
  "engine.log": { handler: showLog },
  "engine.check": { handler: check },
  "engine.fix": { handler: (context) => withFix(context, openFix) },
  "engine.copyFix": { handler: (context) => withFix(context, (command) => vscode.env.clipboard.writeText(command)) },
};
