/** A container that is made and not started: to be given files, networks or other options first. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import type { Command } from "./command.ts";
import { containerNameFor } from "./image-name.ts";
import { busy, say } from "./operation.ts";
import { chosenNodes } from "./pick.ts";

async function create(context: Context, ...args: unknown[]): Promise<void> {
  const title = vscode.l10n.t("Create a container of which image?");
  const [image] = await chosenNodes(context, context.images, args, { title, one: true });
  if (!image) return;
  const { reference } = image.shown;
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t("Create a Container of {0}", image.shown.label),
    prompt: vscode.l10n.t("Name, or empty for one that the engine makes up"),
    value: containerNameFor(reference),
    validateInput: (text) => (text === "" ? undefined : containerNameProblem(text)),
  });
  if (name === undefined) return;
  say(context, ["create", ...(name ? ["--name", name] : []), reference]);
  const client = await context.engine.client();
  const view = { title: vscode.l10n.t("Creating {0}", name || image.shown.label), view: "containers" };
  const { Warnings } = await busy(view, (signal) => client.containers.create({ Image: reference }, { name: name || undefined, signal }));
  for (const warning of Warnings) context.log.warn(warning);
}

/** Undefined for a name that docker would take. */
export function containerNameProblem(text: string): string | undefined {
  return /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text) ? undefined : vscode.l10n.t("Letters, digits, _ . and - only, two at least");
}

export const createCommands: Readonly<Record<string, Command>> = {
  "container.create": { handler: create },
};
