/**
 * `up` and `create`: from what is there to what the file wants, leaving alone what is right already.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import { LABEL } from "./labels.ts";
import { nameOf, replicasOf, serviceOf } from "./observe.ts";
import type { Present } from "./observe.ts";
import { creationNeeds, containerName, dependentsOf, imageOf, inStartOrder, scaleOf, startNeeds } from "./order.ts";
import type { Services } from "./order.ts";
import { networkName, planObjects, volumeName } from "./plan-objects.ts";
import type { Replaced } from "./plan-objects.ts";
import { PlanBuilder } from "./plan.ts";
import type { Plan } from "./plan.ts";
import type { Project } from "./project.ts";
import { resolveReferences } from "./references.ts";
import { serviceHash } from "./hash.ts";
import type { ServiceConfig } from "./service.ts";

/** When an existing container is made anew: when it differs, always, or never. */
export type Recreate = "diverged" | "force" | "never";

export interface UpOptions {
  /** Services to bring up, with those they need; in any order. */
  readonly services: readonly string[];
  /** Services that were named; the others are only needed by them. All when missing. */
  readonly named?: readonly string[];
  readonly recreate?: Recreate;
  readonly recreateDependencies?: Recreate;
  readonly removeOrphans?: boolean;
  /** False only creates. */
  readonly start?: boolean;
  /** Also waits until everything runs or is healthy. */
  readonly wait?: boolean;
  /** Whether a volume whose configuration changed may be replaced, losing its data. Never when missing. */
  readonly replaceVolume?: (name: string) => boolean;
}

/**
 * The steps of `up`.
 *
 * @throws {Error} when it cannot be done: a cycle, a missing external network or volume, two replicas with one name or port
 */
export function planUp(project: Project, present: Present, options: UpOptions): Plan {
  return new UpPlanner(project, present, options).plan();
}

class UpPlanner {
  readonly #plan = new PlanBuilder();
  readonly #project: Project;
  readonly #present: Present;
  readonly #options: UpOptions;
  readonly #services: Services;
  #replaced: Replaced = { networks: new Set(), volumes: new Set() };
  /** Containers that stay, by service: others may share their namespaces. */
  readonly #kept = new Map<string, ContainerSummary[]>();
  /** Names of the containers that a service has at the end. */
  readonly #names = new Map<string, string[]>();
  readonly #running = new Set<string>();
  readonly #created: string[] = [];

  constructor(project: Project, present: Present, options: UpOptions) {
    this.#project = project;
    this.#present = present;
    this.#options = options;
    this.#services = Object.fromEntries(options.services.map((name) => [name, project.services[name]!]));
  }

  plan(): Plan {
    const order = inStartOrder(this.#services);
    for (const name of order) checkScale(name, this.#services[name]!);
    const replaceVolume = this.#options.replaceVolume ?? (() => false);
    this.#replaced = planObjects(this.#plan, { project: this.#project, present: this.#present, services: order, replaceVolume });
    this.#orphans();
    for (const name of order) this.#service(name);
    if (this.#options.start ?? true) this.#starts(order);
    return this.#plan.build(this.#project.name);
  }

  /** Containers of services that the file does not have (any more). */
  #orphans(): void {
    const orphans = this.#present.containers.filter((one) => isOrphan(one, this.#project));
    if (orphans.length === 0) return;
    if (this.#options.removeOrphans) for (const one of orphans) this.#remove(one, "its service is not in the compose file");
    else
      this.#plan.warnings.push(
        `Found orphan containers ([${orphans.map(nameOf).join(" ")}]) for this project. If you removed or renamed this service in your compose file, you can run this command with the --remove-orphans flag to clean it up.`,
      );
  }

  #remove(container: ContainerSummary, reason: string): void {
    const id = `remove ${nameOf(container)}`;
    this.#created.push(this.#plan.add({ kind: "remove", id, container, service: serviceOf(container), volumes: false, after: [], reason }));
  }

  #service(name: string): void {
    const service = this.#services[name]!;
    if (service.provider) return void this.#plan.warnings.push(`service ${name} has a provider, which is not supported: it is left out`);
    const models = Object.keys(service.models ?? {});
    if (models.length > 0)
      this.#plan.warnings.push(`service ${name} uses models (${models.join(", ")}), which no engine here runs: they are left out`);
    const scale = scaleOf(service);
    const judged = replicasOf(this.#present.containers, name).map((container) => ({
      container,
      reason: this.#divergence(name, container),
    }));
    // The first ones stay: what is right before what is not, low numbers before high ones.
    const ranked = judged.toSorted((a, b) => Number(a.reason !== undefined) - Number(b.reason !== undefined));
    const kept: ContainerSummary[] = [];
    const names: string[] = [];
    for (const [at, { container, reason }] of ranked.entries()) {
      if (at >= scale) this.#remove(container, reason ?? "the service has fewer replicas now");
      else if (reason === undefined) {
        kept.push(container);
        names.push(this.#keep(name, container));
      } else names.push(this.#create(name, Number(container.Labels[LABEL.number] ?? 1), { reason, replaces: container }));
    }
    const next = Math.max(0, ...judged.map(({ container }) => Number(container.Labels[LABEL.number] ?? 0))) + 1;
    for (let number = next; number < next + scale - ranked.length; number++)
      names.push(this.#create(name, number, { reason: ranked.length === 0 ? "it does not exist" : "the service has more replicas now" }));
    this.#kept.set(name, kept);
    this.#names.set(name, names);
  }

  #keep(service: string, container: ContainerSummary): string {
    const name = nameOf(container);
    // An update that was interrupted leaves the new container under its provisional name.
    const wanted = containerName(this.#project, service, Number(container.Labels[LABEL.number] ?? 1));
    const stopped = this.#plan.has(`stop ${name}`);
    const provisional = container.Labels[LABEL.replace] !== undefined && name !== wanted && name.endsWith(`_${wanted}`);
    if (provisional) {
      this.#created.push(
        this.#plan.add({
          kind: "rename",
          id: `create ${wanted}`,
          container,
          service,
          name: wanted,
          after: [`remove ${wanted}`],
          reason: "its update was interrupted",
        }),
      );
    } else
      this.#plan.add({
        kind: "keep",
        id: `keep ${name}`,
        container: stopped ? { ...container, State: "exited" } : container,
        service,
        after: [],
        reason: "it is as the compose file says",
      });
    const final = provisional ? wanted : name;
    if (!stopped && (container.State === "running" || container.State === "paused" || container.State === "restarting"))
      this.#running.add(final);
    return final;
  }

  #create(service: string, number: number, { reason, replaces }: { reason: string; replaces?: ContainerSummary }): string {
    const name = containerName(this.#project, service, number);
    const config = this.#services[service]!;
    const after = [
      ...Object.keys(config.networks ?? {}).map((key) => `network ${key}`),
      ...(config.volumes ?? []).map(({ source }) => `volume ${source}`),
      ...creationNeeds(config).flatMap((other) => (this.#names.get(other) ?? []).map((one) => `create ${one}`)),
      ...(replaces ? this.#stopDependents(service) : []),
    ];
    // A container that a volume took with it cannot be replaced any more.
    const gone = replaces && this.#plan.has(`remove ${nameOf(replaces)}`);
    this.#created.push(
      this.#plan.add({
        kind: "create",
        id: `create ${name}`,
        service,
        number,
        name,
        after,
        reason,
        ...(replaces && !gone ? { replaces } : {}),
      }),
    );
    return name;
  }

  /** Services that asked to be restarted with this one stop before it goes. */
  #stopDependents(name: string): string[] {
    return dependentsOf(this.#services, name, { restart: true }).flatMap((dependent) =>
      replicasOf(this.#present.containers, dependent)
        .filter(({ State }) => State === "running")
        .map((container) => {
          const reason = `service ${name} is replaced, and ${dependent} restarts with it`;
          return this.#plan.add({ kind: "stop", id: `stop ${nameOf(container)}`, container, service: dependent, after: [], reason });
        }),
    );
  }

  /** Why a container has to be made anew, undefined when it need not be. */
  #divergence(name: string, container: ContainerSummary): string | undefined {
    const named = this.#options.named ?? this.#options.services;
    const policy = (named.includes(name) ? this.#options.recreate : this.#options.recreateDependencies) ?? "diverged";
    const lost = lostNeeds(this.#services[name]!, (other) => this.#isReplaced(other));
    if (lost) return `service ${lost}, whose namespace or volumes it shares, is replaced`;
    if (policy === "never") return undefined;
    if (policy === "force") return "it was asked for";
    if (container.State === "dead" || container.State === "removing") return "it is dead";
    const service = resolveReferences(this.#services[name]!, (other) => this.#kept.get(other));
    if (container.Labels[LABEL.configHash] !== serviceHash(service)) return "its configuration changed";
    const image = this.#present.images.get(imageOf(this.#project, name));
    if (image && container.Labels[LABEL.image] !== image.id) return "its image changed";
    return this.#moved(service, container);
  }

  #isReplaced(name: string): boolean {
    return (this.#names.get(name)?.length ?? 0) > 0 && (this.#kept.get(name)?.length ?? 0) === 0;
  }

  /** The configuration is right, but what it names is another object now. */
  #moved(service: ServiceConfig, container: ContainerSummary): string | undefined {
    const networks = container.NetworkSettings?.Networks ?? {};
    for (const key of Object.keys(service.networks ?? {})) {
      if (this.#replaced.networks.has(key)) return `network ${networkName(this.#project, key)} is replaced`;
      const name = networkName(this.#project, key);
      const id = this.#present.networks.get(name)?.Id;
      // Podman says the name where Docker says the id.
      const connected = Object.values(networks).some(({ NetworkID }) => NetworkID === id || NetworkID === name);
      if (container.State === "running" && id && !connected) return `it is not connected to network ${name}`;
      if (!id && !this.#project.networks[key]?.external) return `network ${name} is made anew`;
    }
    for (const { type, source } of service.volumes ?? []) {
      if (type !== "volume" || !source) continue;
      if (this.#replaced.volumes.has(source)) return `volume ${volumeName(this.#project, source)} is replaced`;
      const mounted = (container.Mounts ?? []).some(({ Name }) => Name === volumeName(this.#project, source));
      if (!mounted) return `volume ${volumeName(this.#project, source)} is not mounted`;
    }
    return undefined;
  }

  /** Nothing starts before everything is made: what cannot be made is told before anything runs. */
  #starts(order: readonly string[]): void {
    const made = this.#plan.steps.map(({ id }) => id);
    const created = this.#plan.add({ kind: "barrier", id: "created", after: made, reason: "" });
    for (const name of order) this.#start(name, created);
    if (this.#options.wait) for (const name of order) this.#wait(name, this.#finalState(name), true);
  }

  #start(name: string, created: string): void {
    const resting = (this.#names.get(name) ?? []).filter((one) => !this.#running.has(one));
    if (resting.length === 0) return;
    const after = [created, ...Object.entries(startNeeds(this.#services[name]!)).flatMap(([other, need]) => this.#need(other, need))];
    for (const one of resting)
      this.#plan.add({ kind: "start", id: `start ${one}`, service: name, name: one, after, reason: "it does not run" });
  }

  #need(
    name: string,
    { condition, required }: { condition: "service_started" | "service_healthy" | "service_completed_successfully"; required: boolean },
  ): string[] {
    const names = this.#names.get(name) ?? [];
    if (names.length === 0) return [];
    if (condition === "service_started") return names.map((one) => `start ${one}`);
    return [this.#wait(name, condition, required)];
  }

  /** A service that others want to have completed is not expected to run. */
  #finalState(name: string): "running_or_healthy" | "service_completed_successfully" {
    const completes = Object.values(this.#services).some(
      ({ depends_on: needs }) => needs?.[name]?.condition === "service_completed_successfully",
    );
    return completes ? "service_completed_successfully" : "running_or_healthy";
  }

  #wait(
    service: string,
    condition: "service_healthy" | "service_completed_successfully" | "running_or_healthy",
    required: boolean,
  ): string {
    const names = this.#names.get(service) ?? [];
    const id = `wait ${service} ${condition}${required ? "" : " optional"}`;
    const after = ["created", ...names.map((one) => `start ${one}`)];
    return this.#plan.add({ kind: "wait", id, service, condition, required, names, after, reason: "others wait for it" });
  }
}

function checkScale(name: string, service: ServiceConfig): void {
  const scale = scaleOf(service);
  if (scale <= 1) return;
  if (service.container_name)
    throw new Error(
      `WARNING: The ${JSON.stringify(name)} service is using the custom container name ${JSON.stringify(service.container_name)}. Docker requires each container to have a unique name. Remove the custom name to scale the service`,
    );
  const fixed = (service.ports ?? []).find(({ published }) => published && !published.includes("-"));
  if (fixed)
    throw new Error(
      `service ${JSON.stringify(name)} cannot have ${scale} replicas: they would all publish port ${fixed.published}; give a range of ports, or leave the published port out`,
    );
}

function lostNeeds(service: ServiceConfig, replaced: (name: string) => boolean): string | undefined {
  return creationNeeds({ ...service, links: [] }).find(replaced);
}

/** Of a project, but of none of its services. */
export function isOrphan(container: ContainerSummary, project: Project): boolean {
  const service = serviceOf(container);
  return (
    container.Labels[LABEL.oneOff] !== "True" &&
    !Object.hasOwn(project.services, service) &&
    !Object.hasOwn(project.disabledServices, service)
  );
}
