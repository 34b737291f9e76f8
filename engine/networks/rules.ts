/**
 * The firewall of R, one table made anew from what there is: what containers may reach. Pure.
 */
import type { NftChain, NftRule, NftTable } from "../host/nft.ts";
import type { Uplink } from "../host/uplink-kinds.ts";
import { UPLINK_DEVICE } from "../host/uplink-kinds.ts";

export interface BridgeRules {
  readonly bridge: string;
  readonly internal: boolean;
  /** Containers of the network may talk to each other (`com.docker.network.bridge.enable_icc`). */
  readonly betweenContainers: boolean;
}

/** Every bridge's name begins so. */
export const BRIDGE_PREFIX = "bb";
const ANY_BRIDGE = `${BRIDGE_PREFIX}*`;

export function rulesOf(bridges: readonly BridgeRules[], uplink: Pick<Uplink, "veth" | "ipv6">): NftTable {
  return { family: "inet", name: "berth", chains: [guard, input, forward(bridges, uplink), masquerade] };
}

/** Some uplinks make TCP segments without flags, which address translation lets through unchanged and R would then reset. */
const guard: NftChain = {
  name: "b_prerouting",
  type: "filter",
  hook: "prerouting",
  priority: -300,
  policy: "accept",
  rules: [{ protocol: "tcp", flagless: true, verdict: "drop" }],
};

const established: readonly NftRule[] = [
  { state: ["established", "related"], verdict: "accept" },
  { state: ["invalid"], verdict: "drop" },
];

/** To R itself: name service and ping, nothing else. */
const input: NftChain = {
  name: "b_input",
  type: "filter",
  hook: "input",
  priority: 0,
  policy: "drop",
  rules: [
    ...established,
    { iif: "lo", verdict: "accept" },
    { iif: ANY_BRIDGE, protocol: "udp", port: 53, verdict: "accept" },
    { iif: ANY_BRIDGE, protocol: "tcp", port: 53, verdict: "accept" },
    { iif: ANY_BRIDGE, protocol: "icmp", verdict: "accept" },
    { protocol: "icmpv6", verdict: "accept" },
    { iif: ANY_BRIDGE, verdict: "reject" },
  ],
};

/** Within a network, out, and from the host itself; never from one network to another, nor from the host's neighbors. */
function forward(bridges: readonly BridgeRules[], { veth, ipv6 }: Pick<Uplink, "veth" | "ipv6">): NftChain {
  const hosts = veth ? [veth.host, ...(ipv6 ? [ipv6.host] : [])] : [];
  const rules = bridges.flatMap(({ bridge, internal, betweenContainers }): NftRule[] => [
    { iif: bridge, oif: bridge, verdict: betweenContainers ? "accept" : "drop" },
    ...(internal ? [] : [{ iif: bridge, oif: UPLINK_DEVICE, verdict: "accept" } as const]),
    ...(internal ? [] : hosts.map((from) => ({ iif: UPLINK_DEVICE, oif: bridge, from, verdict: "accept" }) as const)),
  ]);
  // Refused at once rather than lost: a wrong address should not cost a minute.
  const refused: NftRule = { iif: ANY_BRIDGE, verdict: "reject" };
  return { name: "b_forward", type: "filter", hook: "forward", priority: 0, policy: "drop", rules: [...established, ...rules, refused] };
}

const masquerade: NftChain = {
  name: "b_postrouting",
  type: "nat",
  hook: "postrouting",
  priority: 100,
  policy: "accept",
  rules: [{ oif: UPLINK_DEVICE, verdict: "masquerade" }],
};
