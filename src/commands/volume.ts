/** What can be done with volumes. */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";
import { volumeUri } from "../files/uris.ts";
import type { VolumeNode } from "../tree/volumes-tree.ts";
import type { Command } from "./command.ts";
import { inspectUri } from "./inspect.ts";
import { busy, confirmed, operationCommands, say } from "./operation.ts";
import type { Operation } from "./operation.ts";
import { chosenNodes } from "./pick.ts";
import { saveStream, sendFile } from "./save.ts";

export const volumeOperations: Readonly<Record<string, Operation<VolumeNode>>> = {
  "volume.remove": {
    title: vscode.l10n.t("Remove which volume?"),
    run: ({ volumes }, { volume }, options) => volumes.remove(volume.Name, options),
    words: ({ volume }) => ["volume", "rm", volume.Name],
    confirm: (nodes) => ({
      message: vscode.l10n.t("Remove {0}?", nodes.map(({ shown }) => shown.label).join(", ")),
      detail: vscode.l10n.t("What is in it is lost."),
      yes: vscode.l10n.t("Remove"),
    }),
  },
};

export function onVolumes(title: string, work: (context: Context, node: VolumeNode) => unknown): Command {
  return {
    handler: async (context, ...args) => {
      for (const node of await chosenNodes(context, context.volumes, args, { title, one: !args[0] })) await work(context, node);
    },
  };
}

async function create(context: Context): Promise<void> {
  const name = await vscode.window.showInputBox({
    title: vscode.l10n.t("Create Volume"),
    prompt: vscode.l10n.t("Name, or empty for one that the engine makes up"),
    validateInput: (text) =>
      text === "" || /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/.test(text) ? undefined : vscode.l10n.t("Letters, digits, _ . and - only, two at least"),
  });
  if (name === undefined) return;
  say(context, ["volume", "create", ...(name ? [name] : [])]);
  await (await context.engine.client()).volumes.create(name ? { Name: name } : {});
}

async function prune(context: Context): Promise<void> {
  const unused = (await context.volumes.fresh()).filter(({ users }) => users.length === 0);
  if (unused.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("Every volume is in use"));
  const detail = unused.map(({ shown }) => [shown.label, shown.description].join(" — ")).join("\n");
  const yes = vscode.l10n.t("Remove");
  if (!(await confirmed({ message: vscode.l10n.t("Remove {0} unused volumes with what is in them?", unused.length), detail, yes }))) return;
  const client = await context.engine.client();
  say(context, ["volume", "prune", "--all", "--force"]);
  await busy({ title: vscode.l10n.t("Removing unused volumes"), view: "volumes" }, (signal) => pruneVolumes(client, { signal }));
}

/** With those that have a name. An engine before API 1.42 removes them anyhow, and refuses to be asked. */
export function pruneVolumes({ volumes }: DockerClient, options: { readonly signal: AbortSignal }): ReturnType<typeof volumes.prune> {
  return volumes.prune({ all: ["true"] }, options).catch((error: unknown) => {
    if (error instanceof Error && /\ball\b.*filter|filter.*\ball\b/i.test(error.message)) return volumes.prune({}, options);
    throw error;
  });
}

async function backUp(context: Context, { volume, shown }: VolumeNode): Promise<void> {
  const client = await context.engine.client();
  await saveStream(`${shown.label}.tar`, (signal) => client.files.backUp(volume.Name, { signal }).catch(noArchives));
}

/** @throws {Error} always: other engines do not know the path */
function noArchives(error: unknown): never {
  const unknown = isStatus(error, 404) && !/no such volume/i.test(error.message);
  throw unknown ? new Error(vscode.l10n.t("Only Berth's own engine makes archives of volumes")) : error;
}

async function restore(context: Context, { volume, shown }: VolumeNode): Promise<void> {
  const client = await context.engine.client();
  const [add, replace] = [vscode.l10n.t("Add to What Is There"), vscode.l10n.t("Replace What Is There")];
  const how = await vscode.window.showWarningMessage(
    vscode.l10n.t("Restore {0} from an archive?", shown.label),
    { modal: true },
    add,
    replace,
  );
  if (!how) return;
  await sendFile(vscode.l10n.t("Restoring {0}", shown.label), (tar, signal) =>
    client.files.restore(volume.Name, tar, { replace: how === replace, signal }).catch(noArchives),
  );
  context.volumes.refresh();
}

export const volumeCommands: Readonly<Record<string, Command>> = {
  ...operationCommands((context) => context.volumes, volumeOperations),
  "volume.create": { handler: create },
  "volume.prune": { handler: prune },
  "volume.inspect": onVolumes(vscode.l10n.t("Inspect which volume?"), async (_context, { volume, shown }) =>
    vscode.window.showTextDocument(inspectUri("volume", volume.Name, shown.label)),
  ),
  "volume.openFolder": onVolumes(vscode.l10n.t("Open which volume as a folder?"), async (_context, { volume, shown }) => {
    const end = vscode.workspace.workspaceFolders?.length ?? 0;
    vscode.workspace.updateWorkspaceFolders(end, 0, { uri: volumeUri(volume.Name, "/"), name: shown.label });
  }),
  "volume.copyName": onVolumes(vscode.l10n.t("Copy the name of which volume?"), (_context, { volume }) =>
    vscode.env.clipboard.writeText(volume.Name),
  ),
  "volume.backUp": onVolumes(vscode.l10n.t("Back up which volume?"), backUp),
  "volume.restore": onVolumes(vscode.l10n.t("Restore which volume?"), restore),
};
