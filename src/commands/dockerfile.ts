/** Right-click on a Dockerfile: Build Image… and Run. */
import { basename, dirname } from "node:path";
import * as vscode from "vscode";
import { buildImage } from "../build/build.ts";
import type { BuildTarget } from "../build/run.ts";
import type { Context } from "../context.ts";
import type { Command } from "./command.ts";
import { trusted } from "./command.ts";
import { defaultImageName, referenceProblem, workspaceImageName } from "./image-name.ts";
import { registriesOf } from "./image-transfer.ts";
import { askProposing } from "./propose.ts";
import { runImage } from "./run.ts";

/** Everywhere a Dockerfile may hide; what others have brought along is not meant. */
const DOCKERFILES = "**/{Dockerfile,Containerfile,Dockerfile.*,Containerfile.*,*.Dockerfile,*.dockerfile,*.Containerfile,*.containerfile}";
const NOT_OURS = "**/{node_modules,.git,vendor}/**";

/** The Dockerfile that was clicked, is being edited, or is chosen; undefined when the user thought better of it. */
async function chosenDockerfile(args: readonly unknown[]): Promise<vscode.Uri | undefined> {
  const [clicked] = args;
  if (clicked instanceof vscode.Uri) return clicked;
  const edited = vscode.window.activeTextEditor?.document;
  if (edited?.languageId === "dockerfile" && edited.uri.scheme === "file") return edited.uri;
  const files = (await vscode.workspace.findFiles(DOCKERFILES, NOT_OURS, 200)).filter(({ path }) => !path.endsWith(".dockerignore"));
  if (files.length === 0) {
    await offerFiles();
    return undefined;
  }
  if (files.length === 1) return files[0];
  const items = files.map((uri) => ({ label: vscode.workspace.asRelativePath(uri), uri }));
  const item = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Which Dockerfile?") });
  return item?.uri;
}

async function offerFiles(): Promise<void> {
  const add = vscode.l10n.t("Add One");
  const items = vscode.workspace.workspaceFolders ? [add] : [];
  if ((await vscode.window.showInformationMessage(vscode.l10n.t("There is no Dockerfile in this folder"), ...items)) === add)
    await vscode.commands.executeCommand("berth.workspace.addFiles");
}

/** What is built is what is seen: an unsaved change is saved first. */
async function save(uri: vscode.Uri): Promise<void> {
  const folder = dirname(uri.fsPath);
  const dirty = vscode.workspace.textDocuments.filter((document) => document.isDirty && document.uri.fsPath.startsWith(`${folder}/`));
  await Promise.all(dirty.map((document) => document.save()));
}

const MOST_NAMES = 8;

/** What the image was called here before, the latest first. */
function namesOf({ extension }: Pick<Context, "extension">, uri: vscode.Uri): readonly string[] {
  const { workspaceState } = extension;
  const last = workspaceState.get<string>(`image-name:${uri.toString()}`);
  return workspaceState.get<readonly string[]>(`image-names:${uri.toString()}`, last === undefined ? [] : [last]);
}

async function askName(context: Context, uri: vscode.Uri): Promise<string | undefined> {
  const before = namesOf(context, uri);
  const own = defaultImageName(uri.fsPath);
  return askProposing({
    title: vscode.l10n.t("Build {0}", vscode.workspace.asRelativePath(uri)),
    placeholder: vscode.l10n.t("Name and tag of the image"),
    value: before[0] ?? own,
    typed: vscode.l10n.t("build under this name"),
    items: proposals(before, [own, workspaceImageName(uri.fsPath, vscode.workspace.name ?? "")], await registriesOf(context, own)),
    problem: referenceProblem,
  });
}

async function rememberName({ extension }: Context, uri: vscode.Uri, name: string): Promise<void> {
  const names = [...new Set([name, ...namesOf({ extension }, uri)])].slice(0, MOST_NAMES);
  await extension.workspaceState.update(`image-name:${uri.toString()}`, name);
  await extension.workspaceState.update(`image-names:${uri.toString()}`, names);
}

function proposals(
  before: readonly string[],
  named: readonly (string | undefined)[],
  elsewhere: readonly string[],
): readonly vscode.QuickPickItem[] {
  const described = [
    ...before.map((label) => ({ label, description: vscode.l10n.t("used before") })),
    ...named.flatMap((label) => (label === undefined ? [] : [{ label, description: vscode.l10n.t("after the folder") }])),
    ...elsewhere.map((label) => ({ label, description: vscode.l10n.t("for a push") })),
  ];
  return described.filter(({ label }, at) => described.findIndex((other) => other.label === label) === at);
}

/** The options of the last time are proposed. */
async function buildWith(context: Context, ...args: unknown[]): Promise<void> {
  const uri = await chosenDockerfile(args);
  const name = uri && (await askName(context, uri));
  if (!uri || !name) return;
  const { askBuildOptions } = await import("../build/options.ts");
  const remembered = `build-options:${uri.toString()}`;
  await save(uri);
  const options = await askBuildOptions(uri, context.extension.workspaceState.get(remembered, {}));
  if (!options) return;
  await context.extension.workspaceState.update(remembered, options);
  await buildNamed(context, uri, { name, ...options });
}

async function build(context: Context, ...args: unknown[]): Promise<void> {
  const uri = await chosenDockerfile(args);
  const name = uri && (await askName(context, uri));
  if (uri && name) await buildNamed(context, uri, { name });
}

async function buildNamed(context: Context, uri: vscode.Uri, options: Omit<BuildTarget, "directory" | "dockerfile">): Promise<void> {
  const { name } = options;
  await rememberName(context, uri, name);
  await save(uri);
  await buildImage(context, { directory: dirname(uri.fsPath), dockerfile: basename(uri.fsPath), ...options });
  const run = vscode.l10n.t("Run");
  void vscode.window.showInformationMessage(vscode.l10n.t("Built {0}", name), run).then(async (chosen) => {
    if (chosen === run) await vscode.commands.executeCommand("berth.image.run", name);
  });
}

async function run(context: Context, ...args: unknown[]): Promise<void> {
  const uri = await chosenDockerfile(args);
  if (uri) await buildAndRun(context, uri);
}

/** Builds under the remembered or the default name, then runs it in place of the container of the last run. */
export async function buildAndRun(context: Context, uri: vscode.Uri): Promise<void> {
  await save(uri);
  const name = context.extension.workspaceState.get(`image-name:${uri.toString()}`, defaultImageName(uri.fsPath));
  await buildImage(context, { directory: dirname(uri.fsPath), dockerfile: basename(uri.fsPath), name });
  await runImage(context, name);
}

/** Commands on a Dockerfile. */
export const dockerfileCommands: Readonly<Record<string, Command>> = {
  "dockerfile.build": { enabled: trusted, handler: build },
  "dockerfile.buildWith": { enabled: trusted, handler: buildWith },
  "dockerfile.run": { enabled: trusted, handler: run },
};
