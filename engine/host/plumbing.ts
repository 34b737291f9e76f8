/**
 * The engine's hand on interfaces, routes and rules. netd does the work, because a process cannot come back from R into the
 * host's network namespace without root, and one more thread of the engine would cost 10 MB.
 */
import type { NetdRequest } from "./netd/protocol.ts";
import type { Netns } from "./netns.ts";

/** Every method of Netns, asked of netd; calls are done in the order they are made. */
export type Plumbing = {
  readonly [Call in keyof Netns]: (...args: Parameters<Netns[Call]>) => Promise<ReturnType<Netns[Call]>>;
};

const methods: readonly (keyof Netns)[] = [
  "links",
  "leadsOut",
  "bridge",
  "removeLink",
  "createSandbox",
  "removeSandbox",
  "connect",
  "disconnect",
  "reroute",
  "sweep",
  "rules",
  "hostNetwork",
  "uplinkIpv6",
  "vethUplink",
  "hostRoute",
  "removeHostRoute",
  "removeVethUplink",
];

/**
 * @param ask one request to netd
 * @returns calls that fail with a NetdError that has the kernel's reason
 */
export function plumbingBy(ask: (request: NetdRequest) => Promise<unknown>): Plumbing {
  const asked = methods.map((method) => [method, async (argument: unknown) => ask({ call: "net", method, argument })] as const);
  return Object.fromEntries(asked) as unknown as Plumbing;
}
