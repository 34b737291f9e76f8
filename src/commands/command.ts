/** What a command is, and how its errors reach the user. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { sentenceOf } from "../engine/lost.ts";
import { actionFor } from "./actions.ts";

export interface Command {
  /** The sentence that says why not, or undefined when the command may run. Asked at each call. */
  readonly enabled?: (context: Context) => string | undefined;
  readonly handler: (context: Context, ...args: unknown[]) => Promise<unknown>;
}

/** For commands that run what a folder says: the menus hide them in an untrusted one, and so must the handlers. */
export function trusted(): string | undefined {
  return vscode.workspace.isTrusted ? undefined : vscode.l10n.t("Berth builds and runs nothing from a folder that is not trusted");
}

/** Commands by their name behind `berth.`. */
export type CommandTable = Readonly<Record<string, Command>>;

/** Registers every command that the manifest names. @param load gives what they do; called at the first of them */
export function registerCommands(context: Context, load: () => Promise<CommandTable>): void {
  const { contributes } = context.extension.extension.packageJSON as { contributes: { commands: { command: string }[] } };
  for (const { command: id } of contributes.commands) {
    const run = async (...args: unknown[]): Promise<unknown> => call(context, (await load())[id.replace("berth.", "")]!, args);
    context.extension.subscriptions.push(vscode.commands.registerCommand(id, run));
  }
}

async function call(context: Context, command: Command, args: unknown[]): Promise<unknown> {
  const refusal = command.enabled?.(context);
  if (refusal) {
    const manage = vscode.l10n.t("Manage Workspace Trust");
    void vscode.window.showWarningMessage(refusal, manage).then((chosen) => {
      if (chosen === manage) void vscode.commands.executeCommand("workbench.trust.manage");
    });
    return undefined;
  }
  try {
    return await command.handler(context, ...args);
  } catch (error) {
    if (!isCancel(error)) showError(context, error as Error);
    return undefined;
  }
}

/** Whether someone asked for it: nothing to say then. */
export function isCancel(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || error instanceof vscode.CancellationError);
}

/** Shows an error as the engine's sentence, with the action that fits it. */
export function showError(context: Context, error: Error): void {
  context.log.error(error.stack ?? error.message);
  const action = actionFor(context, error);
  void vscode.window.showErrorMessage(sentenceOf(error), action.title).then((chosen) => {
    if (chosen !== undefined) action.run();
  });
}

/** An AbortSignal that follows a cancellation token. */
export function signalOf(token: vscode.CancellationToken): AbortSignal {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  if (token.isCancellationRequested) abort();
  token.onCancellationRequested(abort);
  return controller.signal;
}
