/**
 * What netd keeps and does: names, listeners, ports. One request at a time per connection; see protocol.ts.
 */
import { connect } from "node:net";
import type { Netns } from "../netns.ts";
import { exitNow } from "../spawn.ts";
import { DnsServer } from "./dns-server.ts";
import { findHostAddress } from "./host-address.ts";
import { forward } from "./forward.ts";
import type { HostTable } from "./host-table.ts";
import { Names } from "./names.ts";
import type { NetdHello, NetdPort, NetdRequest, NetdSandbox } from "./protocol.ts";
import { NETD_VERSION } from "./protocol.ts";
import { Relay } from "./relay.ts";
import type { RelayedPort } from "./relay.ts";
import { Upstream } from "./upstream.ts";

/** The kernel asks again after one, three and seven seconds; a busy machine may need that. */
const PROBE_MS = 10_000;

export class NetdService {
  readonly #netns: Netns;
  readonly #hostTable: HostTable;
  readonly #names = new Names();
  readonly #relay = new Relay();
  readonly #dns = new DnsServer(this.#names, new Upstream());
  /** By sandbox, then by port. A port being opened is there already, so that it is not opened twice. */
  readonly #ports = new Map<string, Map<string, Promise<RelayedPort>>>();

  /** @param hostTable made while the thread was still in the host's network namespace */
  constructor(netns: Netns, hostTable: HostTable) {
    this.#netns = netns;
    this.#hostTable = hostTable;
  }

  async handle(request: NetdRequest): Promise<unknown> {
    switch (request.call) {
      case "hello":
        return { version: NETD_VERSION, pid: process.pid } satisfies NetdHello;
      case "network":
        this.#names.setNetwork(request.network);
        await Promise.all(request.network.gateways.map((gateway) => this.#dns.listen(gateway)));
        return undefined;
      case "removeNetwork":
        return this.#removeNetwork(request.id);
      case "sandbox":
        return this.#setSandbox(request.sandbox);
      case "removeSandbox":
        return this.#removeSandbox(request.id);
      case "publish":
        return this.#publish(request.port);
      case "unpublish":
        return this.#unpublish(request.port);
      case "keep":
        return this.#keep(new Set(request.networks), new Set(request.sandboxes));
      case "host":
        this.#dns.hostAddress = request.address;
        return request.address || findHostAddress();
      case "hostRules":
        return this.#hostTable.load(request.table);
      case "probe":
        return probe(request.address, request.port);
      case "net":
        return (this.#netns[request.method] as (argument: unknown) => unknown).call(this.#netns, request.argument);
      case "exit":
        // The answer should still arrive.
        setImmediate(() => exitNow(0));
        return undefined;
    }
  }

  #removeNetwork(id: string): void {
    for (const network of this.#names.networks()) if (network.id === id) for (const gateway of network.gateways) this.#dns.close(gateway);
    this.#names.removeNetwork(id);
  }

  async #setSandbox(sandbox: NetdSandbox): Promise<void> {
    const before = this.#names.sandbox(sandbox.id)?.address;
    this.#names.setSandbox(sandbox);
    if (before === sandbox.address) return;
    for (const opening of this.#ports.get(sandbox.id)?.values() ?? [])
      await opening.then((port) => port.lead(sandbox.address)).catch(() => undefined);
  }

  async #removeSandbox(id: string): Promise<void> {
    this.#names.removeSandbox(id);
    const ports = this.#ports.get(id);
    this.#ports.delete(id);
    await Promise.all([...(ports?.values() ?? [])].map((opening) => opening.then((port) => port.close()).catch(() => undefined)));
  }

  async #publish(port: NetdPort): Promise<void> {
    const ports = this.#ports.get(port.sandbox) ?? new Map<string, Promise<RelayedPort>>();
    this.#ports.set(port.sandbox, ports);
    const key = keyOf(port);
    const opening = ports.get(key) ?? forward(port, this.#names.sandbox(port.sandbox)?.address ?? "", this.#relay);
    ports.set(key, opening);
    try {
      await opening;
    } catch (error) {
      ports.delete(key);
      throw error;
    }
  }

  async #unpublish(port: NetdPort): Promise<void> {
    const ports = this.#ports.get(port.sandbox);
    const opening = ports?.get(keyOf(port));
    ports?.delete(keyOf(port));
    await (await opening)?.close();
  }

  async #keep(networks: ReadonlySet<string>, sandboxes: ReadonlySet<string>): Promise<void> {
    const known = new Set([...this.#names.sandboxes().map(({ id }) => id), ...this.#ports.keys()]);
    await Promise.all([...known].filter((id) => !sandboxes.has(id)).map((id) => this.#removeSandbox(id)));
    for (const { id } of this.#names.networks()) if (!networks.has(id)) this.#removeNetwork(id);
  }
}

const keyOf = ({ protocol, hostIp, hostPort, containerPort }: NetdPort): string => `${protocol} ${hostIp} ${hostPort} ${containerPort}`;

function probe(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port });
    socket.setTimeout(PROBE_MS, () => socket.destroy(new Error("timed out")));
    socket.on("error", reject).on("connect", () => {
      socket.destroy();
      resolve();
    });
  });
}
