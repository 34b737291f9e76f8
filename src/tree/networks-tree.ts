/** The Networks view: who is connected, and under which address. */
import * as vscode from "vscode";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { Network } from "../../engine/api/types/network.ts";
import { compareText } from "./arrange.ts";
import { containerName, PROJECT_LABEL } from "./container.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import { property } from "./node.ts";
import type { Node } from "./node.ts";
import { tooltip } from "./words.ts";

export interface NetworkNode extends Node {
  readonly kind: "network";
  readonly network: Network;
}

/** A container as a member of a network. */
export interface MemberNode extends Node {
  readonly network: string;
  readonly container: string;
}

export type NetworksTree = LiveTree<NetworkNode>;

const BUILT_IN = new Set(["bridge", "host", "none"]);
const builtIn = ({ network }: NetworkNode): number => (BUILT_IN.has(network.Name) ? 1 : 0);

export const networksNoun: Noun<NetworkNode> = {
  name: "networks",
  kind: "network",
  concerns: ({ Type, Action }) => Type === "network" || (Type === "container" && /^(create|destroy|start|die|rename)/.test(Action)),
  list: async (client) => {
    const [networks, containers] = await Promise.all([client.networks.list(), client.containers.list({ all: true })]);
    return networks.map((network) => networkNode(network, containers));
  },
  orders: { name: (a, b) => builtIn(a) - builtIn(b) || compareText(a.network.Name, b.network.Name) },
  groups: { project: ({ network }) => network.Labels?.[PROJECT_LABEL], driver: ({ network }) => network.Driver },
  label: ({ network }, label) => network.Labels?.[label],
  hidden: (node) => builtIn(node) === 1 && node.network.Name === "none",
};

function networkNode(network: Network, containers: readonly ContainerSummary[]): NetworkNode {
  const { Name, Id, Driver, IPAM, Internal } = network;
  const members = containers.filter(({ NetworkSettings }) => NetworkSettings.Networks[Name]);
  const subnets = (IPAM.Config ?? []).flatMap(({ Subnet }) => (Subnet ? [Subnet] : []));
  const words = [Driver, ...subnets, ...(Internal ? [vscode.l10n.t("internal")] : [])];
  const connected = vscode.l10n.t("{0} connected", members.length);
  return {
    kind: "network",
    network,
    shown: {
      id: `network ${Id}`,
      label: Name,
      description: [...words, ...(members.length > 0 ? [connected] : [])].join(" · "),
      icon: { id: "type-hierarchy", ...(members.length > 0 ? { color: "charts.green" } : {}) },
      context: BUILT_IN.has(Name) ? "network;builtin" : "network;custom",
      spoken: [Name, vscode.l10n.t("network"), ...words, connected].join(", "),
    },
    ...(members.length > 0 ? { children: () => members.map((container) => memberNode(network, container)) } : {}),
    tooltip: () =>
      tooltip(Name, Driver, [
        [vscode.l10n.t("Id"), Id.slice(0, 12)],
        [vscode.l10n.t("Subnet"), subnets.join(", ")],
        [vscode.l10n.t("Gateway"), (IPAM.Config ?? []).map(({ Gateway }) => Gateway).join(", ")],
        [vscode.l10n.t("Connected"), members.map(containerName).join(", ")],
      ]),
  };
}

function memberNode({ Name, Id }: Network, container: ContainerSummary): MemberNode {
  const { IPAddress, GlobalIPv6Address, MacAddress, Aliases } = container.NetworkSettings.Networks[Name]!;
  const row = property(`network ${Id} ${container.Id}`, containerName(container), {
    icon: { id: container.State === "running" ? "circle-filled" : "circle-outline" },
    description: [IPAddress, GlobalIPv6Address, MacAddress, ...(Aliases ?? [])].filter(Boolean).join(" · ") || container.State,
    context: Name === "host" || Name === "none" ? "member;fixed" : "member",
  });
  return { ...row, kind: "member", network: Name, container: container.Id };
}
