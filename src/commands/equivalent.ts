/** Copy Equivalent Command: what one would type in a terminal instead. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { networkWords, volumeWords } from "../run/create-words.ts";
import { containerWords } from "../run/words.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import { repositoryOf } from "../tree/image.ts";
import type { ImageNode } from "../tree/images-tree.ts";
import type { NetworkNode } from "../tree/networks-tree.ts";
import type { VolumeNode } from "../tree/volumes-tree.ts";
import { composeWords, targetsOf } from "./compose.ts";
import { containerOperations, isRunning } from "./container-operations.ts";
import { onContainers } from "./container.ts";
import type { Command } from "./command.ts";
import { onImages } from "./image.ts";
import { networkOperations } from "./network.ts";
import { commandLine } from "./operation.ts";
import { chosenNodes } from "./pick.ts";
import { onVolumes, volumeOperations } from "./volume.ts";

type Words = readonly string[];

async function ofContainer(context: Context, node: ContainerNode): Promise<void> {
  const { shown, container } = node;
  const client = await context.engine.client();
  const inspect = await client.containers.inspect(container.Id);
  const image = await client.images.inspect(inspect.Image).catch(() => undefined);
  const operations = Object.values(containerOperations).filter(({ fits }) => !fits || fits(node));
  const words = containerWords(inspect, image?.Config ?? {});
  await copy(context, [
    ["run", ...words],
    ["create", ...words.slice(1)],
    ["logs", "--follow", shown.label],
    ["inspect", shown.label],
    ["diff", shown.label],
    ...(isRunning(node)
      ? [
          ["exec", "-it", shown.label, "sh"],
          ["top", shown.label],
          ["stats", shown.label],
        ]
      : []),
    ["commit", shown.label, `${shown.label.toLowerCase()}:latest`],
    ["export", "--output", `${shown.label}.tar`, shown.label],
    ["cp", `${shown.label}:/etc/hostname`, "."],
    ["rename", shown.label, `${shown.label}-1`],
    ["port", shown.label],
    ["wait", shown.label],
    ...operations.map(({ words }) => words(node)),
  ]);
}

const ofImage = (context: Context, { shown }: ImageNode): Promise<void> =>
  ofReference(context, shown.reference, repositoryOf(shown) ?? "other");

const ofReference = (context: Context, reference: string, repository: string): Promise<void> =>
  copy(context, [
    ["run", "--rm", "-it", reference],
    ["run", "--detach", "--publish-all", reference],
    ["create", reference],
    ["pull", reference],
    ["push", reference],
    ["tag", reference, `${repository === "<none>" ? "image" : repository}:other`],
    ["history", reference],
    ["inspect", reference],
    ["save", "--output", "image.tar", reference],
    ["rmi", reference],
  ]);

const ofVolume = (context: Context, node: VolumeNode): Promise<void> =>
  copy(context, [
    ["volume", "create", ...volumeWords(node.volume)],
    ["volume", "inspect", node.volume.Name],
    ["run", "--rm", "-it", "--volume", `${node.volume.Name}:/volume`, "--workdir", "/volume", "busybox"],
    ...Object.values(volumeOperations).map(({ words }) => words(node)),
  ]);

function ofNetwork(context: Context, node: NetworkNode): Promise<void> {
  const operations = Object.values(networkOperations).filter(({ fits }) => !fits || fits(node));
  return copy(context, [
    ...(node.shown.context === "network;custom" ? [["network", "create", ...networkWords(node.network)]] : []),
    ["network", "inspect", node.network.Name],
    ["run", "--rm", "-it", "--network", node.network.Name, "busybox"],
    ...operations.map(({ words }) => words(node)),
  ]);
}

async function ofProject(context: Context, ...args: unknown[]): Promise<void> {
  const [target] = await targetsOf(context, args);
  if (!target) return;
  const verbs = [
    ["up", "--detach"],
    ["ps", "--all"],
    ["logs", "--follow"],
    ["restart"],
    ["stop"],
    ["start"],
    ["build"],
    ["pull"],
    ["config"],
  ];
  // One service goes alone with rm, a project with down.
  const last = target.services.length > 0 ? ["rm", "--stop", "--force"] : ["down"];
  await copy(
    context,
    [...verbs, last].map((verb) => composeWords(target, [...verb, ...target.services])),
  );
}

/** What has just been done, as lines for a terminal. */
async function ofRecent({ said }: Context): Promise<void> {
  if (said.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("Nothing has been done yet in this window"));
  await choose([...new Set(said)]);
}

async function copy(context: Context, choices: readonly Words[]): Promise<void> {
  await choose(choices.map((words) => commandLine(context, words)));
}

async function choose(lines: readonly string[]): Promise<void> {
  const items = lines.map((label) => ({ label }));
  const chosen = await vscode.window.showQuickPick(items, {
    title: vscode.l10n.t("Copy the equivalent command"),
    placeHolder: vscode.l10n.t("Choose a command to copy"),
  });
  if (chosen) await vscode.env.clipboard.writeText(chosen.label);
}

export const equivalentCommands: Readonly<Record<string, Command>> = {
  "container.copyCommand": onContainers(vscode.l10n.t("Copy a command for which container?"), ofContainer),
  "image.copyCommand": onImages(vscode.l10n.t("Copy a command for which image?"), ofImage),
  "volume.copyCommand": onVolumes(vscode.l10n.t("Copy a command for which volume?"), ofVolume),
  "network.copyCommand": {
    handler: async (context, ...args) => {
      const title = vscode.l10n.t("Copy a command for which network?");
      for (const node of await chosenNodes(context, context.networks, args, { title, one: true })) await ofNetwork(context, node);
    },
  },
  "compose.copyCommand": { handler: ofProject },
  "recent.copyCommand": { handler: ofRecent },
};
