/**
 * Networks and volumes: which have to be made, which differ from what the file says now.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import { networkHash, volumeHash } from "./hash.ts";
import { LABEL } from "./labels.ts";
import { nameOf, serviceOf } from "./observe.ts";
import type { Present } from "./observe.ts";
import type { PlanBuilder } from "./plan.ts";
import type { NetworkConfig, Project, VolumeConfig } from "./project.ts";

/** The engine's name of a network of the file. */
export function networkName(project: Project, key: string): string {
  return project.networks[key]?.name ?? `${project.name}_${key}`;
}

/** The engine's name of a volume of the file. */
export function volumeName(project: Project, key: string): string {
  return project.volumes[key]?.name ?? `${project.name}_${key}`;
}

/** What changed under the containers' feet: they have to be made anew. */
export interface Replaced {
  readonly networks: ReadonlySet<string>;
  readonly volumes: ReadonlySet<string>;
}

interface Wanted {
  readonly project: Project;
  readonly present: Present;
  readonly services: readonly string[];
  /** Whether a volume that differs may be thrown away with its data. */
  readonly replaceVolume: (name: string) => boolean;
}

/** Steps for networks and volumes that the services use. @throws {Error} when an external one is missing */
export function planObjects(plan: PlanBuilder, wanted: Wanted): Replaced {
  const { project, services } = wanted;
  const all = services.length === Object.keys(project.services).length;
  const used = services.map((name) => project.services[name]!);
  const networks = new Set(used.flatMap((service) => Object.keys(service.networks ?? {})));
  const volumes = new Set(
    used.flatMap((service) => (service.volumes ?? []).flatMap(({ type, source }) => (type === "volume" && source ? [source] : []))),
  );
  if (all) for (const key of Object.keys(project.networks)) networks.add(key);
  if (all) for (const key of Object.keys(project.volumes)) volumes.add(key);
  return {
    networks: new Set([...networks].filter((key) => project.networks[key] && planNetwork(plan, wanted, key))),
    volumes: new Set([...volumes].filter((key) => project.volumes[key] && planVolume(plan, wanted, key))),
  };
}

/** @returns true when an existing network is replaced */
function planNetwork(plan: PlanBuilder, { project, present }: Wanted, key: string): boolean {
  const wanted: NetworkConfig = project.networks[key]!;
  const name = networkName(project, key);
  const there = present.networks.get(name) ?? [...present.networks.values()].find(({ Id }) => wanted.external && Id === name);
  if (wanted.external) {
    const builtIn = ["bridge", "host", "none"].includes(name);
    if (!there && !builtIn) throw new Error(`network ${name} declared as external, but could not be found`);
    return false;
  }
  const create = (after: string[], reason: string): string =>
    plan.add({ kind: "network-create", id: `network ${key}`, key, after, reason });
  if (!there) return (create([], "it does not exist"), false);
  const labels = there.Labels ?? {};
  const owner = labels[LABEL.project];
  if (owner === undefined)
    plan.warnings.push(
      `a network with name ${name} exists but was not created by compose.\nSet \`external: true\` to use an existing network`,
    );
  else if (owner !== project.name)
    plan.warnings.push(
      `a network with name ${name} exists but was not created for project ${JSON.stringify(project.name)}.\nSet \`external: true\` to use an existing network`,
    );
  if (owner === project.name && labels[LABEL.network] !== key)
    throw new Error(
      `network ${name} was found but has incorrect label ${LABEL.network} set to ${JSON.stringify(labels[LABEL.network] ?? "")} (expected: ${JSON.stringify(key)})`,
    );
  const hash = labels[LABEL.configHash];
  if (owner !== project.name || hash === undefined || hash === networkHash({ ...wanted, name })) return false;
  const attached = present.containers.filter((one) => one.NetworkSettings?.Networks?.[name]);
  const stops = stopAll(plan, attached, `network ${name} is replaced`);
  const reason = "its configuration changed";
  const removed = plan.add({
    kind: "network-remove",
    id: `remove network ${key}`,
    name,
    target: there.Id,
    containers: attached.map(({ Id }) => Id),
    after: stops,
    reason,
  });
  create([removed], reason);
  return true;
}

function stopAll(plan: PlanBuilder, containers: readonly ContainerSummary[], reason: string): string[] {
  return containers.map((container) =>
    plan.add({ kind: "stop", id: `stop ${nameOf(container)}`, container, service: serviceOf(container), after: [], reason }),
  );
}

/** @returns true when an existing volume is replaced */
function planVolume(plan: PlanBuilder, { project, present, replaceVolume }: Wanted, key: string): boolean {
  const wanted: VolumeConfig = project.volumes[key]!;
  const name = volumeName(project, key);
  const there = present.volumes.get(name);
  if (wanted.external) {
    if (!there) throw new Error(`external volume ${JSON.stringify(name)} not found`);
    return false;
  }
  const create = (after: string[], reason: string): string => plan.add({ kind: "volume-create", id: `volume ${key}`, key, after, reason });
  if (!there) return (create([], "it does not exist"), false);
  const owner = there.Labels?.[LABEL.project];
  if (owner === undefined)
    plan.warnings.push(
      `volume ${JSON.stringify(name)} already exists but was not created by Docker Compose. Use \`external: true\` to use an existing volume`,
    );
  else if (owner !== project.name)
    plan.warnings.push(
      `volume ${JSON.stringify(name)} already exists but was created for project ${JSON.stringify(owner)} (expected ${JSON.stringify(project.name)}). Use \`external: true\` to use an existing volume`,
    );
  const hash = there.Labels?.[LABEL.configHash];
  if (owner !== project.name || hash === undefined || hash === volumeHash({ ...wanted, name }) || !replaceVolume(name)) return false;
  const users = present.containers.filter(({ Mounts }) => (Mounts ?? []).some((mount) => mount.Name === name));
  const removals = users.map((container) =>
    plan.add({
      kind: "remove",
      id: `remove ${nameOf(container)}`,
      container,
      service: serviceOf(container),
      volumes: false,
      after: [],
      reason: `volume ${name} is replaced`,
    }),
  );
  const reason = "its configuration changed";
  const removed = plan.add({ kind: "volume-remove", id: `remove volume ${key}`, name, after: removals, reason });
  create([removed], reason);
  return true;
}
