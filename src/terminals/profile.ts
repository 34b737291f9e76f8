/** The terminal profile "Shell in container…". */
import * as vscode from "vscode";
import type { Context } from "../context.ts";

export function registerProfile(context: Context): vscode.Disposable {
  return vscode.window.registerTerminalProfileProvider("berth.shell", {
    provideTerminalProfile: async () => {
      const [{ isRunning }, { chosenNodes }, { shellTerminal }] = await Promise.all([
        import("../commands/container-operations.ts"),
        import("../commands/pick.ts"),
        import("./shell.ts"),
      ]);
      const title = vscode.l10n.t("Open a shell in which container?");
      const [node] = await chosenNodes(context, context.containers, [], { title, fits: isRunning, one: true });
      if (!node) return undefined;
      return new vscode.TerminalProfile(shellTerminal(await context.engine.client(), { id: node.container.Id, name: node.shown.label }));
    },
  });
}
