/**
 * Published ports on a thread of their own, so that their bytes and the answers to names do not wait for each other. The
 * thread begins with the first port, in the network namespace of whoever asks, and connects from there. It ends some seconds
 * after the last one.
 */
import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { closeDescriptor, makeEventDescriptor } from "../descriptor.ts";
import { setNoDelay } from "./host-sockets.ts";
import type { RelayRequest, RelayTarget } from "./relay-worker.ts";

/** A relayed port. */
export interface RelayedPort {
  /** Where new connections and all datagrams lead from now on; empty refuses them. */
  lead(address: string): Promise<void>;
  /** Breaks its connections; the port is free when this resolves. */
  close(): Promise<void>;
}

type Unnumbered = RelayRequest extends infer Request ? (Request extends RelayRequest ? Omit<Request, "id"> : never) : never;

interface Thread {
  readonly worker: Worker;
  readonly wake: number;
}

const IDLE_MS = 3000;

export class Relay {
  readonly #answered = new Map<number, () => void>();
  #thread: Thread | undefined;
  #next = 1;
  #open = 0;
  #retirement: NodeJS.Timeout | undefined;

  /** Carries connections of a listening socket, or datagrams of a bound one, which it takes over. */
  async open(fd: number, to: RelayTarget): Promise<RelayedPort> {
    if (to.kind === "tcp") setNoDelay(fd);
    clearTimeout(this.#retirement);
    this.#open += 1;
    const thread = (this.#thread ??= this.#start());
    await this.#ask(thread, { call: "open", fd, ...to });
    return {
      lead: (address) => this.#ask(thread, { call: "lead", fd, address }),
      close: async () => {
        await this.#ask(thread, { call: "close", fd });
        this.#open -= 1;
        if (this.#open === 0) this.#retirement = setTimeout(() => void this.end(), IDLE_MS).unref();
      },
    };
  }

  /** Ends the thread with all that it carries. */
  async end(): Promise<void> {
    clearTimeout(this.#retirement);
    const thread = this.#thread;
    this.#thread = undefined;
    if (!thread) return;
    await this.#ask(thread, { call: "end" });
    await thread.worker.terminate();
    closeDescriptor(thread.wake);
  }

  #ask({ worker, wake }: Thread, request: Unnumbered): Promise<void> {
    return new Promise((resolve) => {
      const id = this.#next++;
      this.#answered.set(id, resolve);
      worker.postMessage({ ...request, id });
      writeSync(wake, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
    });
  }

  #start(): Thread {
    const wake = makeEventDescriptor();
    const program = new URL(import.meta.url.endsWith(".ts") ? "./relay-worker.ts" : "./relay-worker.mjs", import.meta.url);
    const worker = new Worker(program, {
      workerData: { wake },
      resourceLimits: { maxOldGenerationSizeMb: 32, maxYoungGenerationSizeMb: 2 },
    });
    worker.on("message", (id: number) => {
      this.#answered.get(id)?.();
      this.#answered.delete(id);
    });
    return { worker, wake };
  }
}
