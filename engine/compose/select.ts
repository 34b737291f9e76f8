/** Which services of a project are meant: profiles, a selection by name and what it needs. Pure: projects are copied. */
import { ComposeError } from "./project.ts";
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";

/** All services, also those that profile or selection leave out. */
export function allServices(project: Project): Record<string, ServiceConfig> {
  return { ...project.services, ...project.disabledServices };
}

/** The project with exactly these profiles active; `*` is every profile. */
export function withProfiles(project: Project, profiles: readonly string[]): Project {
  const services: Record<string, ServiceConfig> = {};
  const disabledServices: Record<string, ServiceConfig> = {};
  for (const [name, service] of Object.entries(allServices(project))) {
    const own = service.profiles ?? [];
    const active = own.length === 0 || profiles.includes("*") || own.some((profile) => profiles.includes(profile));
    (active ? services : disabledServices)[name] = service;
  }
  return { ...project, services, disabledServices, profiles: [...profiles] };
}

/** A service that is asked for by name switches its profiles on. */
export function withServicesEnabled(project: Project, names: readonly string[]): Project {
  const more = names.filter((name) => !(name in project.services)).flatMap((name) => project.disabledServices[name]?.profiles ?? []);
  return names.length === 0 ? project : withProfiles(project, [...project.profiles, ...more]);
}

/**
 * Only these services, and those they depend on unless `dependencies` is false. The others are disabled and gone
 * from `depends_on`.
 *
 * @throws {ComposeError} `no such service: x`
 */
export function withSelectedServices(
  project: Project,
  names: readonly string[],
  { dependencies = true }: { dependencies?: boolean } = {},
): Project {
  if (names.length === 0) return project;
  const selected = new Set<string>();
  const visit = (name: string, required: boolean) => {
    const service = project.services[name];
    if (!service && required) throw new ComposeError(`no such service: ${name}`);
    if (!service || selected.has(name)) return;
    selected.add(name);
    if (!dependencies) return;
    for (const [other, dependency] of Object.entries(service.depends_on ?? {})) visit(other, dependency.required);
  };
  for (const name of names) visit(name, true);
  const services: Record<string, ServiceConfig> = {};
  const disabledServices = { ...project.disabledServices };
  for (const [name, service] of Object.entries(project.services)) {
    if (selected.has(name)) services[name] = withDependencies(service, selected);
    else disabledServices[name] = service;
  }
  return { ...project, services, disabledServices };
}

function withDependencies(service: ServiceConfig, selected: ReadonlySet<string>): ServiceConfig {
  if (!service.depends_on) return service;
  const kept = Object.entries(service.depends_on).filter(([name]) => selected.has(name));
  return { ...service, depends_on: Object.fromEntries(kept) };
}

/** Without the networks, volumes, secrets, configs and models that no active service uses. */
export function withoutUnusedResources(project: Project): Project {
  const services = Object.values(project.services);
  const networks = services.flatMap((service) => Object.keys(service.networks ?? {}));
  const mounts = services.flatMap((service) => service.volumes ?? []);
  const secrets = services.flatMap((service) => [...(service.secrets ?? []), ...(service.build?.secrets ?? [])]);
  const configs = services.flatMap((service) => service.configs ?? []);
  const models = services.flatMap((service) => Object.keys(service.models ?? {}));
  return {
    ...project,
    networks: pick(project.networks, networks),
    volumes: pick(
      project.volumes,
      mounts.flatMap(({ type, source }) => (type === "volume" && source ? [source] : [])),
    ),
    secrets: pick(
      project.secrets,
      secrets.map(({ source }) => source),
    ),
    configs: pick(
      project.configs,
      configs.map(({ source }) => source),
    ),
    models: pick(project.models, models),
  };
}

function pick<T>(resources: Record<string, T>, used: readonly string[]): Record<string, T> {
  const names = new Set(used);
  return Object.fromEntries(Object.entries(resources).filter(([name]) => names.has(name)));
}
