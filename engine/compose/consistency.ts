/** Rules about what the parts of a project say of each other. */
import type { Project } from "./project.ts";
import type { ServiceConfig } from "./service.ts";
import { ModelError, mapAll } from "./paths.ts";

const INVALID = "invalid compose project";

interface Subject {
  name: string;
  service: ServiceConfig;
  project: Project;
}

/** @throws {ModelError} for the first rule that a service, secret or dependency breaks, with the others that are broken */
export function checkConsistency(project: Project): void {
  const ofServices = Object.entries(project.services).flatMap(([name, service]) =>
    RULES.map((rule) => () => rule({ name, service, project })),
  );
  const ofSecrets = Object.keys(project.secrets).map((name) => () => checkSecret(project, name));
  mapAll([...ofServices, ...ofSecrets], (check) => check());
  checkCycles(project);
}

function checkSecret({ secrets }: Project, name: string): void {
  const { external, file, environment } = secrets[name]!;
  if (external || file || environment) return;
  throw new ModelError(`secret "${name}" must declare either \`file\` or \`environment\`: ${INVALID}`, ["secrets", name]);
}

function at({ name }: Subject, ...more: string[]): string[] {
  return ["services", name, ...more];
}

const RULES: readonly ((subject: Subject) => void)[] = [
  checkImage,
  checkBuild,
  checkNetworks,
  checkHealth,
  checkDependencies,
  checkVolumes,
  checkFiles,
  checkScale,
  checkLimits,
  checkWatch,
  checkMounts,
];

function checkImage(subject: Subject): void {
  const { name, service } = subject;
  if (service.build || service.image || service.provider) return;
  throw new ModelError(`service "${name}" has neither an image nor a build context specified: ${INVALID}`, at(subject));
}

function checkBuild(subject: Subject): void {
  const { name, service, project } = subject;
  const { build } = service;
  if (!build) return;
  if (build.dockerfile_inline && build.dockerfile) {
    const words = `service "${name}" declares mutualy exclusive dockerfile and dockerfile_inline: ${INVALID}`;
    throw new ModelError(words, at(subject, "build", "dockerfile_inline"));
  }
  for (const [context, source] of Object.entries(build.additional_contexts ?? {})) {
    if (!source.startsWith("service:")) continue;
    const target = source.slice("service:".length);
    const place = at(subject, "build", "additional_contexts", context);
    const other = project.services[target];
    if (!other) throw new ModelError(`service "${name}" declares unknown service "${target}" as additional contexts ${context}`, place);
    if (!other.build) {
      throw new ModelError(`service "${name}" declares non-buildable service "${target}" as additional contexts ${context}`, place);
    }
  }
  if (build.platforms?.length && service.platform && !build.platforms.includes(service.platform)) {
    const words = `service.build.platforms MUST include service.platform "${service.platform}": ${INVALID}`;
    throw new ModelError(words, at(subject, "build", "platforms"));
  }
}

function checkNetworks(subject: Subject): void {
  const { name, service, project } = subject;
  const networks = Object.keys(service.networks ?? {});
  if (service.network_mode && networks.length > 0) {
    const words = `service ${name} declares mutually exclusive \`network_mode\` and \`networks\`: ${INVALID}`;
    throw new ModelError(words, at(subject, "network_mode"));
  }
  mapAll(networks, (network) => {
    if (network in project.networks) return;
    throw new ModelError(`service "${name}" refers to undefined network ${network}: ${INVALID}`, at(subject, "networks", network));
  });
}

function checkHealth(subject: Subject): void {
  const kind = subject.service.healthcheck?.test?.[0];
  if (kind === undefined || ["CMD", "CMD-SHELL", "NONE"].includes(kind)) return;
  throw new ModelError('healthcheck.test must start either by "CMD", "CMD-SHELL" or "NONE"', at(subject, "healthcheck", "test"));
}

function checkDependencies(subject: Subject): void {
  const { name, service, project } = subject;
  mapAll(Object.entries(service.depends_on ?? {}), ([other, { required }]) => {
    if (other in project.services || (other in project.disabledServices && !required)) return;
    throw new ModelError(`service "${name}" depends on undefined service "${other}": ${INVALID}`, at(subject, "depends_on", other));
  });
  const shared = /^service:(.*)/.exec(service.network_mode ?? "")?.[1];
  if (shared !== undefined && !(shared in project.services)) {
    throw new ModelError(`service "${shared}" not found for network_mode 'service:${shared}'`, at(subject, "network_mode"));
  }
}

function checkVolumes(subject: Subject): void {
  const { name, service, project } = subject;
  mapAll(service.volumes ?? [], ({ type, source }, index) => {
    if (type !== "volume" || !source || source in project.volumes) return;
    throw new ModelError(`service "${name}" refers to undefined volume ${source}: ${INVALID}`, at(subject, "volumes", String(index)));
  });
}

function checkFiles(subject: Subject): void {
  const { name, service, project } = subject;
  const check = (what: string, sources: readonly string[], known: object, place: string[]) =>
    mapAll(sources, (source, index) => {
      if (source in known) return;
      throw new ModelError(`service "${name}" refers to undefined ${what} ${source}: ${INVALID}`, at(subject, ...place, String(index)));
    });
  const sourcesOf = (files?: readonly { source?: string }[]) => files?.map(({ source }) => source ?? "") ?? [];
  check("build secret", sourcesOf(service.build?.secrets), project.secrets, ["build", "secrets"]);
  check("config", sourcesOf(service.configs), project.configs, ["configs"]);
  check("model", Object.keys(service.models ?? {}), project.models, ["models"]);
  check("secret", sourcesOf(service.secrets), project.secrets, ["secrets"]);
}

function checkScale(subject: Subject): void {
  const { name, service } = subject;
  const { scale, deploy } = service;
  if (scale !== undefined && deploy) {
    if (deploy.replicas !== undefined && deploy.replicas !== scale) {
      throw new ModelError(
        `services.${name}: can't set distinct values on 'scale' and 'deploy.replicas': ${INVALID}`,
        at(subject, "scale"),
      );
    }
    deploy.replicas = scale;
  }
  if ((scale ?? 0) < 0) throw new ModelError(`services.${name}.scale: must be greater than or equal to 0`, at(subject, "scale"));
  if ((deploy?.replicas ?? 0) < 0) {
    const words = `services.${name}.deploy.replicas: must be greater than or equal to 0`;
    throw new ModelError(words, at(subject, "deploy", "replicas"));
  }
  if ((scale ?? deploy?.replicas ?? 1) > 1 && service.container_name) {
    const attribute = scale === undefined ? "deploy.replicas" : "scale";
    const words = `services.${attribute}: can't set container_name and ${name} as container name must be unique: ${INVALID}`;
    throw new ModelError(words, at(subject, "container_name"));
  }
}

function checkLimits(subject: Subject): void {
  const { name, service } = subject;
  const { limits, reservations } = service.deploy?.resources ?? {};
  const pairs: [key: "cpus" | "mem_limit" | "mem_reservation" | "pids_limit", place: string, value: unknown, known: unknown][] = [
    ["cpus", "limits.cpus", limits?.cpus ?? 0, limits],
    ["mem_limit", "limits.memory", limits?.memory ?? "0", limits],
    ["mem_reservation", "reservations.memory", reservations?.memory ?? "0", reservations],
    ["pids_limit", "limits.pids", limits?.pids ?? 0, limits],
  ];
  for (const [key, place, value, known] of pairs) {
    const own = service[key];
    if (own === undefined || own === 0 || own === "0" || known === undefined || own === value) continue;
    const words = `services.${name}: can't set distinct values on '${key}' and 'deploy.resources.${place}': ${INVALID}`;
    throw new ModelError(words, at(subject, key));
  }
}

function checkWatch(subject: Subject): void {
  for (const [index, { action, target }] of (subject.service.develop?.watch ?? []).entries()) {
    if (target || action === "rebuild" || action === "restart") continue;
    const words = `services.${subject.name}.develop.watch: target is required for non-rebuild actions: ${INVALID}`;
    throw new ModelError(words, at(subject, "develop", "watch", String(index)));
  }
}

function checkMounts(subject: Subject): void {
  const { name, service } = subject;
  const mounts = new Map<string, string>();
  const add = (list: string, index: number, target: string) => {
    const place = `services.${name}.${list}[${index}]`;
    const other = mounts.get(target);
    if (other) throw new ModelError(`${place}: target ${target} already mounted as ${other}`, at(subject, list, String(index)));
    mounts.set(target, place);
  };
  for (const [index, entry] of (service.tmpfs ?? []).entries()) add("tmpfs", index, entry.split(":", 1)[0] ?? "");
  for (const [index, volume] of (service.volumes ?? []).entries()) add("volumes", index, volume.target);
}

function checkCycles({ services }: Project): void {
  const done = new Set<string>();
  const visit = (way: readonly string[]) => {
    const name = way.at(-1) ?? "";
    for (const next of Object.keys(services[name]?.depends_on ?? {}).sort()) {
      const start = way.indexOf(next);
      if (start >= 0) {
        const words = `dependency cycle detected: ${way.slice(start).join(" -> ")} -> ${next}`;
        throw new ModelError(words, ["services", name, "depends_on", next]);
      }
      if (!done.has(next)) visit([...way, next]);
    }
    done.add(name);
  };
  for (const name of Object.keys(services).sort()) if (!done.has(name)) visit([name]);
}

/** @throws {ModelError} when two services want one container name */
export function checkContainerNames({ services }: Project): void {
  const names = new Map<string, string>();
  for (const [name, { container_name: container }] of Object.entries(services)) {
    if (!container) continue;
    const other = names.get(container);
    if (other) {
      const words = `services.${name}: container name "${container}" is already in use by service ${other}`;
      throw new ModelError(words, ["services", name, "container_name"]);
    }
    names.set(container, name);
  }
}
