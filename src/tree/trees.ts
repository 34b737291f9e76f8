/** All trees: one provider, one noun each. */
import * as vscode from "vscode";
import type { Context } from "../context.ts";
import { SettingsWatch } from "../engine/settings-watch.ts";
import { containersNoun } from "./containers-tree.ts";
import { endpointsNoun } from "./endpoints-tree.ts";
import { imagesNoun } from "./images-tree.ts";
import { LiveTree } from "./live-tree.ts";
import type { Noun } from "./live-tree.ts";
import { networksNoun } from "./networks-tree.ts";
import type { Node } from "./node.ts";
import { COMPOSE_FILES, projectsNoun } from "./projects-tree.ts";
import { registriesNoun } from "./registries-tree.ts";
import { volumesNoun } from "./volumes-tree.ts";

/** Names of the views, in the order in which they are shown. */
export const VIEWS = ["containers", "images", "volumes", "networks", "projects", "registries", "endpoints"] as const;

export type ViewName = (typeof VIEWS)[number];

type Needs = Pick<Context, "engine" | "log" | "accounts" | "changed" | "updates"> & { readonly subscriptions: vscode.Disposable[] };

export function makeTrees({ engine, log, accounts, changed, updates, subscriptions }: Needs): Pick<Context, ViewName> {
  const tree = <N extends Node>(noun: Noun<N>): LiveTree<N> => {
    const made = new LiveTree(engine, log, noun);
    subscriptions.push(made);
    return made;
  };
  const settings = new SettingsWatch();
  subscriptions.push(settings);
  const changes = (what: "endpoints" | "registries"): vscode.Event<unknown> => either(settings.onDidChange, only(changed.event, what));
  /** From when it is looked at on, it follows what others write. */
  const watching = <N extends Node>(noun: Noun<N>): Noun<N> => {
    const list = async (): Promise<N[]> => (settings.begin(), noun.listWithout!());
    return { ...noun, list, listWithout: list };
  };
  return {
    containers: tree(containersNoun).followAlways(),
    images: tree(imagesNoun(updates)),
    volumes: tree(volumesNoun),
    networks: tree(networksNoun),
    projects: tree(projectsNoun(composeFilesChange(subscriptions))),
    registries: tree(watching(registriesNoun(accounts, either(accounts.onDidChange, changes("registries"))))),
    endpoints: tree(watching(endpointsNoun(engine, changes("endpoints")))),
  };
}

function composeFilesChange(subscriptions: vscode.Disposable[]): vscode.Event<unknown> {
  const watcher = vscode.workspace.createFileSystemWatcher(COMPOSE_FILES);
  subscriptions.push(watcher);
  return either(watcher.onDidChange, either(watcher.onDidCreate, watcher.onDidDelete));
}

function either(a: vscode.Event<unknown>, b: vscode.Event<unknown>): vscode.Event<unknown> {
  return (listener) => vscode.Disposable.from(a(listener), b(listener));
}

function only<T>(event: vscode.Event<T>, wanted: T): vscode.Event<unknown> {
  return (listener) => event((value) => (value === wanted ? listener(value) : undefined));
}
