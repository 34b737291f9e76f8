/** A compose call as a task: a terminal that can be watched and answered, in the folder of the compose file. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { berthProgram } from "../terminals/environment.ts";

export interface ComposeCall {
  /** Words behind `berth`. */
  readonly words: readonly string[];
  readonly directory: string | undefined;
  readonly name: string;
  /** The folder of the workspace that it belongs to. */
  readonly place?: vscode.WorkspaceFolder | vscode.TaskScope | undefined;
}

export function composeTask(context: Context, { words, directory, name, place }: ComposeCall): vscode.Task {
  const { program, prefix, env } = berthProgram(context);
  const execution = new vscode.ProcessExecution(program, [...prefix, ...words], { env, ...(directory ? { cwd: directory } : {}) });
  const task = new vscode.Task(
    { type: "berth-compose", command: words.join(" ") },
    place ?? vscode.TaskScope.Workspace,
    name,
    "Berth",
    execution,
    "$berth-compose",
  );
  task.presentationOptions = {
    reveal: vscode.TaskRevealKind.Always,
    panel: vscode.TaskPanelKind.Dedicated,
    clear: true,
    showReuseMessage: false,
  };
  return task;
}
