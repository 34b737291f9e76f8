/** Copy Equivalent Command: what one would type in a terminal instead. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { specOf, runWords } from "../run/spec.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import { containerOperations, isRunning } from "./container-operations.ts";
import { onContainers } from "./container.ts";
import type { Command } from "./command.ts";
import { onImages } from "./image.ts";
import { commandLine } from "./operation.ts";

async function ofContainer(context: Context, node: ContainerNode): Promise<void> {
  const { shown, container } = node;
  const inspect = await (await context.engine.client()).containers.inspect(container.Id);
  const operations = Object.values(containerOperations).filter(({ fits }) => !fits || fits(node));
  await copy(context, [
    ["run", ...runWords(specOf(inspect))],
    ["logs", "--follow", shown.label],
    ["inspect", shown.label],
    ...(isRunning(node) ? [["exec", "-it", shown.label, "sh"]] : []),
    ...operations.map(({ words }) => [...words(node)]),
  ]);
}

async function copy(context: Context, choices: readonly (readonly string[])[]): Promise<void> {
  const items = choices.map((words) => ({ label: commandLine(context, words) }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Copy the equivalent command"),
    placeHolder: vscode.l10n.t("Choose a command to copy"),
  });
  if (chosen) await vscode.env.clipboard.writeText(chosen.label);
}

export const equivalentCommands: Readonly<Record<string, Command>> = {
  "container.copyCommand": onContainers(vscode.l10n.t("Copy a command for which container?"), ofContainer),
  "image.copyCommand": onImages(vscode.l10n.t("Copy a command for which image?"), (context, { shown: { reference } }) =>
    copy(context, [
      ["run", "--rm", "-it", reference],
      ["run", "--detach", "--publish-all", reference],
      ["pull", reference],
      ["push", reference],
      ["history", reference],
      ["save", "--output", "image.tar", reference],
      ["rmi", reference],
    ]),
  ),
};
