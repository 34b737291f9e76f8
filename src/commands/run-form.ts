/** Run with options, run again what was saved, edit and recreate. */
import * as vscode from "vscode";
import type { BuildRecord } from "../../engine/api/types/builds.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";
import { openBuildPanel } from "../panels/build.ts";
import { openImagePanel } from "../panels/image.ts";
import { openRunForm } from "../panels/run.ts";
import { openStats } from "../panels/stats.ts";
import { forgetSpec, runSpec, savedSpecs } from "../run/run.ts";
import { EMPTY_SPEC, specOf } from "../run/spec.ts";
import { chosenNodes } from "./pick.ts";
import { onContainers, targetOf } from "./container.ts";
import type { Command } from "./command.ts";
import { onImages } from "./image.ts";
import { containerNameFor } from "./image-name.ts";
import { confirmed, say, together } from "./operation.ts";

async function runSaved(context: Context, ...args: unknown[]): Promise<void> {
  const saved = savedSpecs(context);
  const name = typeof args[0] === "string" ? args[0] : await pickSaved(context, vscode.l10n.t("Run which saved options?"));
  const spec = name === undefined ? undefined : saved[name];
  if (spec) await runSpec(context, spec);
  else if (name !== undefined) throw new Error(vscode.l10n.t("No options are saved as {0}", name));
}

async function pickSaved(context: Context, title: string): Promise<string | undefined> {
  const items = Object.entries(savedSpecs(context)).map(([label, { image }]) => ({ label, description: image }));
  if (items.length > 0) return (await vscode.window.showQuickPick(items, { title }))?.label;
  void vscode.window.showInformationMessage(vscode.l10n.t("Nothing is saved yet: choose Run with Options… on an image, then Save"));
  return undefined;
}

const buildItem = (record: BuildRecord): vscode.QuickPickItem & { readonly record: BuildRecord } => ({
  label: record.tags?.[0] ?? record.contextName,
  description: [record.status, new Date(record.startedMs).toLocaleString()].join(" · "),
  detail: record.contextName,
  record,
});

/** @throws {Error} of an engine that keeps none */
function recordsOf({ buildRecords }: DockerClient): Promise<BuildRecord[]> {
  return buildRecords.list().catch((error: unknown) => {
    throw isStatus(error, 404) ? new Error(vscode.l10n.t("Only Berth's own engine remembers its builds")) : error;
  });
}

async function showBuild(context: Context, ...args: unknown[]): Promise<void> {
  const records = await recordsOf(await context.engine.client());
  if (typeof args[0] === "string") {
    const record = records.find(({ id }) => id === args[0]);
    if (record) openBuildPanel(context, { id: record.id, name: record.tags?.[0] ?? record.contextName });
    return;
  }
  const items = records.map(buildItem);
  if (items.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("No build is remembered yet"));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Show which build?") });
  if (chosen) openBuildPanel(context, { id: chosen.record.id, name: chosen.label });
}

/** What is remembered of builds: their record, logs and the files of their steps. The images stay. */
async function forgetBuilds(context: Context): Promise<void> {
  const client = await context.engine.client();
  const items = (await recordsOf(client)).filter(({ status }) => status !== "running").map(buildItem);
  if (items.length === 0) return void vscode.window.showInformationMessage(vscode.l10n.t("No build is remembered yet"));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Forget which builds?"), canPickMany: true });
  if (!chosen || chosen.length === 0) return;
  const message = vscode.l10n.t("Forget {0} builds?", chosen.length);
  const detail = vscode.l10n.t("Their logs go, and the files of steps that failed. Images and cache stay.");
  if (!(await confirmed({ message, detail, yes: vscode.l10n.t("Forget") }))) return;
  say(context, ["builds", "rm", ...chosen.map(({ record }) => record.id)]);
  await together(chosen.map(({ record }) => client.buildRecords.remove(record.id)));
}

async function stats(context: Context, ...args: unknown[]): Promise<void> {
  const nodes = args[0] ? await chosenNodes(context, context.containers, args, { title: "" }) : [];
  const title = nodes.length === 0 ? vscode.l10n.t("all containers") : nodes.map(({ shown }) => shown.label).join(", ");
  openStats(context, { ids: nodes.map(({ container }) => container.Id), title });
}

export const runFormCommands: Readonly<Record<string, Command>> = {
  "image.runWith": onImages(vscode.l10n.t("Run which image?"), (context, { shown }) =>
    openRunForm(context, { spec: { ...EMPTY_SPEC, image: shown.reference, name: containerNameFor(shown.reference) } }),
  ),
  "container.edit": onContainers(vscode.l10n.t("Edit which container?"), async (context, node) => {
    const client = await context.engine.client();
    const inspect = await client.containers.inspect(node.container.Id);
    const image = await client.images.inspect(inspect.Image).catch(() => undefined);
    openRunForm(context, { spec: specOf(inspect, image?.Config ?? {}), replaces: targetOf(node) });
  }),
  "run.saved": { handler: runSaved },
  "run.editSaved": {
    handler: async (context, ...args) => {
      const name = typeof args[0] === "string" ? args[0] : await pickSaved(context, vscode.l10n.t("Edit which saved options?"));
      const spec = name === undefined ? undefined : savedSpecs(context)[name];
      if (spec) openRunForm(context, { spec, saved: name });
    },
  },
  "run.forget": {
    handler: async (context, ...args) => {
      const name = typeof args[0] === "string" ? args[0] : await pickSaved(context, vscode.l10n.t("Forget which saved options?"));
      if (name) await forgetSpec(context, name);
    },
  },
  "image.explore": {
    handler: async (context, ...args) => {
      const [id, layer] = args;
      if (typeof id === "string")
        return openImagePanel(context, { id, name: id.replace("sha256:", "").slice(0, 12), layer: layer as number });
      const nodes = await chosenNodes(context, context.images, args, { title: vscode.l10n.t("Explore which image?"), one: true });
      for (const { image, shown } of nodes) openImagePanel(context, { id: image.Id, name: shown.label });
    },
  },
  "build.forget": { handler: forgetBuilds },
  "build.show": { handler: showBuild },
  "container.stats": { handler: stats },
  "containers.stats": { handler: (context) => stats(context) },
};
