/** Compose from files and rows: `berth compose` in a terminal's task, so that it can be watched, answered and stopped. */
import { basename, dirname } from "node:path";
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { composeTask } from "../tasks/compose.ts";
import { siblingsOf } from "../language/server/compose/related.ts";
import type { GroupNode, Node } from "../tree/node.ts";
import type { ProjectNode, ServiceNode } from "../tree/projects-tree.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import { openLogsPanel } from "../panels/logs.ts";
import { trusted } from "./command.ts";
import { askRun, askScale, askServices } from "./compose-ask.ts";
import type { Ask } from "./compose-ask.ts";
import type { Command } from "./command.ts";
import { confirmed, say } from "./operation.ts";

/** What a command is about: a compose file or a project that an engine has, whole or some of its services. */
export interface ComposeTarget {
  /** Set where the files alone would not say it. */
  readonly project: string | undefined;
  /** The first one was clicked; an override follows its base. */
  readonly files: readonly vscode.Uri[];
  readonly services: readonly string[];
  /** What relative paths are relative to, where it is not the first file's folder. */
  readonly directory?: string | undefined;
}

/** From a file in the explorer, an editor, a code lens, or rows of Projects or Containers. */
export async function targetsOf(context: Context, args: readonly unknown[]): Promise<ComposeTarget[]> {
  const [first, second] = args;
  const several: readonly unknown[] = Array.isArray(second) ? second : [];
  if (first instanceof vscode.Uri) {
    // The explorer hands over all selected files, a lens the names of services.
    const uris = several.filter((each): each is vscode.Uri => each instanceof vscode.Uri);
    const services = several.filter((each): each is string => typeof each === "string");
    return (uris.length > 0 ? uris : [first]).map((uri) => ({ project: undefined, files: withSiblings(uri), services }));
  }
  if ((first as Node | undefined)?.shown) {
    const rows = several.length > 0 ? (several as Node[]) : [first as Node];
    return (await Promise.all(rows.map((row) => ofRow(context, row)))).flat();
  }
  const edited = vscode.window.activeTextEditor?.document;
  if (edited && isComposeFile(edited)) return [{ project: undefined, files: withSiblings(edited.uri), services: [] }];
  const projects = await context.projects.fresh();
  if (projects.length === 0) {
    void vscode.window.showInformationMessage(vscode.l10n.t("There is no compose file in this folder"));
    return [];
  }
  const items = projects.map((node) => ({ label: node.shown.label, description: node.shown.description, node }));
  const chosen = items.length === 1 ? items[0] : await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Which project?") });
  return chosen ? [ofProject(chosen.node, [])] : [];
}

const isComposeFile = ({ uri, languageId }: vscode.TextDocument): boolean =>
  languageId === "dockercompose" || /\/(docker-)?compose(\.[^/]+)?\.ya?ml$/.test(uri.path);

/** As compose itself takes `compose.override.yaml` together with `compose.yaml`. */
function withSiblings(uri: vscode.Uri): vscode.Uri[] {
  const { bases, overrides } = siblingsOf(uri.fsPath);
  return [...bases, uri.fsPath, ...overrides].map((path) => vscode.Uri.file(path));
}

async function ofRow(context: Context, row: Node): Promise<ComposeTarget[]> {
  if (row.kind === "project") return [ofProject(row as ProjectNode, [])];
  if (row.kind === "service") return [ofProject((row as ServiceNode).project, [(row as ServiceNode).service])];
  if (row.kind !== "group") return [];
  const { key } = row as GroupNode;
  const project = (await context.projects.fresh()).find((node) => node.project === key);
  return [project ? ofProject(project, []) : { project: key, files: [], services: [] }];
}

/** What runs under a name keeps it; before that the files say it. */
function ofProject({ project, files, containers, directory }: ProjectNode, services: readonly string[]): ComposeTarget {
  return { project: containers.length > 0 ? project : undefined, files, services, directory };
}

interface Verb {
  readonly words: readonly string[];
  readonly after?: readonly string[];
  /** What stands behind all this instead of the target's services. */
  readonly ask?: Ask;
  readonly confirm?: string;
  readonly yes?: string;
}

function compose(verb: Verb): Command {
  return {
    enabled: trusted,
    handler: async (context, ...args) => {
      const targets = await targetsOf(context, args);
      const { confirm, yes = vscode.l10n.t("Remove") } = verb;
      const detail = targets.map(({ project, files }) => files[0]?.fsPath ?? project ?? "").join("\n");
      if (targets.length === 0 || (confirm && !(await confirmed({ message: confirm, detail, yes })))) return;
      for (const target of targets) await call(context, verb, target);
    },
  };
}

async function call(context: Context, verb: Verb, target: ComposeTarget): Promise<void> {
  const chosen = verb.ask ? await verb.ask(context, target) : { words: target.services, profiles: [] };
  if (!chosen) return;
  await save(target.files);
  // A service's name comes from a container's label, and may look like a flag.
  const end = chosen.words[0]?.startsWith("-") ? ["--"] : [];
  const words = composeWords(target, [...verb.words, ...(verb.after ?? []), ...end, ...chosen.words], chosen.profiles);
  const directory = target.files[0] ? dirname(target.files[0].fsPath) : undefined;
  say(context, words);
  const what = target.project ?? (directory ? basename(directory) : "");
  await vscode.tasks.executeTask(
    composeTask(context, { words, directory, name: [`compose ${verb.words[0]}`, what].filter(Boolean).join(" ") }),
  );
}

/** Words behind `berth`, or `docker`. */
export function composeWords(
  { project, files, directory }: ComposeTarget,
  rest: readonly string[],
  profiles: readonly string[] = [],
): string[] {
  return [
    "compose",
    ...(project ? ["--project-name", project] : []),
    ...files.flatMap(({ fsPath }) => ["--file", fsPath]),
    ...(directory ? ["--project-directory", directory] : []),
    ...profiles.flatMap((profile) => ["--profile", profile]),
    ...rest,
  ];
}

/** What runs is what is seen. */
async function save(files: readonly vscode.Uri[]): Promise<void> {
  const paths = new Set(files.map(({ fsPath }) => fsPath));
  const dirty = vscode.workspace.textDocuments.filter((document) => document.isDirty && paths.has(document.uri.fsPath));
  await Promise.all(dirty.map((document) => document.save()));
}

/** The project's containers in one panel, merged by time. */
async function logs(context: Context, ...args: unknown[]): Promise<void> {
  const row = args[0] as Node | undefined;
  const containers =
    row && "containers" in row
      ? (row as ProjectNode).containers
      : row?.kind === "group"
        ? (row as GroupNode).members.flatMap((node) => ("container" in node ? [(node as ContainerNode).container] : []))
        : undefined;
  const [target] = containers ? [] : await targetsOf(context, args);
  if (!containers && !target) return;
  const project =
    target &&
    (await context.projects.fresh()).find(
      ({ files, project: name }) => name === target.project || (files[0]?.path === target.files[0]?.path && files.length > 0),
    );
  const all = containers ?? project?.containers ?? [];
  const name = row?.shown?.label ?? project?.project ?? "";
  if (all.length === 0) throw new Error(vscode.l10n.t("The project has no containers yet"));
  const label = all[0]!.Labels["com.docker.compose.project"];
  openLogsPanel(
    context,
    row?.kind === "service" || !label
      ? { id: all[0]!.Id, name, service: row?.kind === "service" ? (row as ServiceNode).service : undefined, project: label }
      : { id: label, name, project: label },
  );
}

export const composeCommands: Readonly<Record<string, Command>> = {
  "compose.up": compose({ words: ["up"], after: ["--detach"] }),
  "compose.upBuild": compose({ words: ["up"], after: ["--detach", "--build"] }),
  "compose.create": compose({ words: ["create"] }),
  "compose.upSelect": compose({ words: ["up"], after: ["--detach"], ask: askServices }),
  "compose.down": compose({ words: ["down"] }),
  "compose.downVolumes": compose({
    words: ["down"],
    after: ["--volumes"],
    confirm: vscode.l10n.t("Remove the project with its volumes? What is in them is lost."),
  }),
  "compose.start": compose({ words: ["start"] }),
  "compose.stop": compose({ words: ["stop"] }),
  "compose.restart": compose({ words: ["restart"] }),
  "compose.build": compose({ words: ["build"] }),
  "compose.pull": compose({ words: ["pull"] }),
  "compose.ps": compose({ words: ["ps"], after: ["--all"] }),
  "compose.config": compose({ words: ["config"] }),
  "compose.watch": compose({ words: ["watch"] }),
  "compose.followLogs": compose({ words: ["logs"], after: ["--follow"] }),
  "compose.pause": compose({ words: ["pause"] }),
  "compose.unpause": compose({ words: ["unpause"] }),
  "compose.kill": compose({
    words: ["kill"],
    confirm: vscode.l10n.t("Kill what runs of the project?"),
    yes: vscode.l10n.t("Kill"),
  }),
  "compose.rm": compose({
    words: ["rm"],
    after: ["--stop", "--force"],
    confirm: vscode.l10n.t("Stop and remove the containers? Networks and volumes stay."),
  }),
  "compose.scale": compose({ words: ["scale"], ask: askScale }),
  "compose.run": compose({ words: ["run"], after: ["--rm"], ask: askRun }),
  "compose.push": compose({ words: ["push"] }),
  "compose.images": compose({ words: ["images"] }),
  "compose.top": compose({ words: ["top"] }),
  "compose.logs": { handler: logs },
};
