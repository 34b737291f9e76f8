/** What the lenses, the views and the menus of the language features do. */
import * as vscode from "vscode";
import { trusted } from "../commands/command.ts";
import type { Command } from "../commands/command.ts";
import type { Context } from "../context.ts";
import type { LanguageFeatures } from "./client.ts";
import { ContextView } from "./context-view.ts";
import type { ContextNode } from "./context-view.ts";
import type { StepTarget } from "./server/dockerfile/live.ts";
import { buildTo, stepOf } from "./step-build.ts";
import { StepFiles } from "./step-files.ts";
import { openShell } from "../terminals/shell.ts";
import { openStepShell } from "../terminals/step-shell.ts";

/** Commands by name, and the views behind them, which end with the extension. */
export function languageCommands(context: Context, features: LanguageFeatures): Readonly<Record<string, Command>> {
  const files = new StepFiles(context);
  const sent = new ContextView((method, parameters) => features.request(method, parameters));
  const refreshed = features.onDidChangeFiles(() => void sent.refresh());
  context.extension.subscriptions.push(files, sent, refreshed);
  const onStep = (work: (target: StepTarget) => Promise<unknown>): Command => ({
    enabled: trusted,
    // Lenses call these; whoever else does has no step to name.
    handler: async (_context, target) => (target === undefined ? undefined : work(target as StepTarget)),
  });
  return {
    "language.build": onStep((target) => buildStage(context, target)),
    "language.buildTo": onStep((target) => buildTo(context, target)),
    "language.shell": onStep(async (target) => {
      const { client, build, step } = await stepOf(context, target);
      openStepShell(client, { build, step: step.id, name: shorten(step.instruction) });
    }),
    "language.files": onStep(async (target) => {
      const { build, step } = await stepOf(context, target);
      await files.show({ build, step: step.id, name: vscode.l10n.t("after {0}", shorten(step.instruction)) });
    }),
    "language.up": onServices((uri, services) => vscode.commands.executeCommand("berth.compose.up", uri, services)),
    "language.restart": onServices((uri, services) => vscode.commands.executeCommand("berth.compose.restart", uri, services)),
    "language.logs": onServices((uri, services) => vscode.commands.executeCommand("berth.compose.followLogs", uri, services)),
    "language.serviceShell": onServices((uri, [service = ""]) => serviceShell(context, uri, service)),
    "dockerfile.context": {
      handler: async (_context, uri) => {
        const chosen = uri instanceof vscode.Uri ? uri : vscode.window.activeTextEditor?.document.uri;
        // What is shown may be a page or a document of Berth's own: no folder of it is sent.
        if (chosen?.scheme === "file") await sent.show(chosen);
        else void vscode.window.showInformationMessage(vscode.l10n.t("Open a Dockerfile or a .dockerignore first"));
      },
    },
    "context.ignore": { handler: async (_context, node) => (node === undefined ? undefined : sent.ignore(node as ContextNode)) },
    "context.refresh": { handler: () => sent.refresh() },
  };
}

/** What the lenses of a compose file hand over: the file, and the services that are meant; none is all. */
function onServices(work: (uri: vscode.Uri, services: readonly string[]) => PromiseLike<unknown>): Command {
  return {
    enabled: trusted,
    handler: async (_context, uri, services) =>
      uri === undefined ? undefined : work(vscode.Uri.parse(String(uri)), Array.isArray(services) ? (services as string[]) : []),
  };
}

/** A shell in the service's first running container. */
async function serviceShell(context: Context, { fsPath }: vscode.Uri, service: string): Promise<void> {
  const client = await context.engine.client();
  const containers = await client.containers.list({ filters: { label: [`com.docker.compose.service=${service}`] } });
  const own = containers.find(({ Labels }) => (Labels["com.docker.compose.project.config_files"] ?? "").split(",").includes(fsPath));
  if (!own) throw new Error(vscode.l10n.t("{0} does not run", service));
  openShell(client, { id: own.Id, name: own.Names[0]?.slice(1) ?? service });
}

/** The last stage is what a build of the file builds, with its name; another one is built without. */
async function buildStage(context: Context, target: StepTarget): Promise<void> {
  if (target.lastStage) await vscode.commands.executeCommand("berth.dockerfile.build", vscode.Uri.parse(target.uri));
  else await buildTo(context, target);
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
