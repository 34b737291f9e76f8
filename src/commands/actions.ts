/** What the user can do about an error: one button beside its sentence. */
import * as vscode from "vscode";
import { ClientError, ConnectionError } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";

/** A button, and what it does. */
export interface Action {
  readonly title: string;
  readonly run: () => unknown;
}

/** An error with the one thing that the user can do about it. */
export class ActionableError extends Error {
  readonly action: Action;

  constructor(message: string, action: Action) {
    super(message);
    this.name = "ActionableError";
    this.action = action;
  }
}

const command =
  (name: string, ...args: unknown[]) =>
  (): unknown =>
    vscode.commands.executeCommand(name, ...args);

/** Never none: what nothing mends can still be read about. */
export function actionFor(context: Context, error: Error): Action {
  if (error instanceof ActionableError) return error.action;
  if (/berth\.engine\.nodePath/.test(error.message))
    return { title: vscode.l10n.t("Open Settings"), run: command("workbench.action.openSettings", "berth.engine.nodePath") };
  if (error instanceof ConnectionError || context.engine.state.kind !== "running") return wayToAnEngine(context);
  return (error instanceof ClientError && inTheWay(error)) || refused(error) || showLog(context);
}

function wayToAnEngine({ engine }: Context): Action {
  return engine.own
    ? { title: vscode.l10n.t("Show Engine"), run: command("berth.containers.focus") }
    : { title: vscode.l10n.t("Choose an Endpoint"), run: command("berth.endpoint.use") };
}

/** Docker's sentences name the container that holds a name, an image, a volume or a network. */
function inTheWay({ status, message }: ClientError): Action | undefined {
  if (status === 404 && /No such image/i.test(message)) return { title: vscode.l10n.t("Pull an Image"), run: command("berth.image.pull") };
  const still = /ontainer ([0-9a-f]{12,64}) is not running/.exec(message)?.[1];
  if (still) return { title: vscode.l10n.t("Start It"), run: command("berth.container.start", still) };
  if ((status !== 409 && status !== 403) || !/in use|used by|is using|active endpoints/.test(message)) return undefined;
  const container = /container "?([0-9a-f]{12,64})\b/.exec(message)?.[1] ?? /in use - \[([0-9a-f]{12,64})\b/.exec(message)?.[1];
  const member = /active endpoints \(name:"([^"]+)"/.exec(message)?.[1];
  const name = container ?? member;
  return name === undefined ? undefined : { title: vscode.l10n.t("Remove That Container"), run: command("berth.container.remove", name) };
}

function refused({ message }: Error): Action | undefined {
  return /unauthorized|authentication required|access to the resource is denied|no basic auth credentials/i.test(message)
    ? { title: vscode.l10n.t("Connect a Registry"), run: command("berth.registry.connect") }
    : undefined;
}

function showLog({ log }: Context): Action {
  return { title: vscode.l10n.t("Show Log"), run: () => log.show() };
}
