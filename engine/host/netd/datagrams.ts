/**
 * Published UDP ports: each client gets a socket of its own to the container, so that answers find back. Whoever waits for
 * events calls receive() for every descriptor of ours that has some.
 */
import { closeDescriptor } from "../descriptor.ts";
import { EPOLL, epollAdd } from "../epoll.ts";
import { answerTo, receive, receiveFrom, sendTo, wantAskedAddress } from "./datagram-socket.ts";
import type { Asker } from "./datagram-socket.ts";
import { connectSocket } from "./host-sockets.ts";

/** How long a client is remembered after its last datagram, as docker-proxy does. */
const IDLE_MS = 90_000;
const MOST_CLIENTS = 4096;
/** Datagrams of one socket before others have their turn. */
const TURNS = 64;

interface Port {
  readonly fd: number;
  address: string;
  readonly port: number;
  /** By who asked which address, the longest silent first. */
  readonly clients: Map<string, Client>;
}

interface Client {
  readonly key: string;
  readonly fd: number;
  readonly port: Port;
  readonly asker: Asker;
  usedMs: number;
}

export class Datagrams {
  readonly #epoll: number;
  readonly #ports = new Map<number, Port>();
  readonly #clients = new Map<number, Client>();

  /** @param epoll where the caller waits */
  constructor(epoll: number) {
    this.#epoll = epoll;
  }

  /** Takes over the bound socket `fd`. */
  open(fd: number, to: { address: string; port: number; family: 4 | 6 }): void {
    wantAskedAddress(fd, to.family);
    this.#ports.set(fd, { fd, address: to.address, port: to.port, clients: new Map() });
    epollAdd(this.#epoll, fd, { events: EPOLL.IN });
  }

  /** All datagrams lead there from now on; none while the address is empty. @returns false for a descriptor that is not a port of ours */
  lead(fd: number, address: string): boolean {
    const port = this.#ports.get(fd);
    if (!port) return false;
    port.address = address;
    this.#forgetAll(port);
    return true;
  }

  /** @returns false for a descriptor that is not a port of ours */
  close(fd: number): boolean {
    const port = this.#ports.get(fd);
    if (!port) return false;
    this.#ports.delete(fd);
    this.#forgetAll(port);
    closeDescriptor(fd);
    return true;
  }

  closeAll(): void {
    for (const fd of this.#ports.keys()) this.close(fd);
  }

  /** @returns false for a descriptor that is not of ours */
  receive(fd: number): boolean {
    const port = this.#ports.get(fd);
    const client = this.#clients.get(fd);
    if (port) for (let turn = 0; turn < TURNS && this.#ask(port); turn++);
    if (client) for (let turn = 0; turn < TURNS && this.#answer(client); turn++);
    return port !== undefined || client !== undefined;
  }

  /** Forgets who has been silent for long. @returns how long the next one will be remembered, -1 when there is none */
  sweep(nowMs: number): number {
    let next = -1;
    for (const { clients } of this.#ports.values()) {
      const oldest = clients.values().next().value;
      if (!oldest) continue;
      if (oldest.usedMs + IDLE_MS <= nowMs) this.#forget(oldest);
      const left = Math.max(1, Math.ceil(oldest.usedMs + IDLE_MS - nowMs));
      next = next < 0 ? left : Math.min(next, left);
    }
    return next;
  }

  #ask(port: Port): boolean {
    const datagram = receiveFrom(port.fd);
    if (!datagram) return false;
    if (port.address === "") return true;
    const client = this.#clientOf(port, datagram.from);
    if (client && !sendTo(client.fd, datagram.bytes)) sendTo(client.fd, datagram.bytes);
    return true;
  }

  /** What a container refuses comes back as an error, once. */
  #answer(client: Client): boolean {
    try {
      const answer = receive(client.fd);
      if (!answer) return false;
      this.#touch(client);
      answerTo(client.port.fd, client.asker, answer);
      return true;
    } catch {
      return false;
    }
  }

  #clientOf(port: Port, asker: Asker): Client | undefined {
    const key = `${asker.name.toString("latin1")} ${asker.control.toString("latin1")}`;
    const known = port.clients.get(key);
    if (known) this.#touch(known);
    return known ?? this.#remember(port, asker, key);
  }

  /** Without a free descriptor the datagram is lost. */
  #remember(port: Port, asker: Asker, key: string): Client | undefined {
    if (port.clients.size >= MOST_CLIENTS) this.#forget(port.clients.values().next().value!);
    try {
      const fd = connectSocket("udp", port.address, port.port);
      const client = { key, fd, port, asker, usedMs: performance.now() };
      port.clients.set(key, client);
      this.#clients.set(fd, client);
      epollAdd(this.#epoll, fd, { events: EPOLL.IN });
      return client;
    } catch {
      return undefined;
    }
  }

  #touch(client: Client): void {
    client.usedMs = performance.now();
    client.port.clients.delete(client.key);
    client.port.clients.set(client.key, client);
  }

  #forgetAll({ clients }: Port): void {
    for (const client of clients.values()) this.#forget(client);
  }

  #forget({ key, fd, port }: Client): void {
    port.clients.delete(key);
    this.#clients.delete(fd);
    closeDescriptor(fd);
  }
}
