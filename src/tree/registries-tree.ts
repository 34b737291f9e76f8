/** The Registries view: registries, their repositories and tags. Read when it is opened; nothing is asked before. */
import * as vscode from "vscode";
import type { Accounts } from "../registries/accounts.ts";
import type { Registry } from "../registries/registry.ts";
import { compareText } from "./arrange.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import { property } from "./node.ts";
import type { Node } from "./node.ts";

export interface RegistryNode extends Node {
  readonly kind: "registry";
  readonly registry: Registry;
}

export interface RepositoryNode extends Node {
  readonly kind: "repository";
  readonly registry: Registry;
  readonly repository: string;
}

export interface TagNode extends Node {
  readonly kind: "tag";
  readonly registry: Registry;
  readonly repository: string;
  readonly tag: string;
}

export type RegistriesTree = LiveTree<RegistryNode>;

const TITLES = { hub: "Docker Hub", ghcr: "GitHub", generic: "" } as const;

/** @param onDidChange a registry was connected, disconnected or is to be read again */
export function registriesNoun(accounts: Accounts, onDidChange: vscode.Event<unknown>): Noun<RegistryNode> {
  const list = async (): Promise<RegistryNode[]> => (await accounts.list()).map(registryNode);
  return {
    name: "registries",
    kind: "registry",
    onDidChange,
    concerns: () => false,
    list,
    listWithout: list,
    orders: { name: (a, b) => compareText(a.shown.label, b.shown.label) },
  };
}

function registryNode(registry: Registry): RegistryNode {
  const { kind, domain, username, from } = registry.account;
  const label = TITLES[kind] || domain;
  const origin = from === undefined ? "" : vscode.l10n.t("docker's login, in {0}", from);
  const id = `registry ${username}@${domain}`;
  return {
    kind: "registry",
    registry,
    shown: {
      id,
      label,
      description: [username, label === domain ? "" : domain, origin].filter(Boolean).join(" · "),
      icon: { id: kind === "ghcr" ? "github" : "cloud" },
      context: `registry;${kind}${from === undefined ? "" : ";docker"}`,
      spoken: [label, vscode.l10n.t("registry"), username, origin].filter(Boolean).join(", "),
    },
    children: () =>
      orProblem(id, async () => (await registry.repositories()).toSorted(compareText).map((name) => repositoryNode(registry, name))),
  };
}

function repositoryNode(registry: Registry, repository: string): RepositoryNode {
  const id = `repository ${registry.account.username}@${registry.account.domain}/${repository}`;
  const tags = (): Promise<Node[]> =>
    orProblem(id, async () =>
      (await registry.tags(repository))
        .toSorted((a, b) => compareText(b, a))
        .map((tag): TagNode => {
          const row = property(`${id}:${tag}`, tag, { icon: { id: "tag" }, context: "tag" });
          return { ...row, kind: "tag", registry, repository, tag };
        }),
    );
  return {
    ...property(id, repository, { icon: { id: "archive" }, context: "repository", children: tags }),
    kind: "repository",
    registry,
    repository,
  };
}

/** A registry that says no is a row that says why: the others are still of use. */
async function orProblem(id: string, read: () => Promise<Node[]>): Promise<Node[]> {
  try {
    return await read();
  } catch (error) {
    return [
      property(`${id} problem`, (error as Error).message, { icon: { id: "warning", color: "list.warningForeground" }, context: "problem" }),
    ];
  }
}
