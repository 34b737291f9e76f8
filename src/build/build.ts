/** One build as the user sees it: a terminal with its steps, and a notification with the step and a Cancel. */
import { stripVTControlCharacters } from "node:util";
import * as vscode from "vscode";
import { ActionableError } from "../commands/actions.ts";
import { signalOf } from "../commands/command.ts";
import type { Context } from "../context.ts";
import { sentenceOf } from "../engine/lost.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import type { WorkTerminal } from "../terminals/work.ts";
import { BuildFailure, runBuild } from "./run.ts";
import type { BuildTarget } from "./run.ts";

/** Builds and tags the image. @throws {Error} with the engine's sentence; an AbortError when the user cancelled */
export async function buildImage(context: Context, target: BuildTarget): Promise<void> {
  await context.engine.client();
  const terminal = openWorkTerminal(vscode.l10n.t("Build: {0}", target.name), "package");
  terminal.show();
  const location = vscode.ProgressLocation.Notification;
  await vscode.window.withProgress(
    { location, cancellable: true, title: vscode.l10n.t("Building {0}", target.name) },
    async (progress, token) => {
      const signal = AbortSignal.any([terminal.signal, signalOf(token)]);
      const started = performance.now();
      terminal.write(`\x1b[2m${vscode.l10n.t("Building {0} from {1}", target.name, target.dockerfile)}\x1b[0m\r\n\r\n`);
      let reported = 0;
      try {
        const { cachedSteps } = await runBuild(context, target, {
          signal,
          say: (text) => terminal.write(text),
          step: ({ number, total, instruction }) => {
            progress.report({ message: `${number}/${total} ${instruction}`, increment: (100 * Math.max(0, number - reported)) / total });
            reported = Math.max(reported, number);
          },
        });
        const seconds = ((performance.now() - started) / 1000).toFixed(1);
        const built = vscode.l10n.t("Built {0} in {1} s", target.name, seconds);
        const summary = cachedSteps > 0 ? vscode.l10n.t("{0}, {1} steps from the cache", built, cachedSteps) : built;
        terminal.write(`\r\n\x1b[32m✔\x1b[39m ${summary}\r\n`);
      } catch (error) {
        if (signal.aborted) terminal.write(`\x1b[33m${vscode.l10n.t("Canceled")}\x1b[0m\r\n`);
        else if (!(error instanceof BuildFailure))
          terminal.write(`\x1b[31m${sentenceOf(error as Error).replaceAll("\n", "\r\n")}\x1b[0m\r\n`);
        throw failure(signal.aborted ? canceled() : (error as Error), terminal);
      } finally {
        terminal.finish();
      }
    },
  );
}

function canceled(): Error {
  return new DOMException("The build was canceled", "AbortError");
}

function failure(error: Error, terminal: WorkTerminal): Error {
  if (error.name === "AbortError") return error;
  const message = stripVTControlCharacters(sentenceOf(error)).trim();
  return new ActionableError(message, { title: vscode.l10n.t("Show Build"), run: () => terminal.show() });
}
