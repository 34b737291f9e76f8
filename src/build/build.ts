/** One build as the user sees it: a terminal with its steps, and a notification with the step and a Cancel. */
import { stripVTControlCharacters } from "node:util";
import * as vscode from "vscode";
import { ActionableError, signalOf } from "../commands/command.ts";
import type { Context } from "../context.ts";
import { openWorkTerminal } from "../terminals/work.ts";
import type { WorkTerminal } from "../terminals/work.ts";
import { packContext } from "./context.ts";
import { BuildLines } from "./lines.ts";

export interface BuildTarget {
  /** The build context. */
  readonly directory: string;
  /** Path inside it. */
  readonly dockerfile: string;
  /** Name and tag of the image; only shown where there is a `text`, whose image gets no name. */
  readonly name: string;
  /** What the Dockerfile says, instead of what is on the disk. */
  readonly text?: string;
}

/** Builds and tags the image. @throws {Error} with the engine's sentence; an AbortError when the user cancelled */
export async function buildImage(context: Context, target: BuildTarget): Promise<void> {
  const client = await context.engine.client();
  const terminal = openWorkTerminal(vscode.l10n.t("Build: {0}", target.name), "package");
  terminal.show();
  const location = vscode.ProgressLocation.Notification;
  await vscode.window.withProgress(
    { location, cancellable: true, title: vscode.l10n.t("Building {0}", target.name) },
    async (progress, token) => {
      const signal = AbortSignal.any([terminal.signal, signalOf(token)]);
      const lines = new BuildLines();
      const started = performance.now();
      terminal.write(`\x1b[2m${vscode.l10n.t("Building {0} from {1}", target.name, target.dockerfile)}\x1b[0m\r\n\r\n`);
      try {
        const messages = client.builds.build({
          context: packContext(target.directory, target.dockerfile, target.text),
          contextName: target.directory,
          dockerfile: target.dockerfile,
          tags: target.text === undefined ? [target.name] : [],
          signal,
        });
        let reported = 0;
        for await (const message of messages) {
          terminal.write(lines.push(message));
          const { step } = lines;
          if (!step || step.number === reported) continue;
          progress.report({
            message: `${step.number}/${step.total} ${step.instruction}`,
            increment: (100 * (step.number - reported)) / step.total,
          });
          reported = step.number;
        }
      } catch (error) {
        terminal.write(lines.finish());
        if (signal.aborted) terminal.write(`\x1b[33m${vscode.l10n.t("Canceled")}\x1b[0m\r\n`);
        else terminal.write(`\x1b[31m${(error as Error).message.replaceAll("\n", "\r\n")}\x1b[0m\r\n`);
        throw failure(signal.aborted ? canceled() : (error as Error), terminal);
      } finally {
        terminal.finish();
      }
      terminal.write(lines.finish());
      if (lines.error !== undefined) throw failure(new Error(lines.error), terminal);
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const built = vscode.l10n.t("Built {0} in {1} s", target.name, seconds);
      const summary = lines.cachedSteps > 0 ? vscode.l10n.t("{0}, {1} steps from the cache", built, lines.cachedSteps) : built;
      terminal.write(`\r\n\x1b[32m✔\x1b[39m ${summary}\r\n`);
    },
  );
}

function canceled(): Error {
  return new DOMException("The build was canceled", "AbortError");
}

function failure(error: Error, terminal: WorkTerminal): Error {
  if (error.name === "AbortError") return error;
  const message = stripVTControlCharacters(error.message).trim();
  return new ActionableError(message, { title: vscode.l10n.t("Show Build"), run: () => terminal.show() });
}
