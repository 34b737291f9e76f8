/**
 * Which service needs which: by `depends_on`, and by sharing a namespace, volumes or links.
 */
import type { Project } from "./project.ts";
import type { DependsOn, ServiceConfig } from "./service.ts";

/** Services by their names. */
export type Services = Readonly<Record<string, ServiceConfig>>;

/** `service:x` → `x`; undefined for anything else. */
export function sharedService(mode: string | undefined): string | undefined {
  return mode?.startsWith("service:") ? mode.slice("service:".length) : undefined;
}

/** Services whose containers must exist before this one's can be made, because their ids or names are part of it. */
export function creationNeeds(service: ServiceConfig): string[] {
  const shared = [service.network_mode, service.ipc, service.pid].flatMap((mode) => sharedService(mode) ?? []);
  const volumes = (service.volumes_from ?? []).filter((text) => !text.startsWith("container:")).map((text) => text.split(":")[0]!);
  const links = (service.links ?? []).map((text) => text.split(":")[0]!);
  return [...new Set([...shared, ...volumes, ...links])];
}

/** What a service waits for before it starts. Sharing something means starting after its owner. */
export function startNeeds(service: ServiceConfig): Record<string, DependsOn> {
  const implied = Object.fromEntries(
    creationNeeds(service).map((name) => [name, { condition: "service_started" as const, required: true }]),
  );
  return { ...implied, ...service.depends_on };
}

/**
 * The named services and, unless told otherwise, all that they need, in the project's order. No names means all.
 *
 * @throws {Error} `no such service: x`
 */
export function selectServices(project: Project, names: readonly string[], options: { dependencies: boolean }): string[] {
  for (const name of names) if (!Object.hasOwn(project.services, name)) throw new Error(`no such service: ${name}`);
  if (names.length === 0) return Object.keys(project.services);
  const chosen = new Set<string>();
  const take = (name: string): void => {
    if (chosen.has(name) || !Object.hasOwn(project.services, name)) return;
    chosen.add(name);
    if (options.dependencies) Object.keys(startNeeds(project.services[name]!)).forEach(take);
  };
  names.forEach(take);
  return Object.keys(project.services).filter((name) => chosen.has(name));
}

/**
 * Services so that each comes after what it needs; those that nothing orders keep the alphabet.
 *
 * @throws {Error} naming the services of a cycle
 */
export function inStartOrder(services: Services): string[] {
  const done = new Set<string>();
  const visit = (name: string, path: readonly string[]): void => {
    if (path.includes(name)) throw new Error(`dependency cycle detected: ${[...path.slice(path.indexOf(name)), name].join(" -> ")}`);
    if (done.has(name) || !Object.hasOwn(services, name)) return;
    for (const need of Object.keys(startNeeds(services[name]!)).toSorted()) visit(need, [...path, name]);
    done.add(name);
  };
  for (const name of Object.keys(services).toSorted()) visit(name, []);
  return [...done];
}

/** Services that wait for `name`; with `restart` only those that are to be restarted with it. */
export function dependentsOf(services: Services, name: string, options: { restart?: boolean } = {}): string[] {
  return Object.entries(services).flatMap(([other, service]) => {
    const need = startNeeds(service)[name];
    return need && (!options.restart || need.restart) ? [other] : [];
  });
}

/** How many containers a service has. */
export function scaleOf(service: ServiceConfig): number {
  return service.scale ?? service.deploy?.replicas ?? 1;
}

/** The image of a service: as written, or the name that a built one gets. */
export function imageOf(project: Project, name: string): string {
  return project.services[name]?.image ?? `${project.name}-${name}`;
}

/** Name of a service's container. */
export function containerName(project: Project, service: string, number: number): string {
  return project.services[service]?.container_name ?? `${project.name}-${service}-${number}`;
}
