/** The terminal profile "Shell in container…". */
import * as vscode from "vscode";
import { isRunning } from "../commands/container-operations.ts";
import { chosenNodes } from "../commands/pick.ts";
import type { Context } from "../context.ts";
import { shellTerminal } from "./shell.ts";

export function registerProfile(context: Context): vscode.Disposable {
  return vscode.window.registerTerminalProfileProvider("berth.shell", {
    provideTerminalProfile: async () => {
      const title = vscode.l10n.t("Open a shell in which container?");
      const [node] = await chosenNodes(context, context.containers, [], { title, fits: isRunning, one: true });
      if (!node) return undefined;
      return new vscode.TerminalProfile(shellTerminal(await context.engine.client(), { id: node.container.Id, name: node.shown.label }));
    },
  });
}
