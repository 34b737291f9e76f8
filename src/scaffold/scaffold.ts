/** Add Dockerfile and Compose File to Workspace…: what a program of this kind begins with. */
import { basename } from "node:path";
import * as vscode from "vscode";
import { trusted } from "../commands/command.ts";
import type { Command } from "../commands/command.ts";
import { defaultImageName } from "../commands/image-name.ts";
import type { Context } from "../context.ts";
import { filesOf, templates } from "./templates.ts";
import type { Template } from "./templates.ts";

async function addFiles(_context: Context, ...args: unknown[]): Promise<void> {
  const folder = args[0] instanceof vscode.Uri ? args[0] : await chooseFolder();
  if (!folder) return;
  const files = (await vscode.workspace.fs.readDirectory(folder)).map(([name]) => name);
  const template = await chooseTemplate(files);
  if (!template) return;
  const port = await vscode.window.showInputBox({
    title: vscode.l10n.t("Add a Dockerfile for {0}", template.label),
    prompt: vscode.l10n.t("Port that the program listens on, or empty for none"),
    value: template.port,
    validateInput: (text) =>
      text === "" || (/^\d{1,5}$/.test(text) && Number(text) <= 65_535) ? undefined : vscode.l10n.t("A port is a number up to 65535"),
  });
  if (port === undefined) return;
  const [yes, no] = [vscode.l10n.t("With a compose file"), vscode.l10n.t("Only a Dockerfile")];
  const how = await vscode.window.showQuickPick([yes, no], { title: vscode.l10n.t("Add a Dockerfile for {0}", template.label) });
  if (!how) return;
  const name = defaultImageName(`${folder.fsPath}/Dockerfile`).replace(/:.*/, "");
  await write(folder, filesOf(template, { name, port, files }, how === yes));
}

async function chooseFolder(): Promise<vscode.Uri | undefined> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length === 0) throw new Error(vscode.l10n.t("Open a folder first: that is where the files go"));
  if (folders.length === 1) return folders[0]!.uri;
  return (await vscode.window.showWorkspaceFolderPick())?.uri;
}

/** What the folder seems to hold comes first. */
async function chooseTemplate(files: readonly string[]): Promise<Template | undefined> {
  const found = (template: Template): boolean => template.signs.some((sign) => files.some((file) => sign.test(file)));
  const items = Object.entries(templates).map(([key, template]) => ({
    label: key === "other" ? vscode.l10n.t("Something else") : template.label,
    description: found(template) ? vscode.l10n.t("as this folder looks") : "",
    template,
  }));
  const sorted = [...items.filter(({ template }) => found(template)), ...items.filter(({ template }) => !found(template))];
  return (await vscode.window.showQuickPick(sorted, { title: vscode.l10n.t("A Dockerfile for what?") }))?.template;
}

/** What is there already stays, unless the user says otherwise. */
async function write(folder: vscode.Uri, files: Readonly<Record<string, string>>): Promise<void> {
  const there = new Set((await vscode.workspace.fs.readDirectory(folder)).map(([name]) => name));
  const taken = Object.keys(files).filter((name) => there.has(name));
  const [replace, keep] = [vscode.l10n.t("Replace"), vscode.l10n.t("Keep")];
  const answer =
    taken.length === 0
      ? keep
      : await vscode.window.showWarningMessage(vscode.l10n.t("{0} exists already", taken.join(", ")), { modal: true }, replace, keep);
  if (!answer) return;
  for (const [name, text] of Object.entries(files))
    if (answer === replace || !there.has(name))
      await vscode.workspace.fs.writeFile(vscode.Uri.joinPath(folder, name), new TextEncoder().encode(text));
  await vscode.window.showTextDocument(vscode.Uri.joinPath(folder, "Dockerfile"));
  void vscode.window.showInformationMessage(
    vscode.l10n.t("{0} now has a Dockerfile: right-click it to build or run it", basename(folder.path)),
  );
}

export const scaffoldCommands: Readonly<Record<string, Command>> = { "workspace.addFiles": { enabled: trusted, handler: addFiles } };
