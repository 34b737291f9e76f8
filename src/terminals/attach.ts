/** The container's own main process as a terminal: what it prints, and what is typed goes to it. Closing the terminal lets go of it. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { LostError, StreamTerminal } from "./shell.ts";
import type { Opened, Target } from "./shell.ts";

/** Ctrl-P Ctrl-Q lets go too, as everywhere in docker. */
export function openAttached(client: DockerClient, target: Target): void {
  const name = vscode.l10n.t("Attached: {0}", target.name);
  const pty = new StreamTerminal({ open: (_size, signal) => attach(client, target, signal) });
  vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon("debug-disconnect") }).show();
}

const ENDING_MS = 3000;

async function attach(client: DockerClient, { id, name }: Target, signal: AbortSignal): Promise<Opened> {
  const { Config } = await client.containers.inspect(id, { signal });
  const tty = Config.Tty ?? false;
  const stream = await client.containers.attach(id, { stdin: Config.OpenStdin ?? false, tty, signal });
  return {
    stream,
    note: vscode.l10n.t("Attached to {0}. Ctrl-P Ctrl-Q, or closing this terminal, lets go of it.", name),
    // Without a terminal of its own it writes bare line feeds.
    plain: !tty,
    resize: (size) => (tty ? client.containers.resize(id, size) : Promise.resolve()),
    exitCode: async () => {
      // What prints no more has ended, or will in a moment: what goes on has been lost.
      const ending = AbortSignal.any([signal, AbortSignal.timeout(ENDING_MS)]);
      const { StatusCode } = await client.containers.wait(id, { signal: ending }).catch((error: unknown) => {
        throw ending.aborted ? new LostError(error) : error;
      });
      return StatusCode;
    },
  };
}
