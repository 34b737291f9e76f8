/**
 * Published ports: listeners in the host's network namespace, connections to the containers from inside R.
 * The container sees the gateway as its peer, as with Docker's own rootless port driver.
 */
import { createSocket } from "node:dgram";
import type { RemoteInfo, Socket as UdpSocket } from "node:dgram";
import { connect, createServer, isIPv4 } from "node:net";
import type { Server, Socket } from "node:net";
import { bindSocket } from "./host-sockets.ts";
import type { NetdPort } from "./protocol.ts";

/** Where a port leads now; undefined while its container has no address. */
type Target = () => string | undefined;

export interface Forwarder {
  close(): void;
}

/** How long a UDP client is remembered after its last datagram, as docker-proxy does. */
const UDP_IDLE_MS = 90_000;
const MOST_UDP_CLIENTS = 4096;

/** Begins to serve a port. @throws {SystemCallError} what bindSocket() throws */
export async function forward(port: NetdPort, target: Target): Promise<Forwarder> {
  const fd = await bindSocket(port.protocol, port.hostIp, port.hostPort);
  return port.protocol === "tcp" ? forwardTcp(fd, port, target) : forwardUdp(fd, port, target);
}

async function forwardTcp(fd: number, port: NetdPort, target: Target): Promise<Forwarder> {
  const open = new Set<Socket>();
  const track = (socket: Socket): void => {
    open.add(socket);
    socket.once("close", () => open.delete(socket));
  };
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const host = target();
    if (!host) return void client.resetAndDestroy();
    const container = connect({ host, port: port.containerPort, allowHalfOpen: true, noDelay: true });
    track(client);
    track(container);
    join(client, container);
  });
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen({ fd }, resolve));
  return {
    close: () => {
      server.close();
      for (const socket of open) socket.destroy();
    },
  };
}

/** Bytes both ways with backpressure; an end is passed on alone, a failure ends both. */
function join(client: Socket, container: Socket): void {
  for (const [from, to] of [
    [client, container],
    [container, client],
  ] as const) {
    from.pipe(to);
    from.on("error", () => to.resetAndDestroy());
    from.on("close", () => to.destroySoon());
  }
}

async function forwardUdp(fd: number, port: NetdPort, target: Target): Promise<Forwarder> {
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
    const host = target();
    if (!host) return;
    const key = `${from.address} ${from.port}`;
    const known = clients.get(key);
    known?.timer.refresh();
    (known?.socket ?? remember(key, host, from)).send(bytes, port.containerPort, host, () => undefined);
  });
  listener.on("error", () => undefined);
  await new Promise<void>((resolve) => listener.bind({ fd, exclusive: true }, resolve));
  return {
    close: () => {
      listener.close();
      for (const key of clients.keys()) forget(key);
    },
  };
}
