/** A shell in the files and the environment of a build's step, also of a failed one. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { StreamTerminal } from "./shell.ts";

export function openStepShell(client: DockerClient, { build, step, name }: { build: string; step: string; name: string }): void {
  const pty = new StreamTerminal({
    open: async (size, signal) => {
      const { rows, columns } = size ?? { rows: 24, columns: 80 };
      const shell = await client.buildRecords.shell(build, step, { Tty: true, ConsoleSize: [rows, columns], signal });
      return {
        stream: shell.stream,
        note: vscode.l10n.t("As it is after: {0}", name),
        resize: (changed) => client.buildRecords.resizeShell(shell.id, changed),
        exitCode: async () => 0,
      };
    },
  });
  vscode.window.createTerminal({ name: vscode.l10n.t("Step {0}", step), pty, iconPath: new vscode.ThemeIcon("package") }).show();
}
