/**
 * IPv6 through the way out. Nothing of it is touched before a network wants it and the host has a default route for it.
 *
 *     root        addresses on the pair of interfaces; the host forwards and translates, as for IPv4
 *     slirp4netns an address of its own network, which it has when it was started with IPv6
 */
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { overlaps, parsePrefix } from "./cidr.ts";
import { switchForwardingOn } from "./forwarding.ts";
import { log } from "./log.ts";
import type { Ipv6Ends, Uplink, UplinkOptions } from "./uplink-kinds.ts";

/** What slirp4netns always uses; that it may be a network of the host's as well matters to R alone. */
const SLIRP: Ipv6Ends = { host: "fd00::2", inside: "fd00::100", prefix: 64 };

/** @returns null while there is nothing to carry it to. Never fails: IPv4 goes on. */
export async function openIpv6(
  uplink: Uplink,
  { name, run, plumbing }: Pick<UplinkOptions, "name" | "run" | "plumbing">,
): Promise<Ipv6Ends | null> {
  try {
    const { taken, hasIpv6 } = await plumbing.hostNetwork({ ours: [name] });
    if (!hasIpv6 || (!uplink.veth && !uplink.process?.ipv6)) return null;
    if (!uplink.veth) {
      await plumbing.uplinkIpv6({ device: null, ends: SLIRP });
      return SLIRP;
    }
    const ends = freeIpv6Ends(name, taken);
    writeFileSync(`/proc/sys/net/ipv6/conf/${uplink.veth.device}/disable_ipv6`, "0");
    await plumbing.uplinkIpv6({ device: uplink.veth.device, ends });
    switchForwardingOn(run, "ipv6");
    return ends;
  } catch (error) {
    log("warn", error);
    return null;
  }
}

/** Two addresses of a unique local network that the host does not use; the same ones for the same engine. */
export function freeIpv6Ends(name: string, taken: readonly string[]): Ipv6Ends {
  const others = taken.flatMap((text) => parsePrefix(text) ?? []);
  for (let turn = 0; ; turn++) {
    const [a = "", b = "", c = ""] = createHash("sha256").update(`${name} ${turn}`).digest("hex").match(/.{4}/g) ?? [];
    const start = `fd62:${a}:${b}:${c}:`;
    if (!others.some((other) => overlaps(other, parsePrefix(`${start}:/64`)!)))
      return { host: `${start}:1`, inside: `${start}:2`, prefix: 64 };
  }
}
