/**
 * Networks of one engine.
 */
import type { EndpointSettings, Network, NetworkCreateRequest, NetworkCreateResponse } from "../api/types/network.ts";
import { encodeFilters } from "./connection.ts";
import type { Connection, Filters } from "./connection.ts";
import type { Abortable } from "./containers.ts";
import { inPath } from "./names.ts";

export class Networks {
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  list(options: Abortable & { filters?: Filters } = {}): Promise<Network[]> {
    return this.#connection.json("GET", "/networks", { query: { filters: encodeFilters(options.filters) }, signal: options.signal });
  }

  async inspect(name: string, options: Abortable = {}): Promise<Network> {
    return JSON.parse(await this.inspectText(name, options)) as Network;
  }

  /** The engine's own JSON text. */
  inspectText(name: string, options: Abortable & { verbose?: boolean } = {}): Promise<string> {
    return this.#connection.text("GET", path(name), { query: { verbose: options.verbose }, signal: options.signal });
  }

  create(request: NetworkCreateRequest, options: Abortable = {}): Promise<NetworkCreateResponse> {
    return this.#connection.json("POST", "/networks/create", { json: request, signal: options.signal });
  }

  async connect(name: string, container: string, options: Abortable & { endpoint?: EndpointSettings } = {}): Promise<void> {
    const json = { Container: container, EndpointConfig: options.endpoint ?? null };
    await this.#connection.done("POST", `${path(name)}/connect`, { json, signal: options.signal });
  }

  async disconnect(name: string, container: string, options: Abortable & { force?: boolean } = {}): Promise<void> {
    const json = { Container: container, Force: options.force ?? false };
    await this.#connection.done("POST", `${path(name)}/disconnect`, { json, signal: options.signal });
  }

  async remove(name: string, options: Abortable = {}): Promise<void> {
    await this.#connection.done("DELETE", path(name), options);
  }

  prune(filters?: Filters, options: Abortable = {}): Promise<{ NetworksDeleted: string[] | null }> {
    return this.#connection.json("POST", "/networks/prune", { query: { filters: encodeFilters(filters) }, signal: options.signal });
  }
}

function path(name: string): string {
  return `/networks/${inPath(name, "network")}`;
}
