/**
 * The thread that carries published ports: waits in the kernel for all listeners and connections at once, and never returns
 * to an event loop. Requests come as messages; whoever sends one then writes to the event descriptor `wake`.
 */
import { readSync } from "node:fs";
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import { closeDescriptor } from "../descriptor.ts";
import { EPOLL, epollAdd, epollCreate, epollWaitHere } from "../epoll.ts";
import type { Ready } from "../epoll.ts";
import { Connection, Pipes } from "./connection.ts";
import { Datagrams } from "./datagrams.ts";
import { acceptSocket, connectSocket, resetSocket } from "./host-sockets.ts";

/** Each is answered with its `id`. */
export type RelayRequest =
  /** `fd` is a listening TCP or a bound UDP socket, from now on this thread's to close. */
  | ({ readonly id: number; readonly call: "open"; readonly fd: number } & RelayTarget)
  /** Where new connections lead; an empty address refuses them. */
  | { readonly id: number; readonly call: "lead"; readonly fd: number; readonly address: string }
  /** Closes the listener and breaks its connections. */
  | { readonly id: number; readonly call: "close"; readonly fd: number }
  | { readonly id: number; readonly call: "end" };

/** Where a port leads: a container's address, empty when it has none, and the port there. */
export interface RelayTarget {
  readonly kind: "tcp" | "udp";
  /** Of the socket on the host. */
  readonly family: 4 | 6;
  readonly address: string;
  readonly port: number;
}

interface Listener {
  address: string;
  readonly port: number;
  readonly open: Set<Connection>;
}

const ALL = EPOLL.IN | EPOLL.OUT | EPOLL.RDHUP | EPOLL.ET;
/** Connections accepted before others have their turn. */
const MOST_ACCEPTED = 64;
/** How long to wait for a descriptor to become free when there are none left. */
const OUT_OF_DESCRIPTORS_MS = 100;

class Relay {
  readonly #epoll = epollCreate();
  readonly #wake: number;
  readonly #datagrams = new Datagrams(this.#epoll);
  readonly #pipes = new Pipes();
  readonly #listeners = new Map<number, Listener>();
  /** By descriptor of either socket, with the token that its events carry. */
  readonly #connections = new Map<number, { connection: Connection; listener: Listener; token: number }>();
  /** What could go on at once but let others have a turn. */
  readonly #busy = new Set<Connection>();
  /** Listeners with connections that were not accepted yet. */
  readonly #waiting = new Set<number>();
  #outOfDescriptors = false;
  #token = 0;
  /** The request to end, which is answered when everything is closed. */
  #ending: number | undefined;

  constructor(wake: number) {
    this.#wake = wake;
    epollAdd(this.#epoll, wake, { events: EPOLL.IN });
  }

  run(): void {
    while (this.#ending === undefined) {
      for (const ready of epollWaitHere(this.#epoll, { timeoutMs: this.#timeout() })) this.#handle(ready);
      const busy = [...this.#busy];
      this.#busy.clear();
      for (const connection of busy) this.#pump(connection);
      const waiting = [...this.#waiting];
      this.#waiting.clear();
      this.#outOfDescriptors = false;
      for (const fd of waiting) this.#accept(fd);
    }
    for (const fd of this.#listeners.keys()) this.#close(fd);
    this.#datagrams.closeAll();
    this.#pipes.close();
    closeDescriptor(this.#epoll);
    // Whoever asked ends the thread as soon as it hears this, wherever the thread is.
    parentPort!.postMessage(this.#ending);
  }

  #timeout(): number {
    if (this.#busy.size > 0) return 0;
    if (this.#waiting.size === 0) return this.#datagrams.sweep(performance.now());
    return this.#outOfDescriptors ? OUT_OF_DESCRIPTORS_MS : 0;
  }

  #handle({ descriptor, events, token }: Ready): void {
    if (descriptor === this.#wake) return this.#listen();
    if (this.#listeners.has(descriptor)) return void this.#waiting.add(descriptor);
    if (this.#datagrams.receive(descriptor)) return;
    const known = this.#connections.get(descriptor);
    // A number may be another connection's by now.
    if (known?.token !== token) return;
    this.#pump(known.connection);
    if (events & EPOLL.ERR) this.#reset(known.connection);
  }

  #listen(): void {
    readSync(this.#wake, Buffer.alloc(8));
    for (let got = receiveMessageOnPort(parentPort!); got; got = receiveMessageOnPort(parentPort!)) {
      const request = got.message as RelayRequest;
      if (request.call === "end") {
        this.#ending = request.id;
        continue;
      }
      this.#answer(request);
      parentPort!.postMessage(request.id);
    }
  }

  #answer(request: Exclude<RelayRequest, { call: "end" }>): void {
    if (request.call === "close") this.#close(request.fd);
    else if (request.call === "open" && request.kind === "udp") this.#datagrams.open(request.fd, request);
    else if (request.call === "open") {
      this.#listeners.set(request.fd, { address: request.address, port: request.port, open: new Set() });
      epollAdd(this.#epoll, request.fd, { events: EPOLL.IN | EPOLL.ET });
    } else if (!this.#datagrams.lead(request.fd, request.address)) {
      const listener = this.#listeners.get(request.fd);
      if (listener) listener.address = request.address;
    }
  }

  #accept(fd: number): void {
    const listener = this.#listeners.get(fd);
    try {
      for (let count = 0; listener && count < MOST_ACCEPTED; count++) {
        const client = acceptSocket(fd);
        if (client === null) return;
        this.#connect(client, listener);
      }
    } catch {
      this.#outOfDescriptors = true;
    }
    this.#waiting.add(fd);
  }

  #connect(client: number, listener: Listener): void {
    let container: number;
    try {
      if (listener.address === "") throw new Error("The container has no address");
      container = connectSocket("tcp", listener.address, listener.port);
    } catch {
      return resetSocket(client);
    }
    const connection = new Connection({ client, container }, this.#pipes);
    const token = (this.#token = (this.#token + 1) >>> 0);
    listener.open.add(connection);
    for (const fd of [client, container]) {
      this.#connections.set(fd, { connection, listener, token });
      epollAdd(this.#epoll, fd, { events: ALL, token });
    }
  }

  #pump(connection: Connection): void {
    if (connection.closed) return;
    if (connection.pump()) this.#busy.add(connection);
    if (connection.closed) this.#forget(connection);
  }

  #reset(connection: Connection): void {
    if (connection.closed) return;
    connection.reset();
    this.#forget(connection);
  }

  /** Its numbers may be given out again from now on; nothing has been accepted since it was closed. */
  #forget(connection: Connection): void {
    this.#connections.get(connection.client)?.listener.open.delete(connection);
    this.#connections.delete(connection.client);
    this.#connections.delete(connection.container);
    this.#busy.delete(connection);
  }

  #close(fd: number): void {
    const listener = this.#listeners.get(fd);
    if (!listener) return void this.#datagrams.close(fd);
    this.#listeners.delete(fd);
    this.#waiting.delete(fd);
    for (const connection of listener.open) this.#reset(connection);
    closeDescriptor(fd);
  }
}

if (parentPort) new Relay((workerData as { wake: number }).wake).run();
