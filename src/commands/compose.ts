/** Compose from files and rows: `berth compose` in a terminal's task, so that it can be watched, answered and stopped. */
import { dirname } from "node:path";
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { composeTask } from "../tasks/compose.ts";
import { composeOutline } from "../tree/compose-outline.ts";
import type { Node } from "../tree/node.ts";
import type { ProjectNode, ServiceNode } from "../tree/projects-tree.ts";
import type { GroupNode } from "../tree/node.ts";
import type { ContainerNode } from "../tree/containers-tree.ts";
import { openLogsPanel } from "../panels/logs.ts";
import { trusted } from "./command.ts";
import type { Command } from "./command.ts";
import { confirmed } from "./operation.ts";

/** What a command is about: a compose file or a project that an engine has, whole or some of its services. */
export interface ComposeTarget {
  readonly project: string | undefined;
  readonly files: readonly vscode.Uri[];
  readonly services: readonly string[];
}

/** From a file in the explorer, an editor, a code lens, or a row of Projects or Containers. */
async function targetOf(context: Context, args: readonly unknown[]): Promise<ComposeTarget | undefined> {
  const [first, second] = args;
  if (first instanceof vscode.Uri)
    return { project: undefined, files: [first], services: Array.isArray(second) ? (second as string[]) : [] };
  const row = first as Node | undefined;
  if (row?.kind === "project") return ofProject(row as ProjectNode, []);
  if (row?.kind === "service") return ofProject((row as ServiceNode).project, [(row as ServiceNode).service]);
  if (row?.kind === "group") {
    const { key } = row as GroupNode;
    const project = (await context.projects.fresh()).find((node) => node.project === key);
    return project ? ofProject(project, []) : { project: key, files: [], services: [] };
  }
  const edited = vscode.window.activeTextEditor?.document;
  if (edited && /(^|[/.-])compose[^/]*\.ya?ml$/.test(edited.uri.path)) return { project: undefined, files: [edited.uri], services: [] };
  const projects = await context.projects.fresh();
  if (projects.length === 0) throw new Error(vscode.l10n.t("There is no compose file in this folder"));
  const items = projects.map((node) => ({ label: node.shown.label, description: node.shown.description, node }));
  const chosen = items.length === 1 ? items[0] : await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Which project?") });
  return chosen && ofProject(chosen.node, []);
}

/** A file names its project itself; without one the engine's label has to. */
function ofProject({ project, files }: ProjectNode, services: readonly string[]): ComposeTarget {
  return { project: files.length > 0 ? undefined : project, files, services };
}

interface Verb {
  readonly words: readonly string[];
  readonly after?: readonly string[];
  readonly ask?: "services" | "profiles";
  readonly confirm?: string;
}

function compose(verb: Verb): Command {
  return {
    enabled: trusted,
    handler: async (context, ...args) => {
      const target = await targetOf(context, args);
      if (!target) return;
      const chosen = verb.ask ? await chooseServices(target) : { services: target.services, profiles: [] };
      if (!chosen) return;
      const { confirm } = verb;
      if (
        confirm &&
        !(await confirmed({ message: confirm, detail: target.files[0]?.fsPath ?? target.project ?? "", yes: vscode.l10n.t("Yes") }))
      )
        return;
      await save(target.files);
      const files = target.files.flatMap(({ fsPath }) => ["--file", fsPath]);
      const project = target.project ? ["--project-name", target.project] : [];
      const profiles = chosen.profiles.flatMap((profile) => ["--profile", profile]);
      const words = ["compose", ...project, ...files, ...profiles, ...verb.words, ...(verb.after ?? []), ...chosen.services];
      const directory = target.files[0] ? dirname(target.files[0].fsPath) : undefined;
      await vscode.tasks.executeTask(composeTask(context, { words, directory, name: `compose ${verb.words[0]}` }));
    },
  };
}

async function chooseServices(target: ComposeTarget): Promise<{ services: readonly string[]; profiles: readonly string[] } | undefined> {
  const [file] = target.files;
  if (!file) return { services: target.services, profiles: [] };
  const outline = composeOutline(new TextDecoder().decode(await vscode.workspace.fs.readFile(file)), file.path);
  const items = outline.services.map(({ name, profiles }) => ({
    label: name,
    description: profiles.join(", "),
    picked: profiles.length === 0,
    profiles,
  }));
  const chosen = await vscode.window.showQuickPick(items, { title: vscode.l10n.t("Which services?"), canPickMany: true });
  if (!chosen || chosen.length === 0) return undefined;
  return { services: chosen.map(({ label }) => label), profiles: [...new Set(chosen.flatMap(({ profiles }) => profiles))] };
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
  const target = containers ? undefined : await targetOf(context, args);
  const project =
    target &&
    (await context.projects.fresh()).find(
      ({ files, project: name }) => name === target.project || files[0]?.path === target.files[0]?.path,
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
  "compose.upSelect": compose({ words: ["up"], after: ["--detach"], ask: "services" }),
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
  "compose.logs": { handler: logs },
};
