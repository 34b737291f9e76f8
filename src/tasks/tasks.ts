/**
 * Tasks: `berth-build` and `berth-run` through the engine's API, `berth-compose` through the command. VS Code itself runs no task in
 * a folder that is not trusted; the handlers refuse as well.
 */
import { existsSync } from "node:fs";
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

/** Where a task's paths begin: a folder of the workspace; else the first one that has the file in question. */
export type Place = vscode.WorkspaceFolder | vscode.TaskScope | undefined;

export interface Offer {
  readonly definition: vscode.TaskDefinition;
  readonly place?: Place;
}

/** A kind of task: what the workspace offers of it, and the task of a definition. */
export interface TaskKind {
  readonly offered: (context: Context) => Promise<Offer[]>;
  readonly make: (context: Context, definition: vscode.TaskDefinition, place?: Place) => vscode.Task;
}

/** By the type of the definition. */
export const taskKinds = {
  "berth-build": { offered: offeredBuilds, make: buildTask },
  "berth-run": {
    offered: offeredRuns,
    make: runTask,
  },
  "berth-compose": { offered: offeredComposes, make: composeDefinitionTask },
} as const satisfies Readonly<Record<string, TaskKind>>;

async function offeredRuns(context: Context): Promise<Offer[]> {
  return Object.keys(savedSpecs(context)).map((saved) => ({ definition: { type: "berth-run", saved } }));
}

async function offeredBuilds(): Promise<Offer[]> {
  const files = await vscode.workspace.findFiles(DOCKERFILES, NOT_OURS, 20);
  return files
    .filter(({ path }) => !path.endsWith(".dockerignore"))
    .map((uri) => offer(uri, { type: "berth-build", dockerfile: vscode.workspace.asRelativePath(uri, false) }));
}

async function offeredComposes(): Promise<Offer[]> {
  const files = await vscode.workspace.findFiles(COMPOSE_FILES, NOT_OURS, 20);
  const verbs = ["up --detach", "down"];
  return files.flatMap((uri) =>
    verbs.map((command) => offer(uri, { type: "berth-compose", command, file: vscode.workspace.asRelativePath(uri, false) })),
  );
}

const offer = (uri: vscode.Uri, definition: vscode.TaskDefinition): Offer => ({
  definition,
  place: vscode.workspace.getWorkspaceFolder(uri),
});

/** A folder's path; `file` decides where any folder may be meant. */
function folderOf(place: Place, file: string): string {
  if (typeof place === "object") return place.uri.fsPath;
  const folders = (vscode.workspace.workspaceFolders ?? []).map(({ uri }) => uri.fsPath);
  return folders.find((folder) => existsSync(join(folder, file))) ?? folders[0] ?? process.cwd();
}

/** One that begins with a variable is for the editor to complete. */
const below = (folder: string, path: string): string => (isAbsolute(path) || path.startsWith("${") ? path : join(folder, path));

type TaskWork<T> = (definition: T, say: (text: string) => void, signal: AbortSignal) => Promise<void>;

/** @param work gets the definition with its variables, such as `${workspaceFolder}`, filled in */
function task<T extends vscode.TaskDefinition>(
  given: T,
  { name, place, work }: { name: string; place: Place; work: TaskWork<T> },
): vscode.Task {
  const execution = new vscode.CustomExecution(
    // It gets none in the tests, which call it themselves.
    async (resolved?) => new TaskTerminal((say, signal) => work((resolved ?? given) as T, say, signal)),
  );
  return new vscode.Task(given, place ?? vscode.TaskScope.Workspace, name, "Berth", execution, "$berth-build");
}

/** What a definition builds. */
export function buildTarget(definition: Omit<BuildDefinition, "type">, place?: Place): BuildTarget {
  const { dockerfile = "Dockerfile", target, buildArgs = {}, platform } = definition;
  const folder = folderOf(place, dockerfile);
  const file = below(folder, dockerfile);
  const directory = below(folder, definition.context ?? join(dockerfile, ".."));
  const path = relative(directory, file);
  const name = definition.tag ?? defaultImageName(file);
  return { directory, dockerfile: path.startsWith("..") ? file : path, name, target, buildArgs, platform };
}

function buildTask(context: Context, definition: BuildDefinition, place?: Place): vscode.Task {
  const work: TaskWork<BuildDefinition> = async (resolved, say, signal) => {
    const refusal = trusted();
    if (refusal) throw new Error(refusal);
    const target = buildTarget(resolved, place);
    try {
      await runBuild(context, target, { say, signal });
    } catch (error) {
      if (!(error instanceof BuildFailure)) throw error;
      const file = below(target.directory, target.dockerfile);
      throw new Error(problemLine({ file, line: error.line, message: error.message }), { cause: error });
    }
  };
  const made = task(definition, { name: `build ${definition.dockerfile ?? "Dockerfile"}`, place, work });
  made.group = vscode.TaskGroup.Build;
  return made;
}

/** What the problem matcher reads: `/path/Dockerfile:3: error: …`. */
function problemLine({ file, line, message }: { file: string; line: number | undefined; message: string }): string {
  return `${file}:${line ?? 1}: error: ${message.trim().replaceAll("\n", " ")}`;
}

function runTask(context: Context, definition: RunDefinition, place?: Place): vscode.Task {
  const work: TaskWork<RunDefinition> = async (resolved, say) => {
    const { saved, image = "", type: _, ...options } = resolved;
    const refusal = trusted();
    if (refusal) throw new Error(refusal);
    const spec = saved === undefined ? { ...EMPTY_SPEC, ...options, image } : savedSpecs(context)[saved];
    if (!spec) throw new Error(vscode.l10n.t("No options are saved as {0}", saved ?? ""));
    say(`${await runSpec(context, spec)}\r\n`);
  };
  return task(definition, { name: `run ${definition.saved ?? definition.image ?? ""}`, place, work });
}

function composeDefinitionTask(context: Context, definition: ComposeDefinition, place?: Place): vscode.Task {
  const { command = "up --detach", file } = definition;
  const refusal = trusted();
  if (refusal) return task(definition, { name: `compose ${command}`, place, work: () => Promise.reject(new Error(refusal)) });
  const folder = folderOf(place, file ?? "");
  const path = file && below(folder, file);
  const made = composeTask(context, {
    words: ["compose", ...(path ? ["--file", path] : []), ...command.split(/\s+/).filter(Boolean)],
    directory: path ? join(path, "..") : folder,
    name: `compose ${command}${file ? ` (${file})` : ""}`,
    place,
  });
  made.definition = definition;
  return made;
}
