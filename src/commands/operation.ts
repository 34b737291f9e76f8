/**
 * Operations: one call of the engine for each chosen row. All commands that are no more than that are rows of a table,
 * and each says what one would type for it in a terminal.
 */
import * as vscode from "vscode";
import type { DockerClient } from "../../engine/client/client.ts";
import { isStatus } from "../../engine/client/errors.ts";
import type { Context } from "../context.ts";
import { quoteWord } from "../run/spec.ts";
import type { LiveTree } from "../tree/live-tree.ts";
import type { Node } from "../tree/node.ts";
import { signalOf } from "./command.ts";
import type { Command } from "./command.ts";
import { chosenNodes } from "./pick.ts";

export interface Operation<N extends Node> {
  /** The question of the palette, and the title of the progress. */
  readonly title: string;
  readonly fits?: (node: N) => boolean;
  readonly run: (client: DockerClient, node: N, options: { signal: AbortSignal }) => Promise<unknown>;
  /** Words behind `berth` that do the same. */
  readonly words: (node: N) => readonly string[];
  /** What destroys asks first. */
  readonly confirm?: (nodes: readonly N[]) => Confirmation;
}

export interface Confirmation {
  readonly message: string;
  readonly detail?: string;
  readonly yes: string;
}

/** Asks in the middle of the window. */
export async function confirmed({ message, detail = "", yes }: Confirmation): Promise<boolean> {
  return (await vscode.window.showWarningMessage(message, { modal: true, detail }, yes)) === yes;
}

/** The table as commands. */
export function operationCommands<N extends Node>(
  treeOf: (context: Context) => LiveTree<N>,
  operations: Readonly<Record<string, Operation<N>>>,
): Record<string, Command> {
  const entries = Object.entries(operations).map(([name, operation]) => [name, operationCommand(treeOf, operation)] as const);
  return Object.fromEntries(entries);
}

function operationCommand<N extends Node>(treeOf: (context: Context) => LiveTree<N>, operation: Operation<N>): Command {
  return {
    handler: async (context, ...args) => {
      const nodes = await chosenNodes(context, treeOf(context), args, operation);
      if (nodes.length === 0 || (operation.confirm && !(await confirmed(operation.confirm(nodes))))) return;
      const client = await context.engine.client();
      for (const node of nodes) say(context, operation.words(node));
      const calls = (signal: AbortSignal): Promise<void> =>
        together(nodes.map((node) => operation.run(client, node, { signal }).catch((error: unknown) => unlessGone(error, operation))));
      await busy({ title: operation.title, view: treeOf(context).noun.name }, calls);
    },
  };
}

/** What one would type, in the log: everything that Berth does can be done without it. */
export function say(context: Context, words: readonly string[]): void {
  const line = commandLine(context, words);
  context.log.info(`$ ${line}`);
  context.said.unshift(line);
  context.said.length = Math.min(context.said.length, MOST_SAID);
}

const MOST_SAID = 100;

/** `berth stop web`, or docker's command for another engine. */
export function commandLine({ engine }: Context, words: readonly string[]): string {
  const program = engine.own
    ? ["berth"]
    : engine.endpoint.startsWith("context:")
      ? ["docker", "--context", engine.endpoint.slice(8)]
      : ["docker", "--host", engine.endpoint];
  return [...program, ...words].map(quoteWord).join(" ");
}

/** A mark in the view at once, and after a moment a notification that can cancel. */
export async function busy<T>({ title, view }: { title: string; view: string }, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const canceled = new vscode.CancellationTokenSource();
  const result = work(signalOf(canceled.token));
  void vscode.window.withProgress({ location: { viewId: `berth.${view}` } }, () => result.then(ignore, ignore));
  let finished = false;
  const slow = setTimeout(() => {
    if (finished) return;
    void vscode.window.withProgress(
      { location: vscode.ProgressLocation.Notification, cancellable: true, title: title.replace(/\?$/, "") },
      (_progress, token) => {
        token.onCancellationRequested(() => canceled.cancel());
        return result.then(ignore, ignore);
      },
    );
  }, SLOW_MS);
  try {
    return await result;
  } finally {
    finished = true;
    clearTimeout(slow);
  }
}

const SLOW_MS = 1500;
const ignore = (): void => {};

/** Waits for all, and fails with the first failure: one container in trouble does not keep the others from stopping. */
export async function together(calls: Promise<unknown>[]): Promise<void> {
  const failed = (await Promise.allSettled(calls)).find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
}

/** Somebody else was faster: what was to go has gone. */
function unlessGone<N extends Node>(error: unknown, { confirm }: Operation<N>): void {
  if (!confirm || !isStatus(error, 404)) throw error;
}
