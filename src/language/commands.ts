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
import { openStepShell } from "./step-shell.ts";

/** Commands by name, and the views behind them, which end with the extension. */
export function languageCommands(context: Context, features: LanguageFeatures): Readonly<Record<string, Command>> {
  const files = new StepFiles(context);
  const sent = new ContextView((method, parameters) => features.request(method, parameters));
  context.extension.subscriptions.push(files, sent);
  const onStep = (work: (target: StepTarget) => Promise<unknown>): Command => ({
    enabled: trusted,
    handler: async (_context, target) => work(target as StepTarget),
  });
  return {
    "language.build": onStep((target) => buildStage(context, target)),
    "language.buildTo": onStep((target) => buildTo(context, target)),
    "language.shell": onStep(async (target) => {
      const { client, build, step } = await stepOf(context, target);
      openStepShell(client, { build, step: step.id, name: vscode.l10n.t("After {0}", shorten(step.instruction)) });
    }),
    "language.files": onStep(async (target) => {
      const { build, step } = await stepOf(context, target);
      await files.show({ build, step: step.id, name: vscode.l10n.t("after {0}", shorten(step.instruction)) });
    }),
    "dockerfile.context": {
      handler: async (_context, uri) => {
        const chosen = uri instanceof vscode.Uri ? uri : vscode.window.activeTextEditor?.document.uri;
        if (chosen) await sent.show(chosen);
      },
    },
    "context.ignore": { handler: async (_context, node) => sent.ignore(node as ContextNode) },
    "context.refresh": { handler: () => sent.refresh() },
  };
}

/** The last stage is what a build of the file builds, with its name; another one is built without. */
async function buildStage(context: Context, target: StepTarget): Promise<void> {
  if (target.lastStage) await vscode.commands.executeCommand("berth.dockerfile.build", vscode.Uri.parse(target.uri));
  else await buildTo(context, target);
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 39)}…` : text);
