/** What is below a container: its files, ports, mounts, networks and environment. */
import * as vscode from "vscode";
import type { ContainerSummary } from "../../engine/api/types/container.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { containerUri } from "../files/uris.ts";
import { containerName } from "./container.ts";
import { filesNode } from "./files.ts";
import { property } from "./node.ts";
import type { Node } from "./node.ts";

/** A row a kind, empty ones left out. Names are not hidden: whoever sees the view may inspect the container. */
export function containerChildren(container: ContainerSummary, client: DockerClient | undefined): Node[] {
  const { Id } = container;
  const section = (key: string, label: string, icon: string, rows: readonly Node[]): Node[] =>
    rows.length === 0
      ? []
      : [property(`${Id} ${key}`, label, { icon: { id: icon }, description: String(rows.length), context: key, children: () => rows })];
  return [
    filesNode(`${Id} files`, containerUri(containerName(container), "/")),
    ...section("ports", vscode.l10n.t("Ports"), "plug", ports(container)),
    ...section("mounts", vscode.l10n.t("Mounts"), "database", mounts(container)),
    ...section("networks", vscode.l10n.t("Networks"), "type-hierarchy", networks(container)),
    ...(client
      ? [
          property(`${Id} env`, vscode.l10n.t("Environment"), {
            icon: { id: "symbol-variable" },
            context: "env",
            children: environment(Id),
          }),
        ]
      : []),
  ];
}

function ports({ Id, Ports }: ContainerSummary): Node[] {
  return Ports.map(({ IP, PrivatePort, PublicPort, Type }) => {
    const inside = `${PrivatePort}/${Type}`;
    if (!PublicPort) return property(`${Id} port ${inside}`, inside, { icon: { id: "plug" }, description: vscode.l10n.t("not published") });
    const outside = `${IP?.includes(":") ? `[${IP}]` : (IP ?? "")}:${PublicPort}`;
    const open = { command: "berth.port.open", title: vscode.l10n.t("Open in Browser"), arguments: [PublicPort] };
    return property(`${Id} port ${outside} ${inside}`, `${outside} → ${inside}`, {
      icon: { id: "plug" },
      context: "port;published",
      ...(Type === "tcp" ? { open } : {}),
    });
  });
}

function mounts({ Id, Mounts }: ContainerSummary): Node[] {
  return Mounts.map(({ Name, Source, Destination, Type, RW }) =>
    property(`${Id} mount ${Destination}`, Destination, {
      icon: { id: Type === "volume" ? "database" : "folder" },
      description: [Name ?? Source, Type, ...(RW ? [] : [vscode.l10n.t("read-only")])].filter(Boolean).join(" · "),
      context: `mount;${Type}`,
    }),
  );
}

function networks({ Id, NetworkSettings }: ContainerSummary): Node[] {
  return Object.entries(NetworkSettings.Networks).map(([name, { IPAddress, GlobalIPv6Address, Aliases }]) =>
    property(`${Id} network ${name}`, name, {
      icon: { id: "type-hierarchy" },
      description: [IPAddress, GlobalIPv6Address, ...(Aliases ?? [])].filter(Boolean).join(" · "),
      context: "membership",
    }),
  );
}

function environment(id: string): NonNullable<Node["children"]> {
  return async (client) => {
    const env = (await client?.containers.inspect(id))?.Config.Env ?? [];
    if (env.length === 0) return [property(`${id} env none`, vscode.l10n.t("none"), { icon: { id: "circle-slash" }, context: "none" })];
    return env.toSorted().map((entry) => {
      const [name = "", ...value] = entry.split("=");
      return property(`${id} env ${name}`, name, { icon: { id: "symbol-variable" }, description: value.join("="), context: "variable" });
    });
  };
}
