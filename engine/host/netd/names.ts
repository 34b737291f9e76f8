/**
 * Who is called what, as seen by each container. Pure state, no sockets.
 */
import type { NetdNetwork, NetdSandbox } from "./protocol.ts";

/** A container's view: the networks whose names it may ask for, in order. */
export interface Client {
  readonly sandbox: NetdSandbox;
  /** Questions may go out: at least one of its networks is not internal. */
  readonly outside: boolean;
}

export class Names {
  readonly #networks = new Map<string, NetdNetwork>();
  readonly #sandboxes = new Map<string, NetdSandbox>();
  /** By address: the sandbox that has it. */
  readonly #clients = new Map<string, NetdSandbox>();
  /** By network and name: the addresses of all that are called so, in the order they came. */
  readonly #index = new Map<string, Map<string, string[]>>();
  /** How often each list in the index was asked for, by type. */
  readonly #turns = new WeakMap<readonly string[], Map<string, number>>();

  setNetwork(network: NetdNetwork): void {
    this.#networks.set(network.id, network);
  }

  removeNetwork(id: string): void {
    this.#networks.delete(id);
    this.#index.delete(id);
  }

  setSandbox(sandbox: NetdSandbox): void {
    this.removeSandbox(sandbox.id);
    this.#sandboxes.set(sandbox.id, sandbox);
    for (const { network, addresses, names } of sandbox.endpoints) {
      for (const address of addresses) this.#clients.set(address, sandbox);
      const index = this.#index.get(network) ?? new Map<string, string[]>();
      this.#index.set(network, index);
      for (const name of names) index.set(name, [...(index.get(name) ?? []), ...addresses]);
    }
  }

  removeSandbox(id: string): void {
    const sandbox = this.#sandboxes.get(id);
    if (!sandbox) return;
    this.#sandboxes.delete(id);
    for (const { network, addresses, names } of sandbox.endpoints) {
      for (const address of addresses) if (this.#clients.get(address)?.id === id) this.#clients.delete(address);
      const index = this.#index.get(network);
      for (const name of names) {
        const left = index?.get(name)?.filter((address) => !addresses.includes(address)) ?? [];
        if (left.length > 0) index?.set(name, left);
        else index?.delete(name);
      }
    }
  }

  networks(): NetdNetwork[] {
    return [...this.#networks.values()];
  }

  sandboxes(): NetdSandbox[] {
    return [...this.#sandboxes.values()];
  }

  sandbox(id: string): NetdSandbox | undefined {
    return this.#sandboxes.get(id);
  }

  /** Who asks from `address`; undefined for a stranger. */
  client(address: string): Client | undefined {
    const sandbox = this.#clients.get(address);
    if (!sandbox) return undefined;
    const outside = sandbox.endpoints.some(({ network }) => this.#networks.get(network)?.internal === false);
    return { sandbox, outside };
  }

  /**
   * The addresses behind a name that answer a question of `type`, each time beginning with another; undefined when nobody that this client can reach is
   * called so. The name may end in the network's: `web.backend`.
   */
  lookup({ sandbox }: Client, name: string, type: string): string[] | undefined {
    for (const network of this.#named(sandbox)) {
      const suffix = `.${network.name.toLowerCase()}`;
      const index = this.#index.get(network.id);
      const linked = sandbox.endpoints.find((endpoint) => endpoint.network === network.id)?.links[name];
      const found = index?.get(linked ?? name) ?? (name.endsWith(suffix) ? index?.get(name.slice(0, -suffix.length)) : undefined);
      if (found) return this.#rotate(found, type);
    }
    return undefined;
  }

  /** `name.network` of the address, if this client shares a network with it. */
  reverse({ sandbox }: Client, address: string): string | undefined {
    const owner = this.#clients.get(address);
    const shared = new Set(this.#named(sandbox).map(({ id }) => id));
    const endpoint = owner?.endpoints.find(({ network, addresses }) => shared.has(network) && addresses.includes(address));
    return endpoint && `${endpoint.names[0]}.${this.#networks.get(endpoint.network)?.name}`;
  }

  #named(sandbox: NetdSandbox): NetdNetwork[] {
    return sandbox.endpoints.flatMap(({ network }) => this.#networks.get(network) ?? []).filter(({ names }) => names);
  }

  /** A and AAAA have turns of their own: programs ask both, and a common one would give each the same half for ever. */
  #rotate(all: readonly string[], type: string): string[] {
    const addresses = type === "ANY" ? [...all] : all.filter((address) => address.includes(":") === (type === "AAAA"));
    const turns = this.#turns.get(all) ?? new Map<string, number>();
    const turn = turns.get(type) ?? 0;
    this.#turns.set(all, turns.set(type, turn + 1));
    const from = turn % Math.max(addresses.length, 1);
    return [...addresses.slice(from), ...addresses.slice(0, from)];
  }
}
