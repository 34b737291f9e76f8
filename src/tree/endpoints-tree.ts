/** The Endpoints view: Berth's own engine, sockets of other engines on this machine, and docker's contexts. */
import { existsSync } from "node:fs";
import { userInfo } from "node:os";
import * as vscode from "vscode";
import type { DockerContext } from "../../engine/client/contexts.ts";
import { environmentEndpoint } from "../engine/environment.ts";
import type { Engine } from "../engine/engine.ts";
import { CONTEXT_PREFIX } from "../engine/state.ts";
import { compareText } from "./arrange.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import type { Node } from "./node.ts";

export interface EndpointNode extends Node {
  readonly kind: "endpoint";
  /** As in the setting `berth.endpoint`; empty for Berth's own engine. */
  readonly address: string;
  /** Set when it is one of docker's contexts, which can be changed. */
  readonly dockerContext: DockerContext | undefined;
}

export type EndpointsTree = LiveTree<EndpointNode>;

/** @param onDidChange a context was written or chosen */
export function endpointsNoun(engine: Engine, onDidChange: vscode.Event<unknown>): Noun<EndpointNode> {
  const list = async (): Promise<EndpointNode[]> => {
    const { dockerContexts } = await import("../engine/address.ts");
    const contexts = await dockerContexts().list();
    const nodes = [
      endpointNode(engine, { address: "", label: vscode.l10n.t("Berth"), where: vscode.l10n.t("this machine's own engine") }),
      ...localSockets().map(({ name, path }) => endpointNode(engine, { address: `unix://${path}`, label: name, where: path })),
      ...contexts.map((context) =>
        endpointNode(engine, { address: `${CONTEXT_PREFIX}${context.name}`, label: context.name, where: context.host, context }),
      ),
    ];
    const [named, { endpoint }] = [environmentEndpoint(), engine];
    const others = [
      { address: named, where: vscode.l10n.t("from DOCKER_HOST") },
      { address: endpoint, where: vscode.l10n.t("from the settings") },
    ];
    for (const { address, where } of others)
      if (!nodes.some((node) => node.address === address)) nodes.push(endpointNode(engine, { address, label: address, where }));
    return nodes;
  };
  return {
    name: "endpoints",
    kind: "endpoint",
    onDidChange,
    concerns: () => false,
    list,
    listWithout: list,
    orders: { kind: (a, b) => order(a) - order(b) || compareText(a.shown.label, b.shown.label) },
  };
}

const order = ({ address, dockerContext }: EndpointNode): number => (address === "" ? 0 : dockerContext ? 2 : 1);

interface EndpointWords {
  readonly address: string;
  readonly label: string;
  readonly where: string;
  readonly context?: DockerContext;
}

function endpointNode(engine: Engine, { address, label, where, context }: EndpointWords): EndpointNode {
  const used = engine.endpoint === address;
  const state = used ? (engine.state.kind === "running" ? vscode.l10n.t("in use") : vscode.l10n.t("in use, not connected")) : "";
  return {
    kind: "endpoint",
    address,
    dockerContext: context,
    shown: {
      id: `endpoint ${address}`,
      label,
      description: [state, where, context?.description].filter(Boolean).join(" · "),
      icon: used
        ? { id: "check", ...(engine.state.kind === "running" ? { color: "charts.green" } : {}) }
        : { id: address === "" ? "package" : where.startsWith("ssh") ? "remote" : "server" },
      context: ["endpoint", used ? "used" : "other", context ? "context" : "builtin"].join(";"),
      spoken: [label, vscode.l10n.t("endpoint"), state, where].filter(Boolean).join(", "),
    },
  };
}

/** Where docker and podman listen when they do. */
function localSockets(): { name: string; path: string }[] {
  const run = process.env["XDG_RUNTIME_DIR"] || `/run/user/${userInfo().uid}`;
  const places = [
    { name: "Docker", path: "/var/run/docker.sock" },
    { name: vscode.l10n.t("Docker (rootless)"), path: `${run}/docker.sock` },
    { name: "Podman", path: "/run/podman/podman.sock" },
    { name: vscode.l10n.t("Podman (rootless)"), path: `${run}/podman/podman.sock` },
  ];
  return places.filter(({ path }) => existsSync(path));
}
