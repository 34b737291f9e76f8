/**
 * Tasks: `berth-build` and `berth-run` through the engine's API, `berth-compose` through the command. VS Code itself runs no task in
 * a folder that is not trusted; the handlers refuse as well.
 */
import { isAbsolute, join, relative } from "node:path";
import * as vscode from "vscode";
import { BuildFailure, runBuild } from "../build/run.ts";
import type { BuildTarget } from "../build/run.ts";
import { trusted } from "../commands/command.ts";
import { defaultImageName } from "../commands/image-name.ts";
import type { Context } from "../context.ts";
import { runSpec, savedSpecs } from "../run/run.ts";
import { EMPTY_SPEC } from "../run/spec.ts";
import type { RunSpec } from "../../webviews/protocol.ts";
import { COMPOSE_FILES } from "../tree/projects-tree.ts";
import { composeTask } from "./compose.ts";
import { TaskTerminal } from "./task-terminal.ts";

const DOCKERFILES = "**/{Dockerfile,Containerfile,Dockerfile.*,*.Dockerfile}";
const NOT_OURS = "**/{node_modules,.git,vendor}/**";

interface BuildDefinition extends vscode.TaskDefinition {
  readonly dockerfile?: string;
  readonly context?: string;
  readonly tag?: string;
  readonly target?: string;
  readonly buildArgs?: Readonly<Record<string, string>>;
  readonly platform?: string;
}

interface RunDefinition extends vscode.TaskDefinition, Partial<RunSpec> {
  /** Name of saved options. */
  readonly saved?: string;
}

interface ComposeDefinition extends vscode.TaskDefinition {
  readonly command?: string;
  readonly file?: string;
}

/** A kind of task: what the workspace offers of it, and the task of a definition. */
export interface TaskKind {
  readonly offered: (context: Context) => Promise<vscode.TaskDefinition[]>;
  readonly make: (context: Context, definition: vscode.TaskDefinition) => vscode.Task;
}

/** By the type of the definition. */
export const taskKinds = {
  "berth-build": { offered: offeredBuilds, make: buildTask },
  "berth-run": {
    offered: async (context) => Object.keys(savedSpecs(context)).map((saved) => ({ type: "berth-run", saved })),
    make: runTask,
  },
  "berth-compose": { offered: offeredComposes, make: composeDefinitionTask },
} as const satisfies Readonly<Record<string, TaskKind>>;

async function offeredBuilds(): Promise<BuildDefinition[]> {
  const files = await vscode.workspace.findFiles(DOCKERFILES, NOT_OURS, 20);
  return files
    .filter(({ path }) => !path.endsWith(".dockerignore"))
    .map((uri) => ({ type: "berth-build", dockerfile: vscode.workspace.asRelativePath(uri, false) }));
}

async function offeredComposes(): Promise<ComposeDefinition[]> {
  const files = await vscode.workspace.findFiles(COMPOSE_FILES, NOT_OURS, 20);
  const verbs = ["up --detach", "down"];
  return files.flatMap((uri) =>
    verbs.map((command) => ({ type: "berth-compose", command, file: vscode.workspace.asRelativePath(uri, false) })),
  );
}

const folder = (): string => vscode.workspace.workspaceFolders?.[0]?.uri.fsPath ?? process.cwd();
const inFolder = (path: string): string => (isAbsolute(path) ? path : join(folder(), path));

function task(
  definition: vscode.TaskDefinition,
  name: string,
  work: (say: (text: string) => void, signal: AbortSignal) => Promise<void>,
): vscode.Task {
  const execution = new vscode.CustomExecution(async () => new TaskTerminal(work));
  return new vscode.Task(definition, vscode.TaskScope.Workspace, name, "Berth", execution, "$berth-build");
}

/** What a definition builds; its paths are below the workspace's first folder unless absolute. */
export function buildTarget(definition: Omit<BuildDefinition, "type">): BuildTarget {
  const { dockerfile = "Dockerfile", target, buildArgs = {}, platform } = definition;
  const directory = inFolder(definition.context ?? join(dockerfile, ".."));
  const name = definition.tag ?? defaultImageName(inFolder(dockerfile));
  const path = relative(directory, inFolder(dockerfile));
  return { directory, dockerfile: path.startsWith("..") ? inFolder(dockerfile) : path, name, target, buildArgs, platform };
}

function buildTask(context: Context, definition: BuildDefinition): vscode.Task {
  const { dockerfile = "Dockerfile" } = definition;
  const made = task(definition, `build ${dockerfile}`, async (say, signal) => {
    const refusal = trusted();
    if (refusal) throw new Error(refusal);
    try {
      await runBuild(context, buildTarget(definition), { say, signal });
    } catch (error) {
      if (!(error instanceof BuildFailure)) throw error;
      throw new Error(problemLine({ file: inFolder(dockerfile), line: error.line, message: error.message }), { cause: error });
    }
  });
  made.group = vscode.TaskGroup.Build;
  return made;
}

/** What the problem matcher reads: `/path/Dockerfile:3: error: …`. */
function problemLine({ file, line, message }: { file: string; line: number | undefined; message: string }): string {
  return `${file}:${line ?? 1}: error: ${message.trim().replaceAll("\n", " ")}`;
}

function runTask(context: Context, definition: RunDefinition): vscode.Task {
  const { saved, image = "", type: _, ...options } = definition;
  return task(definition, `run ${saved ?? image}`, async (say) => {
    const refusal = trusted();
    if (refusal) throw new Error(refusal);
    const spec = saved === undefined ? { ...EMPTY_SPEC, ...options, image } : savedSpecs(context)[saved];
    if (!spec) throw new Error(vscode.l10n.t("No options are saved as {0}", saved ?? ""));
    say(`${await runSpec(context, spec)}\r\n`);
  });
}

function composeDefinitionTask(context: Context, definition: ComposeDefinition): vscode.Task {
  const { command = "up --detach", file } = definition;
  const refusal = trusted();
  if (refusal) return task(definition, `compose ${command}`, () => Promise.reject(new Error(refusal)));
  const words = ["compose", ...(file ? ["--file", inFolder(file)] : []), ...command.split(/\s+/).filter(Boolean)];
  const made = composeTask(context, {
    words,
    directory: file ? join(inFolder(file), "..") : folder(),
    name: `compose ${command}${file ? ` (${file})` : ""}`,
  });
  made.definition = definition;
  return made;
}
