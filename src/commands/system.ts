/** The machine and the engine as a whole: Doctor, disk usage, prune. */
import * as vscode from "vscode";
import type { EventMessage } from "../../engine/api/types/system.ts";
import type { DiskUsage } from "../../engine/client/system.ts";
import type { Context } from "../context.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import { formatSize } from "../tree/image.ts";
import type { Command } from "./command.ts";
import { inspectUri, showText } from "./inspect.ts";
import { busy, confirmed, say } from "./operation.ts";
import { pruneVolumes } from "./volume.ts";

interface Part {
  readonly name: string;
  readonly count: number;
  readonly used: number;
  readonly sizeBytes: number;
}

/** The lines of `docker system df`. */
function parts({ Images, Containers, Volumes, BuildCache, LayersSize = 0 }: DiskUsage): Part[] {
  const sum = <T>(list: readonly T[], size: (one: T) => number): number => list.reduce((total, one) => total + Math.max(size(one), 0), 0);
  const [images, containers, volumes, cache] = [Images ?? [], Containers ?? [], Volumes ?? [], BuildCache ?? []];
  return [
    {
      name: vscode.l10n.t("Images"),
      count: images.length,
      used: images.filter((each) => each.Containers > 0).length,
      sizeBytes: LayersSize,
    },
    {
      name: vscode.l10n.t("Containers"),
      count: containers.length,
      used: containers.filter(({ State }) => State === "running").length,
      sizeBytes: sum(containers, ({ SizeRw = 0 }) => SizeRw),
    },
    {
      name: vscode.l10n.t("Volumes"),
      count: volumes.length,
      used: volumes.filter(({ UsageData }) => (UsageData?.RefCount ?? 0) > 0).length,
      sizeBytes: sum(volumes, ({ UsageData }) => UsageData?.Size ?? 0),
    },
    {
      name: vscode.l10n.t("Build cache"),
      count: cache.length,
      used: cache.filter(({ InUse }) => InUse).length,
      sizeBytes: sum(cache, ({ Size }) => Size),
    },
  ];
}

interface Options {
  readonly signal: AbortSignal;
}

/** What would go is said, with its size, before anything goes. */
async function prune(context: Context): Promise<void> {
  const client = await context.engine.client();
  const usage = parts(await client.system.diskUsage());
  const choices = [
    {
      words: ["container", "prune", "--force"],
      part: usage[1]!,
      prune: (options: Options) => client.containers.prune({}, options),
      picked: true,
    },
    {
      words: ["network", "prune", "--force"],
      part: { name: vscode.l10n.t("Unused networks"), count: 0, used: 0, sizeBytes: 0 },
      prune: (options: Options) => client.networks.prune({}, options),
      picked: true,
    },
    {
      words: ["image", "prune", "--force"],
      part: { ...usage[0]!, name: vscode.l10n.t("Untagged images") },
      prune: (options: Options) => client.images.prune({ dangling: ["true"] }, options),
      picked: true,
    },
    {
      words: ["image", "prune", "--all", "--force"],
      part: { ...usage[0]!, name: vscode.l10n.t("All unused images") },
      prune: (options: Options) => client.images.prune({ dangling: ["false"] }, options),
    },
    {
      words: ["builder", "prune", "--all", "--force"],
      part: usage[3]!,
      prune: (options: Options) => client.builds.prune({ all: true, ...options }),
      picked: true,
    },
    {
      words: ["volume", "prune", "--all", "--force"],
      part: { ...usage[2]!, name: vscode.l10n.t("Unused volumes, with what is in them") },
      prune: (options: Options) => pruneVolumes(client, options),
    },
  ];
  const items = choices.map((choice) => ({
    label: choice.part.name,
    description:
      choice.part.count > 0
        ? vscode.l10n.t("{0}, {1} in use, {2}", choice.part.count, choice.part.used, formatSize(choice.part.sizeBytes))
        : "",
    picked: choice.picked ?? false,
    choice,
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Prune: remove what is not used"), canPickMany: true });
  if (!chosen || chosen.length === 0) return;
  const detail = chosen.map(({ label }) => label).join("\n");
  if (!(await confirmed({ message: vscode.l10n.t("Remove what is not used?"), detail, yes: vscode.l10n.t("Prune") }))) return;
  for (const { choice } of chosen) say(context, choice.words);
  let freed = 0;
  await busy({ title: vscode.l10n.t("Pruning"), view: "containers" }, async (signal) => {
    for (const { choice } of chosen) {
      signal.throwIfAborted();
      const result = await choice.prune({ signal });
      if ("SpaceReclaimed" in result) freed += result.SpaceReclaimed;
    }
  });
  void vscode.window.showInformationMessage(vscode.l10n.t("Freed {0}", formatSize(freed)));
}

/** What no build has used for long goes anyhow: this is for all of it. */
async function pruneBuilds(context: Context): Promise<void> {
  const client = await context.engine.client();
  const { count, sizeBytes } = parts(await client.system.diskUsage({ types: ["build-cache"] }))[3]!;
  if (count === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("The build cache is empty"));
  const message = vscode.l10n.t("Remove the build cache of {0}?", formatSize(sizeBytes));
  const detail = vscode.l10n.t("The next builds take as long as the first.");
  if (!(await confirmed({ message, detail, yes: vscode.l10n.t("Remove") }))) return;
  say(context, ["builder", "prune", "--all", "--force"]);
  const { SpaceReclaimed } = await busy({ title: vscode.l10n.t("Removing the build cache"), view: "images" }, (signal) =>
    client.builds.prune({ all: true, signal }),
  );
  void vscode.window.showInformationMessage(vscode.l10n.t("Freed {0}", formatSize(SpaceReclaimed)));
}

/** As they happen, until the terminal is closed. */
async function events(context: Context): Promise<void> {
  const client = await context.engine.client();
  const terminal = openWorkTerminal(vscode.l10n.t("Events"), "pulse");
  terminal.show();
  say(context, ["events"]);
  const follow = async (): Promise<void> => {
    for await (const event of client.system.events({ signal: terminal.signal })) terminal.write(eventLine(event));
  };
  const end = (): void => {
    terminal.write(`\x1b[2m── ${vscode.l10n.t("The engine tells no more")} ──\x1b[0m\r\n`);
    terminal.finish();
  };
  void follow().then(end, end);
}

function eventLine({ Type, Action, Actor, timeNano }: EventMessage): string {
  const { name, ...rest } = Actor.Attributes;
  const more = ["image", "exitCode", "container", "signal"].flatMap((key) => (rest[key] ? [`${key}=${rest[key]}`] : []));
  const subject = name ?? Actor.ID.replace("sha256:", "").slice(0, 12);
  return `\x1b[2m${new Date(timeNano / 1e6).toLocaleTimeString()}\x1b[0m ${Type} \x1b[1m${Action}\x1b[0m ${[subject, ...more].join(" ")}\r\n`;
}

async function diskUsage(context: Context): Promise<void> {
  const client = await context.engine.client();
  say(context, ["system", "df"]);
  const rows = parts(await client.system.diskUsage()).map(({ name, count, used, sizeBytes }) => [
    name,
    String(count),
    String(used),
    formatSize(sizeBytes),
  ]);
  const table = [[vscode.l10n.t("What"), vscode.l10n.t("Count"), vscode.l10n.t("In use"), vscode.l10n.t("Size")], ...rows];
  await showText(
    vscode.l10n.t("Disk Usage") + ".txt",
    table
      .map((row) =>
        row
          .map((cell) => cell.padEnd(14))
          .join("")
          .trimEnd(),
      )
      .join("\n"),
  );
}

export const systemCommands: Readonly<Record<string, Command>> = {
  "system.prune": { handler: prune },
  "system.df": { handler: diskUsage },
  "system.info": { handler: async () => vscode.window.showTextDocument(inspectUri("engine", "engine", "engine")) },
  "system.events": { handler: events },
  "builder.prune": { handler: pruneBuilds },
  doctor: { handler: async (context) => (await import("../panels/doctor.ts")).openDoctor(context) },
};
