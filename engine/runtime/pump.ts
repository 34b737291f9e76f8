/**
 * One epoll descriptor for everything this room waits on, waited for on a thread of libuv's pool: no thread and no timer a
 * container. Callbacks may be called without need; they find out by a non-blocking read.
 */
import { closeDescriptor, makeEventDescriptor } from "../host/descriptor.ts";
import { EPOLL, epollAdd, epollCreate, epollRemove, epollWait } from "../host/epoll.ts";
import type { Ready } from "../host/epoll.ts";
import { errorCode } from "../host/libc.ts";
import { log } from "../host/log.ts";
import { readSync, writeSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";

/** More turns than this in a window, and every turn is followed by a pause. */
const CALM_TURNS = 30;
const WINDOW_MS = 30;
const PAUSE_MS = 2;

export class Pump {
  readonly #epoll = epollCreate();
  readonly #wake = makeEventDescriptor();
  readonly #callbacks = new Map<number, { token: number; ready: () => void }>();
  #tokens = 0;
  #loop: Promise<void> | undefined;
  #closed = false;
  #since = 0;
  #turns = 0;

  constructor() {
    epollAdd(this.#epoll, this.#wake, { events: EPOLL.IN });
  }

  /**
   * Calls `ready` whenever the descriptor can be read (or whatever `events` asks for), until unwatch. The descriptor stays
   * the caller's.
   */
  watch(descriptor: number, ready: () => void, events: number = EPOLL.IN): void {
    const token = (this.#tokens = (this.#tokens + 1) >>> 0);
    this.#callbacks.set(descriptor, { token, ready });
    epollAdd(this.#epoll, descriptor, { events, token });
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
      for (const event of ready) this.#call(event);
      if (this.#isHurried()) await delay(PAUSE_MS);
    }
    this.#loop = undefined;
  }

  /** Whether somebody writes faster than it is worth looking: a pipe that fills a little costs a tenth of the time. */
  #isHurried(): boolean {
    const now = performance.now();
    if (now - this.#since > WINDOW_MS) [this.#since, this.#turns] = [now, 0];
    this.#turns += 1;
    return this.#turns > CALM_TURNS;
  }

  /**
   * A descriptor that was closed while its event waited here may have given its number to another by now. What goes wrong
   * for one must not stop the waiting of all.
   */
  #call({ descriptor, token }: Ready): void {
    if (descriptor === this.#wake) return this.#quiet();
    const callback = this.#callbacks.get(descriptor);
    if (callback?.token !== token) return;
    try {
      callback.ready();
    } catch (error) {
      log("error", error);
    }
  }

  #quiet(): void {
    try {
      readSync(this.#wake, Buffer.alloc(8));
    } catch (error) {
      if (errorCode(error) !== "EAGAIN") throw error;
    }
  }
}
