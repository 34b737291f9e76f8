/**
 * What the engine tells netd: JSON lines over a unix socket, each request answered in order by a line with its `id`.
 * netd keeps it all in memory; an engine that finds a living netd sends its state again, and what is there already is kept.
 */

import type { Netns } from "../netns.ts";
import type { NftTable } from "../nft.ts";

/** Raised whenever a request changes its meaning: an engine replaces a netd of another version. */
export const NETD_VERSION = 4;

/** A network as DNS knows it. */
export interface NetdNetwork {
  readonly id: string;
  readonly name: string;
  /** Addresses on which to answer, on the network's bridge. */
  readonly gateways: readonly string[];
  /** Containers' names are answered: user-defined networks, not the default bridge. */
  readonly names: boolean;
  /** Nothing is asked outside for containers that are on such networks only. */
  readonly internal: boolean;
}

/** A container as DNS and the port forwarder know it. */
export interface NetdSandbox {
  readonly id: string;
  /** Where published ports lead; empty when the container has no address. */
  readonly address: string;
  /** Name servers of its own (`--dns`), asked from inside R; none for the host's. */
  readonly servers: readonly string[];
  readonly endpoints: readonly NetdEndpoint[];
}

export interface NetdEndpoint {
  readonly network: string;
  readonly addresses: readonly string[];
  /** Lower case; the first is the one that reverse lookups tell. */
  readonly names: readonly string[];
  /** Names that this sandbox alone has for others on the network: alias to name, both lower case. */
  readonly links: Readonly<Record<string, string>>;
}

/** A published port. Listened on in the host's network namespace. */
export interface NetdPort {
  readonly sandbox: string;
  readonly protocol: "tcp" | "udp";
  readonly hostIp: string;
  readonly hostPort: number;
  readonly containerPort: number;
}

export type NetdRequest =
  | { readonly call: "hello" }
  | { readonly call: "network"; readonly network: NetdNetwork }
  | { readonly call: "removeNetwork"; readonly id: string }
  | { readonly call: "sandbox"; readonly sandbox: NetdSandbox }
  | { readonly call: "removeSandbox"; readonly id: string }
  /** Fails with EADDRINUSE and such; succeeds when this sandbox has the port already. */
  | { readonly call: "publish"; readonly port: NetdPort }
  | { readonly call: "unpublish"; readonly port: NetdPort }
  /** Forgets every network and sandbox that is not named. */
  | { readonly call: "keep"; readonly networks: readonly string[]; readonly sandboxes: readonly string[] }
  /** The address that `host.docker.internal` stands for; empty: the host's own, found out when asked. */
  | { readonly call: "host"; readonly address: string }
  /** As root: puts Berth's table of the host in place of the one before. */
  | { readonly call: "hostRules"; readonly table: NftTable }
  /** Connects from inside R, to find out whether the way out works. */
  | { readonly call: "probe"; readonly address: string; readonly port: number }
  /** One of Netns's methods, which change interfaces and rules; calls are done in the order they are made. */
  | { readonly call: "net"; readonly method: keyof Netns; readonly argument: unknown }
  | { readonly call: "exit" };

/** One line to netd. */
export interface NetdMessage {
  readonly id: number;
  readonly request: NetdRequest;
}

export interface NetdHello {
  readonly version: number;
  readonly pid: number;
}

export type NetdReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly message: string; readonly code: string };
