/**
 * Published ports: listeners in the host's network namespace, connections to the containers from inside R.
 * The container sees the gateway as its peer, as with Docker's own rootless port driver.
 */
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { isIPv4 } from "node:net";
import { bindSocket } from "./host-sockets.ts";
import type { NetdPort } from "./protocol.ts";
import type { Relay } from "./relay.ts";

export interface Forwarder {
  /** Where new connections and all datagrams lead from now on; empty while the container has no address. */
  lead(address: string): Promise<void>;
  /** The port is free when this resolves. */
  close(): Promise<void>;
}

/** How long a UDP client is remembered after its last datagram, as docker-proxy does. */
const UDP_IDLE_MS = 90_000;
const MOST_UDP_CLIENTS = 4096;

/**
 * Begins to serve a port that leads to the container with `address`.
 * @throws {SystemCallError} what bindSocket() throws
 */
export async function forward(port: NetdPort, address: string, relay: Relay): Promise<Forwarder> {
  const fd = await bindSocket(port.protocol, port.hostIp, port.hostPort);
  return port.protocol === "tcp" ? relay.open(fd, { address, port: port.containerPort }) : forwardUdp(fd, port, address);
}

async function forwardUdp(fd: number, port: NetdPort, address: string): Promise<Forwarder> {
  let host = address;
  const listener = createSocket(isIPv4(port.hostIp) ? "udp4" : "udp6");
  const clients = new Map<string, { socket: UdpSocket; timer: NodeJS.Timeout }>();
  const forget = (key: string): void => {
    const client = clients.get(key);
    if (!client) return;
    clients.delete(key);
    clearTimeout(client.timer);
    client.socket.close();
  };
  const remember = (key: string, host: string, from: RemoteInfo): UdpSocket => {
    const socket = createSocket(isIPv4(host) ? "udp4" : "udp6");
    const client = { socket, timer: setTimeout(forget, UDP_IDLE_MS, key).unref() };
    if (clients.size >= MOST_UDP_CLIENTS) forget(clients.keys().next().value!);
    clients.set(key, client);
    socket.on("message", (bytes) => {
      client.timer.refresh();
      listener.send(bytes, from.port, from.address, () => undefined);
    });
    // A refused datagram comes back as an error of a later one; the next client message simply tries again.
    socket.on("error", () => forget(key));
    return socket;
  };
  listener.on("message", (bytes, from) => {
    if (!host) return;
    const key = `${from.address} ${from.port}`;
    const known = clients.get(key);
    known?.timer.refresh();
    (known?.socket ?? remember(key, host, from)).send(bytes, port.containerPort, host, () => undefined);
  });
  listener.on("error", () => undefined);
  await new Promise<void>((resolve) => listener.bind({ fd, exclusive: true }, resolve));
  return {
    lead: async (to) => {
      host = to;
      for (const key of clients.keys()) forget(key);
      return Promise.resolve();
    },
    close: () => {
      for (const key of clients.keys()) forget(key);
      return new Promise((resolve) => listener.close(resolve));
    },
  };
}
