/** How a container ends: a signal of the user's choice, and word of it when it has ended. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import { signalOf } from "./command.ts";
import type { Command } from "./command.ts";
import { isAlive, isRunning } from "./container-operations.ts";
import { say, together } from "./operation.ts";
import { chosenNodes } from "./pick.ts";

/** What programs listen to; Kill is a command of its own, because it asks first. */
const SIGNALS: readonly (readonly [name: string, meaning: string])[] = [
  ["SIGHUP", vscode.l10n.t("read the configuration again, for most servers")],
  ["SIGINT", vscode.l10n.t("as Ctrl-C in its terminal")],
  ["SIGTERM", vscode.l10n.t("end in good order")],
  ["SIGQUIT", vscode.l10n.t("end, after what is under way, or with a dump")],
  ["SIGUSR1", vscode.l10n.t("what the program makes of it")],
  ["SIGUSR2", vscode.l10n.t("what the program makes of it")],
  ["SIGWINCH", vscode.l10n.t("another size of the window; for Apache, a graceful end")],
];

async function send(context: Context, ...args: unknown[]): Promise<void> {
  const title = vscode.l10n.t("Send a signal to which container?");
  const nodes = await chosenNodes(context, context.containers, args, { title, fits: isRunning, one: !args[0] });
  if (nodes.length === 0) return;
  const items = SIGNALS.map(([label, description]) => ({ label, description }));
  const names = nodes.map(({ shown }) => shown.label).join(", ");
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Send {0} which signal?", names),
    matchOnDescription: true,
  });
  if (!chosen) return;
  const { containers } = await context.engine.client();
  for (const { shown } of nodes) say(context, ["kill", "--signal", chosen.label, shown.label]);
  await together(nodes.map(({ container }) => containers.kill(container.Id, { killSignal: chosen.label })));
}

async function wait(context: Context, ...args: unknown[]): Promise<void> {
  const title = vscode.l10n.t("Tell when which container ends?");
  const nodes = await chosenNodes(context, context.containers, args, { title, fits: isAlive, one: !args[0] });
  await together(nodes.map((node) => tellEnd(context, node)));
}

/** As long as the notification is there; canceling it forgets the question, and does nothing to the container. */
async function tellEnd(context: Context, { container, shown }: ContainerNode): Promise<void> {
  const { containers } = await context.engine.client();
  say(context, ["wait", shown.label]);
  const title = vscode.l10n.t("Waiting for {0} to end", shown.label);
  const { StatusCode } = await vscode.window.withProgress(
    { location: vscode.ProgressLocation.Notification, cancellable: true, title },
    (_progress, token) => containers.wait(container.Id, { signal: signalOf(token) }),
  );
  const logs = vscode.l10n.t("View Logs");
  const text = vscode.l10n.t("{0} ended with exit code {1}", shown.label, StatusCode);
  const show = StatusCode === 0 ? vscode.window.showInformationMessage : vscode.window.showWarningMessage;
  void show(text, logs).then((answer) => answer === logs && vscode.commands.executeCommand("berth.container.logs", container.Id));
}

export const endCommands: Readonly<Record<string, Command>> = {
  "container.signal": { handler: send },
  "container.wait": { handler: wait },
};
