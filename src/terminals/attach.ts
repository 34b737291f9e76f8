/** The container's own main process as a terminal: what it prints, and what is typed goes to it. Closing the terminal lets go of it. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { ClientError } from "../../engine/client/errors.ts";
import { LostError, StreamTerminal } from "./shell.ts";
import type { Opened, Target } from "./shell.ts";

/** Ctrl-P Ctrl-Q lets go too, as everywhere in docker. */
export function openAttached(client: DockerClient, target: Target): void {
  const name = vscode.l10n.t("Attached: {0}", target.name);
  const pty = new StreamTerminal({ open: (_size, signal) => attach(client, target, signal) });
  vscode.window.createTerminal({ name, pty, iconPath: new vscode.ThemeIcon("debug-disconnect") }).show();
}

async function attach(client: DockerClient, { id, name }: Target, signal: AbortSignal): Promise<Opened> {
  const { Config } = await client.containers.inspect(id, { signal });
  const tty = Config.Tty ?? false;
  const stream = await client.containers.attach(id, { stdin: Config.OpenStdin ?? false, tty, signal });
  // Asked now, by the same engine: it answers the end, also of a container that goes with it, and is cut off when the engine is lost.
  const ended = client.containers.wait(id, { signal });
  ended.catch(() => {});
  return {
    stream,
    note: vscode.l10n.t("Attached to {0}. Ctrl-P Ctrl-Q, or closing this terminal, lets go of it.", name),
    // Without a terminal of its own it writes bare line feeds.
    plain: !tty,
    resize: (size) => (tty ? client.containers.resize(id, size) : Promise.resolve()),
    exitCode: async () => {
      const { StatusCode } = await ended.catch((error: unknown) => {
        throw error instanceof ClientError || signal.aborted ? error : new LostError(error);
      });
      return StatusCode;
    },
  };
}
