/**
 * What an uplink is, whatever carries it.
 */
import type { Family } from "./forwarding.ts";
import type { NftTable } from "./nft.ts";
import type { Plumbing } from "./plumbing.ts";

/** The name of the way out inside R, whatever it is. */
export const UPLINK_DEVICE = "uplink";

/** Plain JSON: it is kept in run/uplink.json. */
export interface Uplink {
  readonly kind: "slirp4netns" | "pasta" | "veth" | "none";
  /** Of what comes and goes through it, in bytes; networks follow unless told otherwise. */
  readonly mtu: number;
  /** The process, for slirp4netns and pasta. */
  readonly process: { readonly pid: number; readonly startTime: string; readonly ipv6: boolean } | null;
  /** For veth: the host's and R's ends. */
  readonly veth: {
    readonly host: string;
    readonly inside: string;
    readonly device: string;
    readonly switchedForwarding: readonly Family[];
  } | null;
  /** The ends' addresses once IPv6 is carried as well; of a process, its end and R's. */
  readonly ipv6: Ipv6Ends | null;
  /** Why containers cannot reach the world and what to do about it; empty when they can. */
  readonly problem: string;
}

/** Addresses in one small network. */
export interface Ipv6Ends {
  readonly host: string;
  readonly inside: string;
  readonly prefix: number;
}

/** A TCP port of the host and where in R it leads; IPv4. */
export interface HostPort {
  /** `0.0.0.0` for every address of the host. */
  readonly hostIp: string;
  readonly hostPort: number;
  readonly address: string;
  readonly containerPort: number;
}

export interface UplinkOptions {
  /** The engine's short name, no two on a machine alike; at most 15 characters. */
  readonly name: string;
  readonly rootless: boolean;
  readonly run: string;
  readonly netns: string;
  readonly log: string;
  readonly plumbing: Plumbing;
  /** Loads Berth's table on the host. */
  readonly hostRules: (table: NftTable) => Promise<unknown>;
  /** Connects from inside R. */
  readonly probe: (address: string, port: number) => Promise<unknown>;
  /** The host's address as others see it; empty when it has none. */
  readonly hostAddress: string;
}
