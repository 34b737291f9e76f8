/**
 * Volumes of one engine.
 */
import type { Volume, VolumeCreateRequest, VolumeListResponse } from "../api/types/volume.ts";
import { encodeFilters } from "./connection.ts";
import type { Connection, Filters } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { inPath } from "./names.ts";

export class Volumes {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  async list(options: Abortable & { filters?: Filters } = {}): Promise<Volume[]> {
    const call = { query: { filters: encodeFilters(options.filters) }, signal: options.signal };
    return (await this.#connection.json<VolumeListResponse>("GET", "/volumes", call)).Volumes ?? [];
  }

  async inspect(name: string, options: Abortable = {}): Promise<Volume> {
    return JSON.parse(await this.inspectText(name, options)) as Volume;
  }

  /** The engine's own JSON text. */
  inspectText(name: string, options: Abortable = {}): Promise<string> {
    return this.#connection.text("GET", path(name), options);
  }

  create(request: VolumeCreateRequest, options: Abortable = {}): Promise<Volume> {
    return this.#connection.json("POST", "/volumes/create", { json: request, signal: options.signal });
  }

  async remove(name: string, options: Abortable & { force?: boolean } = {}): Promise<void> {
    await this.#connection.done("DELETE", path(name), { query: { force: options.force }, signal: options.signal });
  }

  prune(filters?: Filters, options: Abortable = {}): Promise<{ VolumesDeleted: string[] | null; SpaceReclaimed: number }> {
    return this.#connection.json("POST", "/volumes/prune", { query: { filters: encodeFilters(filters) }, signal: options.signal });
  }
}

function path(name: string): string {
  return `/volumes/${inPath(name, "volume")}`;
}
