/**
 * What an engine has of a project: containers, networks, volumes and images, read with as few calls as there are kinds.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import type { Network } from "../api/types/network.ts";
import type { Volume } from "../api/types/volume.ts";
import type { DockerClient } from "../client/client.ts";
import { isStatus } from "../client/errors.ts";
import { LABEL, labelFilter } from "./labels.ts";
import { imageOf } from "./order.ts";
import type { Project } from "./project.ts";

/** An image that a service needs, as the engine has it. */
export interface PresentImage {
  readonly id: string;
  /** Directories that the image declares as volumes. */
  readonly volumes: readonly string[];
  readonly hasHealthcheck: boolean;
  /** RFC 3339; when it was last tagged or pulled. */
  readonly tagged: string;
}

/** What is there. Names are the engine's. */
export interface Present {
  /** All of the project's containers, also stopped and one-off ones. */
  readonly containers: readonly ContainerSummary[];
  readonly networks: ReadonlyMap<string, Network>;
  readonly volumes: ReadonlyMap<string, Volume>;
  /** By the name that a service uses; missing when the engine does not have it. */
  readonly images: ReadonlyMap<string, PresentImage>;
}

/** Containers of a project, one-off ones included. */
export function listContainers(
  client: DockerClient,
  project: string,
  options: { signal?: AbortSignal | undefined; size?: boolean } = {},
): Promise<ContainerSummary[]> {
  return client.containers.list({ all: true, filters: { label: [labelFilter(LABEL.project, project)] }, ...options });
}

/** Everything that a plan for `services` of `project` depends on. */
export async function observe(
  client: DockerClient,
  project: Project,
  options: { services?: readonly string[]; signal?: AbortSignal | undefined } = {},
): Promise<Present> {
  const { signal } = options;
  const names = new Set((options.services ?? Object.keys(project.services)).map((name) => imageOf(project, name)));
  const [containers, networks, volumes, images] = await Promise.all([
    listContainers(client, project.name, { signal }),
    client.networks.list({ signal }),
    client.volumes.list({ signal }),
    Promise.all([...names].map(async (name) => [name, await findImage(client, name, signal)] as const)),
  ]);
  return {
    containers: containers.map(withCreation),
    networks: new Map(networks.map((network) => [network.Name, network])),
    volumes: new Map(volumes.map((volume) => [volume.Name, volume])),
    images: new Map(images.flatMap(([name, image]) => (image ? [[name, image]] : []))),
  };
}

/** Podman lists no labels as null. */
function withCreation(container: ContainerSummary): ContainerSummary {
  return { ...container, Labels: container.Labels ?? {} };
}

/** Undefined when the engine does not have it. */
export async function findImage(client: DockerClient, name: string, signal?: AbortSignal): Promise<PresentImage | undefined> {
  try {
    const { Id, Config, Metadata } = await client.images.inspect(name, { signal });
    return {
      id: Id,
      volumes: Object.keys(Config?.Volumes ?? {}),
      hasHealthcheck: (Config?.Healthcheck?.Test ?? []).length > 0 && Config?.Healthcheck?.Test?.[0] !== "NONE",
      tagged: Metadata?.LastTagTime ?? "",
    };
  } catch (error) {
    if (isStatus(error, 404)) return undefined;
    throw error;
  }
}

/** The name without its slash. */
export function nameOf({ Names, Id }: Pick<ContainerSummary, "Names" | "Id">): string {
  const own = Names.find((name) => name.indexOf("/", 1) < 0) ?? Names[0];
  return own?.replace(/^\//, "") ?? Id.slice(0, 12);
}

/** Made by `run`. */
export function isOneOff({ Labels }: Pick<ContainerSummary, "Labels">): boolean {
  return Labels[LABEL.oneOff] === "True";
}

/** The service that a container belongs to. */
export function serviceOf({ Labels }: Pick<ContainerSummary, "Labels">): string {
  return Labels[LABEL.service] ?? "";
}

/** Which of a service's replicas it is; 0 when it is none. */
export function numberOf({ Labels }: Pick<ContainerSummary, "Labels">): number {
  return Number(Labels[LABEL.number] ?? 0) || 0;
}

/** Replicas of one service by their numbers. */
export function replicasOf(containers: readonly ContainerSummary[], service: string): ContainerSummary[] {
  return containers.filter((one) => serviceOf(one) === service && !isOneOff(one)).toSorted((a, b) => numberOf(a) - numberOf(b));
}
