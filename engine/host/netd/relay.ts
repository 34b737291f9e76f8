/**
 * Published ports on a thread of their own, so that their bytes and the answers to names do not wait for each other. The
 * thread begins with the first port, in the network namespace of whoever asks, and connects from there.
 */
import { writeSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { makeEventDescriptor } from "../descriptor.ts";
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

export class Relay {
  readonly #answered = new Map<number, () => void>();
  #thread: { worker: Worker; wake: number } | undefined;
  #next = 1;

  /** Carries connections of a listening socket, or datagrams of a bound one, which it takes over. */
  async open(fd: number, to: RelayTarget): Promise<RelayedPort> {
    if (to.kind === "tcp") setNoDelay(fd);
    await this.#ask({ call: "open", fd, ...to });
    return {
      lead: (address) => this.#ask({ call: "lead", fd, address }),
      close: () => this.#ask({ call: "close", fd }),
    };
  }

  /** Ends the thread with all that it carries. */
  async end(): Promise<void> {
    if (this.#thread) await this.#ask({ call: "end" });
    await this.#thread?.worker.terminate();
    this.#thread = undefined;
  }

  #ask(request: Unnumbered): Promise<void> {
    const { worker, wake } = (this.#thread ??= this.#start());
    return new Promise((resolve) => {
      const id = this.#next++;
      this.#answered.set(id, resolve);
      worker.postMessage({ ...request, id });
      writeSync(wake, Buffer.from([1, 0, 0, 0, 0, 0, 0, 0]));
    });
  }

  #start(): { worker: Worker; wake: number } {
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
