/**
 * Making containers: in the place of one that was there, or new.
 */
import type { ContainerSummary } from "../api/types/container.ts";
import type { DockerClient } from "../client/client.ts";
import { compareVersions } from "../client/connection.ts";
import { isStatus } from "../client/errors.ts";
import { atEndpoint } from "./api-socket.ts";
import { containerRequest } from "./config.ts";
import type { ContainerWish } from "./config.ts";
import { injectFiles } from "./files.ts";
import { nameOf } from "./observe.ts";
import type { Present } from "./observe.ts";
import { imageOf } from "./order.ts";
import { networkName } from "./plan-objects.ts";
import type { Project } from "./project.ts";
import { resolveReferences } from "./references.ts";
import type { ServiceConfig } from "./service.ts";

/** A container that is there. */
export interface Known {
  readonly id: string;
  readonly name: string;
}

interface MakerOptions {
  readonly project: Project;
  readonly present: Present;
  readonly renewVolumes?: boolean;
  readonly readFile: (path: string) => string;
  readonly onProgress?: (event: { id: string; status: string; state: "warning"; text: string }) => void;
}

/** Which container of a service is made. */
export interface Making {
  readonly service: string;
  readonly number: number;
  readonly name: string;
  /** The service's configuration, where it is not that of the file (`run`). */
  readonly config?: ServiceConfig;
  readonly oneOff?: ContainerWish["oneOff"];
}

/** Makes containers and knows those that there are, because others refer to them. */
export class ContainerMaker {
  readonly #client: DockerClient;
  readonly #options: MakerOptions;
  readonly #known = new Map<string, Map<string, Known>>();

  constructor(client: DockerClient, options: MakerOptions) {
    this.#client = client;
    this.#options = options;
  }

  know(service: string, container: Known): void {
    const all = this.#known.get(service) ?? new Map<string, Known>();
    this.#known.set(service, all.set(container.name, container));
  }

  /** @throws {Error} when the service has no container of that name */
  find(service: string, name: string): Known {
    const found = this.#known.get(service)?.get(name);
    if (!found) throw new Error(`service ${JSON.stringify(service)} has no container to start`);
    return found;
  }

  /** Makes a container; it does not run yet. @returns its id */
  async create(making: Making, signal: AbortSignal): Promise<string> {
    const id = await this.#make(making, making.name, undefined, signal);
    this.know(making.service, { id, name: making.name });
    return id;
  }

  /** Makes the new container first, under another name, so that a configuration that cannot be made costs nothing. */
  async replace(
    making: Making & { readonly replaces: ContainerSummary },
    { stopTimeoutSeconds, signal }: { stopTimeoutSeconds: number | undefined; signal: AbortSignal },
  ): Promise<void> {
    const { replaces: old, name, service } = making;
    const provisional = `${old.Id.slice(0, 12)}_${name}`;
    const make = (): Promise<string> => this.#make(making, provisional, old, signal);
    const id = await make().catch(async (error: unknown) => {
      if (!isStatus(error, 409)) throw error;
      // An update that was interrupted left this name behind.
      await this.#client.containers.remove(provisional, { force: true, signal });
      return make();
    });
    await this.#client.containers.stop(old.Id, { timeoutSeconds: stopTimeoutSeconds, signal });
    await this.#client.containers.remove(old.Id, { signal });
    await this.#client.containers.rename(id, name, { signal });
    this.know(service, { id, name });
  }

  async #make(making: Making, name: string, replaced: ContainerSummary | undefined, signal: AbortSignal): Promise<string> {
    const { project } = this.#options;
    const service = resolveReferences(making.config ?? project.services[making.service]!, (other) => this.#owners(other));
    const mounted = atEndpoint(service, this.#client.connection.endpoint.url);
    const version = await this.#client.connection.apiVersion(signal);
    const severalNetworks = compareVersions(version, "1.44") >= 0;
    const { request, connections } = containerRequest({
      ...this.#wish(making, service),
      mounted,
      replaced: this.#inherit(replaced),
      severalNetworks,
    });
    const platform = service.platform ?? project.environment["DOCKER_DEFAULT_PLATFORM"];
    const created = await this.#client.containers.create(request, { name, platform: platform || undefined, signal });
    for (const text of created.Warnings ?? []) this.#options.onProgress?.({ id: making.service, status: "", state: "warning", text });
    if (!severalNetworks)
      for (const [network, endpoint] of connections.endpoints.slice(1))
        await this.#client.networks.connect(network, created.Id, { endpoint, signal });
    await injectFiles(this.#client, project, { id: created.Id, service }, signal);
    return created.Id;
  }

  #wish(making: Making, service: ServiceConfig): Omit<ContainerWish, "mounted" | "replaced" | "severalNetworks"> {
    const { project, present, readFile } = this.#options;
    const image = present.images.get(imageOf(project, making.service));
    return {
      project,
      name: making.service,
      number: making.number,
      service,
      image: { id: image?.id ?? "", volumes: image?.volumes ?? [] },
      links: this.#links(service),
      networkName: (key) => networkName(project, key),
      readFile,
      ...(making.oneOff ? { oneOff: making.oneOff } : {}),
    };
  }

  #inherit(replaced: ContainerSummary | undefined): ContainerSummary | undefined {
    return replaced && this.#options.renewVolumes ? { ...replaced, Mounts: [] } : replaced;
  }

  #owners(service: string): { Id: string; Names: string[] }[] {
    return [...(this.#known.get(service)?.values() ?? [])].map(({ id, name }) => ({ Id: id, Names: [`/${name}`] }));
  }

  /** `links` give other services' containers more names. */
  #links(service: ServiceConfig): string[] {
    const inside = (service.links ?? []).flatMap((text) => {
      const [other = "", alias = other] = text.split(":");
      return this.#owners(other).flatMap((owner) => [`${nameOf(owner)}:${alias}`, `${nameOf(owner)}:${nameOf(owner)}`]);
    });
    const outside = (service.external_links ?? []).map((text) => (text.includes(":") ? text : `${text}:${text}`));
    return [...new Set([...inside, ...outside])];
  }
}
