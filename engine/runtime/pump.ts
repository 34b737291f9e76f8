/**
 * One epoll descriptor for everything this room waits on, waited for on a thread of libuv's pool: no thread and no timer a
 * container. Callbacks may be called without need; they find out by a non-blocking read.
 */
import { closeDescriptor, makeEventDescriptor } from "../host/descriptor.ts";
import { EPOLL, epollAdd, epollCreate, epollRemove, epollWait } from "../host/epoll.ts";
import { errorCode } from "../host/libc.ts";
import { readSync, writeSync } from "node:fs";

export class Pump {
  readonly #epoll = epollCreate();
  readonly #wake = makeEventDescriptor();
  readonly #callbacks = new Map<number, () => void>();
  #loop: Promise<void> | undefined;
  #closed = false;

  constructor() {
    epollAdd(this.#epoll, this.#wake, EPOLL.IN);
  }

  /** Calls `ready` whenever the descriptor can be read, until unwatch. The descriptor stays the caller's. */
  watch(descriptor: number, ready: () => void): void {
    this.#callbacks.set(descriptor, ready);
    epollAdd(this.#epoll, descriptor, EPOLL.IN);
    this.#loop ??= this.#run();
  }

  /** To be called before the descriptor is closed. */
  unwatch(descriptor: number): void {
    if (this.#callbacks.delete(descriptor)) epollRemove(this.#epoll, descriptor);
    // Without something to watch the waiting thread is given back.
    if (this.#callbacks.size === 0) this.#interrupt();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#interrupt();
    await this.#loop;
    closeDescriptor(this.#epoll);
    closeDescriptor(this.#wake);
  }

  #interrupt(): void {
    const one = Buffer.alloc(8);
    one.writeBigUInt64LE(1n);
    writeSync(this.#wake, one);
  }

  async #run(): Promise<void> {
    while (!this.#closed && this.#callbacks.size > 0) {
      const ready = await epollWait(this.#epoll, { timeoutMs: -1 });
      for (const { descriptor } of ready) this.#call(descriptor);
    }
    this.#loop = undefined;
  }

  #call(descriptor: number): void {
    if (descriptor === this.#wake) this.#quiet();
    else this.#callbacks.get(descriptor)?.();
  }

  #quiet(): void {
    try {
      readSync(this.#wake, Buffer.alloc(8));
    } catch (error) {
      if (errorCode(error) !== "EAGAIN") throw error;
    }
  }
}
