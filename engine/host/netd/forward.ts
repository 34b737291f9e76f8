/**
 * Published ports: listeners in the host's network namespace, connections to the containers from inside R.
 * The container sees the gateway as its peer, as with Docker's own rootless port driver.
 */
import { isIPv4 } from "node:net";
import { bindSocket } from "./host-sockets.ts";
import type { NetdPort } from "./protocol.ts";
import type { Relay, RelayedPort } from "./relay.ts";

/**
 * Begins to serve a port that leads to the container with `address`.
 * @throws {SystemCallError} what bindSocket() throws
 */
export async function forward(port: NetdPort, address: string, relay: Relay): Promise<RelayedPort> {
  const fd = await bindSocket(port.protocol, port.hostIp, port.hostPort);
  return relay.open(fd, { kind: port.protocol, family: isIPv4(port.hostIp) ? 4 : 6, address, port: port.containerPort });
}
