/** Commands of the user's own, from the setting `berth.customCommands`, on rows of the views. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { quoteWord } from "../run/spec.ts";
import { PROJECT_LABEL } from "../tree/container.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import type { NetworkNode } from "../tree/networks-tree.ts";
import type { Node } from "../tree/node.ts";
import type { VolumeNode } from "../tree/volumes-tree.ts";
import { trusted } from "./command.ts";
import type { Command } from "./command.ts";
import { chosenNodes } from "./pick.ts";

interface CustomCommand {
  readonly label: string;
  readonly on: "container" | "image" | "volume" | "network";
  readonly match?: string;
  readonly command: string;
}

/** What of a row can be filled in. */
function valuesOf(row: Node): Readonly<Record<string, string>> | undefined {
  if (row.kind === "container") {
    const { container, shown } = row as ContainerNode;
    return { name: shown.label, id: container.Id, image: container.Image, project: container.Labels[PROJECT_LABEL] ?? "" };
  }
  if (row.kind === "image") return { name: (row as ImageNode).shown.reference, id: (row as ImageNode).image.Id };
  if (row.kind === "volume") return { name: (row as VolumeNode).volume.Name, id: (row as VolumeNode).volume.Name };
  if (row.kind === "network") return { name: (row as NetworkNode).network.Name, id: (row as NetworkNode).network.Id };
  return undefined;
}

/** The command with its values, each one word for a shell. @throws {Error} for a name that has no value */
export function fillIn(command: string, values: Readonly<Record<string, string>>): string {
  return command.replaceAll(/\$\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    if (value === undefined) throw new Error(vscode.l10n.t("{0} means nothing here: there are {1}", whole, Object.keys(values).join(", ")));
    return quoteWord(value);
  });
}

function fits({ on, match }: CustomCommand, row: Node): boolean {
  if (on !== row.kind) return false;
  try {
    return match === undefined || new RegExp(match).test(valuesOf(row)?.["name"] ?? "");
  } catch {
    throw new Error(vscode.l10n.t('"{0}" in berth.customCommands is no regular expression', match ?? ""));
  }
}

async function run(context: Context, ...args: unknown[]): Promise<void> {
  const all = vscode.workspace.getConfiguration("berth").get<readonly CustomCommand[]>("customCommands", []);
  if (all.length === 0) return offerSettings();
  const row = (args[0] as Node | undefined)?.shown ? (args[0] as Node) : await chooseRow(context, all);
  if (!row) return;
  const items = all.filter((custom) => fits(custom, row)).map((custom) => ({ label: custom.label, description: custom.command, custom }));
  if (items.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("No custom command fits {0}", row.shown.label));
  const chosen = await vscode.window.showQuickPick(items, { title: row.shown.label });
  if (!chosen) return;
  const text = fillIn(chosen.custom.command, valuesOf(row) ?? {});
  context.log.info(`$ ${text}`);
  const terminal = vscode.window.createTerminal({ name: chosen.label, iconPath: new vscode.ThemeIcon("zap") });
  terminal.show();
  terminal.sendText(text);
}

async function chooseRow(context: Context, all: readonly CustomCommand[]): Promise<Node | undefined> {
  const kinds = [...new Set(all.map(({ on }) => on))];
  const chosen =
    kinds.length === 1 ? kinds[0] : await vscode.window.showQuickPick(kinds, { title: vscode.l10n.t("A custom command for what?") });
  const kind = kinds.find((each) => each === chosen);
  if (!kind) return undefined;
  const trees = { container: context.containers, image: context.images, volume: context.volumes, network: context.networks };
  const title = vscode.l10n.t("A custom command for which?");
  return (await chosenNodes(context, trees[kind] as unknown as Context["containers"], [], { title, one: true }))[0];
}

async function offerSettings(): Promise<void> {
  const open = vscode.l10n.t("Open Settings");
  const message = vscode.l10n.t("No custom command is set: write them into berth.customCommands");
  if ((await vscode.window.showInformationMessage(message, open)) === open)
    await vscode.commands.executeCommand("workbench.action.openSettings", "berth.customCommands");
}

/** They come from settings, which a folder may bring. */
export const customCommands: Readonly<Record<string, Command>> = { "custom.run": { enabled: trusted, handler: run } };
