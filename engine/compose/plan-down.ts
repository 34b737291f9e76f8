/**
 * `down`, `stop` and `rm`: what goes, the dependents before what they need.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import { LABEL } from "./labels.ts";
import { isOneOff, nameOf, serviceOf } from "./observe.ts";
import type { Present } from "./observe.ts";
import { imageOf } from "./order.ts";
import { isOrphan } from "./plan-up.ts";
import { PlanBuilder } from "./plan.ts";
import type { Plan } from "./plan.ts";
import type { Project } from "./project.ts";

export interface DownOptions {
  /** Only these services; everything when missing. Networks, volumes and images go only with everything. */
  readonly services?: readonly string[];
  readonly volumes?: boolean;
  /** `local`: only images that have no name of their own in the file. */
  readonly images?: "all" | "local";
  readonly removeOrphans?: boolean;
  /** The project is known by its labels only: there is no compose file. */
  readonly withoutFile?: boolean;
  /** Images that builds of this project made, by the name to tell; for `local` without names in the file. */
  readonly builtImages?: readonly string[];
}

/** The steps of `down`. */
export function planDown(project: Project, present: Present, options: DownOptions): Plan {
  const plan = new PlanBuilder();
  const chosen = options.services && options.services.length > 0 ? new Set(options.services) : undefined;
  const going = present.containers.filter((one) => {
    if (chosen) return chosen.has(serviceOf(one));
    if (options.withoutFile || options.removeOrphans) return true;
    return !isOrphan(one, project);
  });
  const removals = planRemovals(plan, going, options.volumes ?? false);
  if (chosen) return plan.build(project.name);
  for (const name of ownNetworks(project, present, options)) {
    const network = present.networks.get(name)!;
    plan.add({
      kind: "network-remove",
      id: `remove network ${name}`,
      name,
      target: network.Id,
      containers: [],
      quiet: true,
      after: removals,
      reason: "it belongs to the project",
    });
  }
  if (options.volumes)
    for (const name of ownVolumes(project, present, options))
      plan.add({ kind: "volume-remove", id: `remove volume ${name}`, name, after: removals, reason: "it was asked for" });
  for (const name of imagesToRemove(project, options))
    plan.add({ kind: "image-remove", id: `remove image ${name}`, name, target: name, after: removals, reason: "it was asked for" });
  return plan.build(project.name);
}

/** Stops and removes containers; a container waits for those that depend on its service, as their labels say. */
function planRemovals(plan: PlanBuilder, containers: readonly ContainerSummary[], volumes: boolean): string[] {
  return containers.map((container) =>
    plan.add({
      kind: "remove",
      id: removalId(container),
      container,
      service: serviceOf(container),
      volumes,
      after: dependentContainers(container, containers).map(removalId),
      reason: "it belongs to the project",
    }),
  );
}

function removalId(container: ContainerSummary): string {
  return `remove ${nameOf(container)}`;
}

/** Services that a container's label names as needed. */
export function neededServices({ Labels }: Pick<ContainerSummary, "Labels">): string[] {
  return (Labels[LABEL.dependsOn] ?? "").split(",").flatMap((text) => text.split(":")[0] || []);
}

function dependentContainers(container: ContainerSummary, all: readonly ContainerSummary[]): ContainerSummary[] {
  const service = serviceOf(container);
  return all.filter((other) => serviceOf(other) !== service && neededServices(other).includes(service) && !reaches(container, other, all));
}

/** Labels are older than the file and may even make a circle, in which nobody would go first. */
function reaches(from: ContainerSummary, to: ContainerSummary, all: readonly ContainerSummary[]): boolean {
  const seen = new Set<string>();
  const visit = (service: string): boolean => {
    if (service === serviceOf(to)) return true;
    if (seen.has(service)) return false;
    seen.add(service);
    return all.filter((one) => serviceOf(one) === service).some((one) => neededServices(one).some(visit));
  };
  return neededServices(from).some(visit);
}

function ownNetworks(project: Project, present: Present, { withoutFile }: DownOptions): string[] {
  const labelled = [...present.networks.values()].filter(({ Labels }) => Labels?.[LABEL.project] === project.name);
  const declared = new Set(
    Object.entries(project.networks).flatMap(([key, { name, external }]) => (external ? [] : [name ?? `${project.name}_${key}`])),
  );
  return labelled.map(({ Name }) => Name).filter((name) => withoutFile || declared.has(name) || labelled.length > 0);
}

function ownVolumes(project: Project, present: Present, { withoutFile }: DownOptions): string[] {
  if (withoutFile)
    return [...present.volumes.values()].filter(({ Labels }) => Labels?.[LABEL.project] === project.name).map(({ Name }) => Name);
  return Object.entries(project.volumes)
    .filter(([, { external }]) => !external)
    .map(([key, { name }]) => name ?? `${project.name}_${key}`)
    .filter((name) => present.volumes.has(name));
}

function imagesToRemove(project: Project, { images, builtImages = [] }: DownOptions): string[] {
  if (!images) return [];
  const services = Object.entries(project.services).filter(
    ([, { image, provider }]) => !provider && (images === "all" || image === undefined),
  );
  return [...new Set([...services.map(([name]) => withTag(imageOf(project, name))), ...builtImages])];
}

function withTag(name: string): string {
  return /@|:[^/]*$/.test(name) ? name : `${name}:latest`;
}

/** The steps of `stop`: dependents first. */
export function planStop(project: Project, containers: readonly ContainerSummary[]): Plan {
  const plan = new PlanBuilder();
  const id = (container: ContainerSummary): string => `stop ${nameOf(container)}`;
  for (const container of containers.filter((one) => !isOneOff(one)))
    plan.add({
      kind: "stop",
      id: id(container),
      container,
      service: serviceOf(container),
      after: dependentContainers(container, containers).map(id),
      reason: "it was asked for",
    });
  return plan.build(project.name);
}
