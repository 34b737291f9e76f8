/**
 * How a container is shown: words, icon and what can be done with it. Pure, so that it can be tested without an editor.
 */
import type { ContainerSummary, Port } from "../../engine/api/types/container.ts";
import { t } from "../language/server/words.ts";
import type { Icon, Shown } from "./node.ts";

/** Labels that docker compose, and ours, put on what belongs to a project. */
export const PROJECT_LABEL = "com.docker.compose.project";
export const SERVICE_LABEL = "com.docker.compose.service";

/** Podman says null where Docker says that there is nothing. */
export function complete(container: ContainerSummary): ContainerSummary {
  const { Names, Ports, Labels, Mounts, NetworkSettings }: { [K in keyof ContainerSummary]?: ContainerSummary[K] | null } = container;
  const Networks = (NetworkSettings as { Networks?: ContainerSummary["NetworkSettings"]["Networks"] | null } | null)?.Networks ?? {};
  return {
    ...container,
    Names: Names ?? [],
    Ports: Ports ?? [],
    Labels: Labels ?? {},
    Mounts: Mounts ?? [],
    NetworkSettings: { ...NetworkSettings, Networks },
  };
}

/** The name without its slash; a container that is being made may have none yet. */
export function containerName({ Names, Id }: ContainerSummary): string {
  return Names[0]?.replace(/^\//, "") ?? Id.slice(0, 12);
}

export function showContainer(container: ContainerSummary): Shown {
  const label = containerName(container);
  const state = stateInWords(container);
  const ports = webPorts(container.Ports).map(({ PublicPort }) => `:${PublicPort}`);
  const context = ["container", container.State, ...(ports.length > 0 ? ["web"] : [])].join(";");
  // What may be cut off at the end is what matters least.
  const description = [...troubleInWords(container), ...ports, imageName(container)].join(" · ");
  return {
    id: container.Id,
    label,
    description,
    icon: stateIcon(container),
    context,
    spoken: [label, state, container.Image, ...ports].join(", "),
  };
}

/** `running (unhealthy)`, `exited (137)`, `paused`. */
export function stateInWords(container: ContainerSummary): string {
  const note = noteOf(container);
  const state = STATES[container.State]();
  return note === undefined ? state : `${state} (${NOTES[note]?.() ?? note})`;
}

/** What a look at the row must not miss: nothing where all is well. */
function troubleInWords(container: ContainerSummary): string[] {
  if (container.State !== "running") return [stateInWords(container)];
  return isUnhealthy(container) ? [t("unhealthy")] : [];
}

/** Health, or the exit code. */
function noteOf({ State, Status }: ContainerSummary): string | undefined {
  if (State !== "running" && State !== "exited") return undefined;
  return /\((?:health: )?(healthy|unhealthy|starting|\d+)\)/.exec(Status)?.[1];
}

/** Translated when they are shown: the editor's language is known only then. */
const STATES: Readonly<Record<ContainerSummary["State"], () => string>> = {
  created: () => t("created"),
  running: () => t("running"),
  paused: () => t("paused"),
  restarting: () => t("restarting"),
  removing: () => t("being removed"),
  exited: () => t("exited"),
  dead: () => t("dead"),
};

const NOTES: Readonly<Record<string, () => string>> = {
  healthy: () => t("healthy"),
  unhealthy: () => t("unhealthy"),
  starting: () => t("starting"),
};

/** Whether its health check says no. */
export const isUnhealthy = (container: ContainerSummary): boolean => noteOf(container) === "unhealthy";

/** Ports that a browser on this machine can reach, each once though it is bound for IPv4 and IPv6. */
export function webPorts(ports: readonly Port[]): (Port & { PublicPort: number })[] {
  const seen = new Set<number>();
  return ports.filter((port): port is Port & { PublicPort: number } => {
    if (port.Type !== "tcp" || !port.PublicPort || seen.has(port.PublicPort)) return false;
    seen.add(port.PublicPort);
    return true;
  });
}

/** An image that lost its name is listed by its digest: shorten it as `docker ps` does. */
function imageName({ Image }: ContainerSummary): string {
  const digest = /^(?:sha256:)?([0-9a-f]{64})$/.exec(Image)?.[1];
  return digest?.slice(0, 12) ?? Image;
}

function stateIcon(container: ContainerSummary): Icon {
  const note = noteOf(container);
  switch (container.State) {
    case "running":
      if (note === "unhealthy") return { id: "warning", color: "list.warningForeground" };
      if (note === "starting") return { id: "loading~spin", color: "charts.green" };
      return { id: "circle-filled", color: "charts.green" };
    case "paused":
      return { id: "debug-pause", color: "charts.yellow" };
    case "restarting":
      return { id: "sync~spin", color: "charts.yellow" };
    case "removing":
      return { id: "loading~spin" };
    case "dead":
      return { id: "error", color: "list.errorForeground" };
    case "created":
      return { id: "circle-outline" };
    case "exited":
      return note === "0" ? { id: "circle-outline" } : { id: "error", color: "list.errorForeground" };
  }
}
