/** The Projects view: compose files of the workspace, and projects that an engine has, with their services and profiles. */
import { existsSync } from "node:fs";
import { basename } from "node:path";
import * as vscode from "vscode";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { compareText } from "./arrange.ts";
import type { ComposeOutline } from "./compose-outline.ts";
import { isUnhealthy, PROJECT_LABEL, SERVICE_LABEL, stateInWords } from "./container.ts";
import { CONTAINER_CHANGES, containerNode } from "./containers-tree.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import { property } from "./node.ts";
import type { Icon, Node } from "./node.ts";
import { tooltip } from "./words.ts";

/** The editor's search knows no empty alternative (`{,.*}`): it would find nothing. */
export const COMPOSE_FILES = "**/{compose,compose.*,docker-compose,docker-compose.*}.{yml,yaml}";
const NOT_OURS = "**/{node_modules,.git,vendor}/**";
const DIRECTORY_LABEL = "com.docker.compose.project.working_dir";
const FILES_LABEL = "com.docker.compose.project.config_files";

export interface ProjectNode extends Node {
  readonly kind: "project";
  readonly project: string;
  /** Compose files, the first one of the workspace when there is one. */
  readonly files: readonly vscode.Uri[];
  /** Of a project whose files are not of the workspace: where it was brought up. */
  readonly directory?: string | undefined;
  readonly containers: readonly ContainerSummary[];
}

export interface ServiceNode extends Node {
  readonly kind: "service";
  readonly service: string;
  readonly project: ProjectNode;
  readonly containers: readonly ContainerSummary[];
}

export type ProjectsTree = LiveTree<ProjectNode>;

/** @param onDidChange the workspace's compose files have changed */
export function projectsNoun(onDidChange: vscode.Event<unknown>): Noun<ProjectNode> {
  return {
    name: "projects",
    kind: "project",
    onDidChange,
    concerns: ({ Type, Action, Actor }) => Type === "container" && CONTAINER_CHANGES.test(Action) && PROJECT_LABEL in Actor.Attributes,
    list: listProjects,
    listWithout: () => listProjects(undefined),
    orders: { name: (a, b) => compareText(a.project, b.project) },
  };
}

async function listProjects(client: DockerClient | undefined): Promise<ProjectNode[]> {
  const [containers, outlines] = await Promise.all([
    client ? client.containers.list({ all: true, filters: { label: [PROJECT_LABEL] } }) : [],
    workspaceProjects(),
  ]);
  const running = new Map<string, ContainerSummary[]>();
  for (const container of containers) {
    const project = container.Labels[PROJECT_LABEL]!;
    running.set(project, [...(running.get(project) ?? []), container]);
  }
  const names = new Set([...outlines.keys(), ...running.keys()]);
  return Promise.all(
    [...names].map(async (name) => {
      const outline = outlines.get(name);
      const containers = running.get(name) ?? [];
      const drift = client && outline && containers.length > 0 ? await driftOf(client, outline.uri) : NO_DRIFT;
      return projectNode(name, { outline, containers, drift });
    }),
  );
}

type Drift = ReadonlyMap<string, string>;
const NO_DRIFT: Drift = new Map();

/** By service. A file of a folder that is not trusted is not followed to where it points. */
async function driftOf(client: DockerClient, { scheme, fsPath }: vscode.Uri): Promise<Drift> {
  if (scheme !== "file" || !vscode.workspace.isTrusted) return NO_DRIFT;
  const { projectDrift } = await import("./drift.ts");
  return projectDrift(client, fsPath).catch(() => NO_DRIFT);
}

/** What is known of a project. */
interface Facts {
  readonly outline: FileOutline | undefined;
  readonly containers: readonly ContainerSummary[];
  readonly drift: Drift;
}

interface FileOutline extends ComposeOutline {
  readonly uri: vscode.Uri;
  readonly overrides: readonly vscode.Uri[];
}

/** Compose files by the project that each makes. An override belongs to the file it is beside. */
async function workspaceProjects(): Promise<Map<string, FileOutline>> {
  const files = await vscode.workspace.findFiles(COMPOSE_FILES, NOT_OURS, 200);
  const isOverride = ({ path }: vscode.Uri): boolean => /\.override\.ya?ml$/.test(path);
  const main = files.filter((file) => !isOverride(file)).toSorted((a, b) => compareText(a.path, b.path));
  if (main.length === 0) return new Map();
  const { composeOutline } = await import("./compose-outline.ts");
  const outlines = await Promise.all(
    main.map(async (uri) => {
      const stem = uri.path.replace(/\.ya?ml$/, "");
      const overrides = files.filter((file) => isOverride(file) && file.path.startsWith(`${stem}.override.`)).slice(0, 1);
      return { uri, overrides, ...composeOutline(new TextDecoder().decode(await vscode.workspace.fs.readFile(uri)), uri.path) };
    }),
  );
  const projects = new Map<string, FileOutline>();
  for (const outline of outlines) if (!projects.has(outline.name)) projects.set(outline.name, outline);
  return projects;
}

function projectNode(name: string, facts: Facts): ProjectNode {
  const { outline, containers, drift } = facts;
  const running = containers.filter(({ State }) => State === "running").length;
  const total = Math.max(outline?.services.length ?? 0, new Set(containers.map(serviceOf)).size);
  const state =
    containers.length === 0
      ? vscode.l10n.t("not created")
      : vscode.l10n.t("{0} of {1} running", running, Math.max(total, containers.length));
  const files = outline ? [outline.uri, ...outline.overrides] : labelledFiles(containers);
  const changed = drift.size > 0 ? vscode.l10n.t("changed since") : "";
  const where = files[0] ? vscode.workspace.asRelativePath(files[0]) : "";
  const node: ProjectNode = {
    kind: "project",
    project: name,
    files,
    directory: outline ? undefined : containers[0]?.Labels[DIRECTORY_LABEL],
    containers,
    expanded: running > 0,
    shown: {
      id: `project ${name}`,
      label: name,
      description: [state, changed, where].filter(Boolean).join(" · "),
      icon: { id: "layers", ...(running > 0 ? { color: "charts.green" } : {}) },
      context: [
        "project",
        containers.length === 0 ? "absent" : running > 0 ? "running" : "stopped",
        ...(files.length > 0 ? ["file"] : []),
      ].join(";"),
      spoken: [name, vscode.l10n.t("project"), state, changed, where].filter(Boolean).join(", "),
    },
    children: () => serviceNodes(node, facts),
    tooltip: () =>
      tooltip(name, state, [
        [vscode.l10n.t("Files"), files.map(({ fsPath }) => fsPath).join(", ")],
        [vscode.l10n.t("Directory"), containers[0]?.Labels[DIRECTORY_LABEL]],
        [vscode.l10n.t("Profiles"), outline?.profiles.join(", ")],
        [vscode.l10n.t("Problem"), outline?.problem],
      ]),
  };
  return node;
}

function serviceNodes(project: ProjectNode, { outline, drift }: Facts): Node[] {
  const services = outline?.services ?? [];
  const rest = [...new Set(project.containers.map(serviceOf))].filter((name) => !services.some((service) => service.name === name));
  const plain = services
    .filter(({ profiles }) => profiles.length === 0)
    .map(({ name, image }) => serviceNode(project, { name, image, drift: drift.get(name) }));
  const profiles = (outline?.profiles ?? []).map((profile) =>
    property(`project ${project.project} profile ${profile}`, profile, {
      icon: { id: "tag" },
      description: vscode.l10n.t("profile"),
      context: "profile",
      children: () =>
        services
          .filter((service) => service.profiles.includes(profile))
          .map(({ name, image }) => serviceNode(project, { name, image, drift: drift.get(name), profile })),
    }),
  );
  const problem = outline?.problem ? [property(`project ${project.project} problem`, outline.problem, { icon: { id: "warning" } })] : [];
  return [...problem, ...plain, ...rest.map((name) => serviceNode(project, { name })), ...profiles];
}

interface ServiceFacts {
  readonly name: string;
  readonly image?: string | undefined;
  /** Why its containers would be made anew. */
  readonly drift?: string | undefined;
  readonly profile?: string;
}

function serviceNode(project: ProjectNode, { name, image, drift, profile = "" }: ServiceFacts): ServiceNode {
  const containers = project.containers.filter((container) => serviceOf(container) === name);
  const states = [...new Set(containers.map(stateInWords))].join(", ") || vscode.l10n.t("not created");
  const id = `project ${project.project} ${profile} service ${name}`;
  const stale = drift === undefined ? "" : vscode.l10n.t("needs to be recreated: {0}", drift);
  return {
    kind: "service",
    service: name,
    project,
    containers,
    shown: {
      id,
      label: name,
      description: [states, stale, containers[0]?.Image ?? image].filter(Boolean).join(" · "),
      icon: drift === undefined ? serviceIcon(containers) : { id: "warning", color: "list.warningForeground" },
      context: ["service", containers.length === 0 ? "absent" : containers.some(isRunning) ? "running" : "stopped"].join(";"),
      spoken: [name, vscode.l10n.t("service"), states, stale].filter(Boolean).join(", "),
    },
    ...(containers.length > 0
      ? {
          children: () =>
            containers.map((container) => ({
              ...containerNode(container),
              shown: { ...containerNode(container).shown, id: `${id} ${container.Id}` },
            })),
        }
      : {}),
  };
}

const isRunning = ({ State }: ContainerSummary): boolean => State === "running";

function serviceIcon(containers: readonly ContainerSummary[]): Icon {
  if (containers.some(isUnhealthy)) return { id: "warning", color: "list.warningForeground" };
  if (containers.some(isRunning)) return { id: "circle-filled", color: "charts.green" };
  // One that has failed says so here too.
  const icons = containers.map((container) => containerNode(container).shown.icon);
  return icons.find(({ id }) => id === "error") ?? { id: "circle-outline" };
}

function serviceOf({ Labels }: ContainerSummary): string {
  return Labels[SERVICE_LABEL] ?? "?";
}

function labelledFiles(containers: readonly ContainerSummary[]): vscode.Uri[] {
  const files = containers[0]?.Labels[FILES_LABEL]?.split(",") ?? [];
  // A folder that is gone, or another machine's, has nothing to read: then the name alone says what is meant.
  return files.filter((file) => basename(file) !== "-" && file.startsWith("/") && existsSync(file)).map((file) => vscode.Uri.file(file));
}
