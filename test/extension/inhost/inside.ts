/** What the tests share: the command on the window's engine, and the extension's own parts, which it gives to tests alone. */
import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import * as vscode from "vscode";
import type { Context } from "../../../src/context.ts";
import type { Node } from "../../../src/tree/node.ts";
import type { ViewName } from "../../../src/tree/trees.ts";

export const berth = async (...args: string[]): Promise<string> =>
  (await promisify(execFile)(process.env["BERTH_TEST_PROGRAM"]!, args, { maxBuffer: 1 << 28 })).stdout.trim();

/** A copied line as a terminal would run it. */
export const shell = async (line: string): Promise<string> => {
  const env = { ...process.env, PATH: `${dirname(process.env["BERTH_TEST_PROGRAM"]!)}:${process.env["PATH"]}` };
  return (await promisify(execFile)("/bin/sh", ["-c", line], { env, cwd: scratch })).stdout.trim();
};

/** A folder for files of a test, below the run's own. */
export const scratch = mkdtempSync(join(process.env["BERTH_TEST_FOLDER"] ?? tmpdir(), "files-"));

export const inside = async (): Promise<Context> => vscode.extensions.getExtension<Context>("berth.berth")!.activate();

/** Rows of a view, or below a row, as the editor would ask for them. */
export async function rows(view: ViewName, below?: Node): Promise<Node[]> {
  const tree = (await inside())[view];
  if (!below) await tree.fresh();
  return tree.getChildren(below);
}

export const labels = (nodes: readonly Node[]): string[] => nodes.map(({ shown }) => shown.label);

/** The row with a label, anywhere below the path of labels. */
export async function rowAt(view: ViewName, ...path: string[]): Promise<Node> {
  let found: Node | undefined;
  for (const label of path) {
    const here = await rows(view, found);
    found = here.find(({ shown }) => shown.label === label) ?? here.find(({ shown }) => shown.label.includes(label));
    if (!found) throw new Error(`There is no "${label}" among ${labels(here).join(" | ")}`);
  }
  return found!;
}

/** A shell's line that waits until the main process heeds a signal: before it has set its trap it is deaf to it. */
export const untilHeeds = (signal: number): string =>
  `until [ $((0x$(sed -n 's/^SigCgt:.//p' /proc/1/status) >> ${signal - 1} & 1)) = 1 ]; do sleep 0.05; done`;

/** A setting for the time of some work. */
export async function having<T>(name: string, value: unknown, work: () => Promise<T>): Promise<T> {
  const settings = vscode.workspace.getConfiguration("berth");
  await settings.update(name, value, vscode.ConfigurationTarget.Global);
  try {
    return await work();
  } finally {
    await settings.update(name, undefined, vscode.ConfigurationTarget.Global);
  }
}

/** Runs a task to its end. @returns its exit code */
export async function ends(task: vscode.Task): Promise<number | undefined> {
  const ended = new Promise<number | undefined>((resolve) => {
    const subscription = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
      if (execution.task.name !== task.name) return;
      subscription.dispose();
      resolve(exitCode);
    });
  });
  await vscode.tasks.executeTask(task);
  return ended;
}
