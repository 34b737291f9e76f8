/**
 * One relayed TCP connection: bytes go from socket to pipe to socket inside the kernel, each way by itself. Whoever waits for
 * events calls pump() whenever one of the two sockets has some.
 */
import { closeDescriptor, makePipe, O, setPipeSize, splice } from "../descriptor.ts";
import { endSending, resetSocket } from "./host-sockets.ts";

/** What a pipe may hold; the kernel gives less to a user who has very many. */
const PIPE_BYTES = 256 * 1024;
/** Idle pipes that are kept for later. */
const MOST_FREE = 32;
/** How often one way may fill its pipe before others have their turn. */
const TURNS = 16;

type Pipe = ReturnType<typeof makePipe>;

/** Pipes to borrow: a connection holds one only while bytes are in it, so that idle connections cost two descriptors. */
export class Pipes {
  readonly #free: Pipe[] = [];

  take(): Pipe {
    const free = this.#free.pop();
    if (free) return free;
    const pipe = makePipe(O.CLOEXEC | O.NONBLOCK);
    try {
      setPipeSize(pipe.writeEnd, PIPE_BYTES);
    } catch {
      // The kernel's usual 64 KiB work as well.
    }
    return pipe;
  }

  /** Only an empty pipe may be used again. */
  give(pipe: Pipe, { isEmpty }: { isEmpty: boolean }): void {
    if (isEmpty && this.#free.length < MOST_FREE) this.#free.push(pipe);
    else this.#close(pipe);
  }

  close(): void {
    for (const pipe of this.#free.splice(0)) this.#close(pipe);
  }

  #close({ readEnd, writeEnd }: Pipe): void {
    closeDescriptor(readEnd);
    closeDescriptor(writeEnd);
  }
}

/** One way of a connection. An end of the input is passed on when all before it has been. */
class Way {
  readonly #from: number;
  readonly #to: number;
  readonly #pipes: Pipes;
  #pipe: Pipe | undefined;
  #held = 0;
  #inputEnded = false;
  /** Nothing more will come. */
  ended = false;

  constructor(from: number, to: number, pipes: Pipes) {
    this.#from = from;
    this.#to = to;
    this.#pipes = pipes;
  }

  /** Moves what can move now. @returns whether more could move at once @throws {SystemCallError} the connection is broken */
  pump(): boolean {
    for (let turn = 0; turn < TURNS && !this.ended; turn++) {
      const taken = this.#take();
      const given = this.#give();
      if (this.#held === 0) this.close();
      if (this.#inputEnded && this.#held === 0) this.#end();
      else if (!taken && !given) return false;
    }
    return !this.ended;
  }

  /** Gives back the pipe. */
  close(): void {
    if (this.#pipe) this.#pipes.give(this.#pipe, { isEmpty: this.#held === 0 });
    this.#pipe = undefined;
  }

  #take(): boolean {
    if (this.#inputEnded) return false;
    this.#pipe ??= this.#pipes.take();
    const bytes = splice(this.#from, this.#pipe.writeEnd, PIPE_BYTES);
    if (bytes === 0) this.#inputEnded = true;
    this.#held += bytes ?? 0;
    return bytes !== null;
  }

  #give(): boolean {
    if (this.#held === 0) return false;
    const bytes = splice(this.#pipe!.readEnd, this.#to, this.#held);
    this.#held -= bytes ?? 0;
    return bytes !== null;
  }

  #end(): void {
    this.ended = true;
    endSending(this.#to);
  }
}

export class Connection {
  readonly client: number;
  readonly container: number;
  readonly #ways: readonly [Way, Way];
  #closed = false;

  /** Takes over both sockets, which do not block. */
  constructor(sockets: { client: number; container: number }, pipes: Pipes) {
    ({ client: this.client, container: this.container } = sockets);
    this.#ways = [new Way(this.client, this.container, pipes), new Way(this.container, this.client, pipes)];
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** @returns whether more could move at once. Both ways ended, or a failure of one: the sockets are closed. */
  pump(): boolean {
    try {
      const more = this.#ways.map((way) => way.pump());
      if (this.#ways.every(({ ended }) => ended)) this.#close(closeDescriptor);
      return !this.#closed && more.includes(true);
    } catch {
      this.reset();
      return false;
    }
  }

  /** Breaks it for both sides. */
  reset(): void {
    this.#close(resetSocket);
  }

  #close(closeSocket: (fd: number) => void): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const way of this.#ways) way.close();
    closeSocket(this.client);
    closeSocket(this.container);
  }
}
