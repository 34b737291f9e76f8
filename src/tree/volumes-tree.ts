/** The Volumes view: how big each is, and who uses it. */
import * as vscode from "vscode";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { Volume } from "../../engine/api/types/volume.ts";
import { volumeUri } from "../files/uris.ts";
import { compareText } from "./arrange.ts";
import { containerName, PROJECT_LABEL } from "./container.ts";
import { containerNode } from "./containers-tree.ts";
import { filesNode } from "./files.ts";
import { formatSize } from "./image.ts";
import type { LiveTree, Noun } from "./live-tree.ts";
import type { Node } from "./node.ts";
import { tooltip } from "./words.ts";

export interface VolumeNode extends Node {
  readonly kind: "volume";
  readonly volume: Volume;
  readonly users: readonly ContainerSummary[];
}

export type VolumesTree = LiveTree<VolumeNode>;

const size = ({ volume }: VolumeNode): number => volume.UsageData?.Size ?? 0;
const byName = (a: VolumeNode, b: VolumeNode): number => compareText(a.volume.Name, b.volume.Name);

export const volumesNoun: Noun<VolumeNode> = {
  name: "volumes",
  kind: "volume",
  concerns: ({ Type, Action }) => Type === "volume" || (Type === "container" && /^(create|destroy|die)/.test(Action)),
  list: async (client) => {
    const [usage, containers] = await Promise.all([client.system.diskUsage({ types: ["volume"] }), client.containers.list({ all: true })]);
    return (usage.Volumes ?? []).map((volume) =>
      volumeNode(
        volume,
        containers.filter(({ Mounts }) => Mounts.some(({ Name }) => Name === volume.Name)),
      ),
    );
  },
  orders: { name: byName, size: (a, b) => size(b) - size(a) || byName(a, b) },
  groups: {
    project: ({ volume }) => volume.Labels?.[PROJECT_LABEL],
    inUse: ({ users }) => (users.length > 0 ? vscode.l10n.t("used") : vscode.l10n.t("unused")),
    driver: ({ volume }) => volume.Driver,
  },
  label: ({ volume }, label) => volume.Labels?.[label],
};

function volumeNode(volume: Volume, users: readonly ContainerSummary[]): VolumeNode {
  const { Name, Driver, UsageData } = volume;
  const names = users.map(containerName).join(", ");
  const use = names ? vscode.l10n.t("used by {0}", names) : vscode.l10n.t("unused");
  const bytes = UsageData && UsageData.Size >= 0 ? [formatSize(UsageData.Size)] : [];
  // A name that nobody gave is 64 digits long.
  const label = /^[0-9a-f]{64}$/.test(Name) ? Name.slice(0, 12) : Name;
  return {
    kind: "volume",
    volume,
    users,
    shown: {
      id: `volume ${Name}`,
      label,
      description: [...bytes, use].join(" · "),
      icon: { id: "database", ...(names ? { color: "charts.green" } : {}) },
      context: names ? "volume;used" : "volume;unused",
      spoken: [label, vscode.l10n.t("volume"), ...bytes, use].join(", "),
    },
    children: () => [
      filesNode(`volume ${Name} files`, volumeUri(Name, "/")),
      ...users.map((container) => ({
        ...containerNode(container),
        shown: { ...containerNode(container).shown, id: `volume ${Name} ${container.Id}` },
      })),
    ],
    tooltip: () =>
      tooltip(Name, "", [
        [vscode.l10n.t("Driver"), Driver],
        [vscode.l10n.t("Size"), bytes[0]],
        [vscode.l10n.t("Used by"), names],
        // Podman does not tell it in a list.
        [vscode.l10n.t("Created"), volume.CreatedAt ? new Date(volume.CreatedAt).toLocaleString() : undefined],
        [vscode.l10n.t("Mountpoint"), volume.Mountpoint],
      ]),
  };
}
