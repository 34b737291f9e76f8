/**
 * A task's terminal. The runtime makes it and hands its master over a socket; two `cat`s, started here, carry bytes between
 * it and the task's FIFOs, without the engine.
 *
 * crun can carry them itself, but up to 1.8.1 at least it drops what a process printed just before it ended. runc cannot
 * hand a terminal over while it stays in the foreground, and carries faithfully.
 */
import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { closeDescriptor } from "../host/descriptor.ts";
import { onExit, spawnProcess } from "../host/spawn.ts";
import { acceptUnix, listenUnix, receiveDescriptors } from "../host/unix-socket.ts";
import type { Pump } from "./pump.ts";

/** Descriptor 3 is the terminal. `drained` on `ctl` says that everything printed is in `out`. */
const RELAY_SCRIPT = `d=$1 i=$2
exec 1<>"$d/out"
k=
[ "$i" = none ] || {
  exec 6<>"$d/in"
  # A background job's own stdin is /dev/null before it is redirected.
  cat <&6 >&3 2>/dev/null 6>&- &
  k=$!
  exec 6>&-
}
cat <&3 2>/dev/null
[ -z "$k" ] || kill $k 2>/dev/null
echo "
drained" 1<>"$d/ctl"
`;

export interface RelayPlace {
  /** The task's. */
  readonly directory: string;
  /** The engine's run directory: a socket's path has to be short. */
  readonly run: string;
  readonly pump: Pump;
  readonly input: "none" | "open" | "once";
  readonly env: Readonly<Record<string, string>>;
}

export class TerminalRelay {
  /** For the runtime's `--console-socket`. */
  readonly socket: string;
  readonly #place: RelayPlace;
  readonly #taken = Promise.withResolvers<void>();
  #listener: number | undefined;
  #connection: number | undefined;
  #running = false;

  constructor(place: RelayPlace) {
    this.#place = place;
    this.socket = join(place.run, `c${randomBytes(4).toString("hex")}`);
    this.#listener = listenUnix(this.socket);
    place.pump.watch(this.#listener, () => this.take());
  }

  /** Resolves when the terminal was handed over, or cannot be any more. */
  get taken(): Promise<void> {
    return this.#taken.promise;
  }

  /** Takes the terminal if the runtime has sent it. @returns whether it is carried, now or since before */
  take(): boolean {
    const { pump } = this.#place;
    if (this.#connection === undefined && this.#listener !== undefined) {
      this.#connection = acceptUnix(this.#listener) ?? undefined;
      if (this.#connection !== undefined) pump.watch(this.#connection, () => this.take());
    }
    const received = this.#connection === undefined ? null : receiveDescriptors(this.#connection);
    if (received === null) return this.#running;
    const [terminal, ...rest] = received.descriptors;
    for (const descriptor of rest) closeDescriptor(descriptor);
    if (terminal !== undefined) this.#carry(terminal);
    this.close();
    return this.#running;
  }

  #carry(terminal: number): void {
    const { directory, input, env } = this.#place;
    try {
      const argv = ["/bin/sh", "-c", RELAY_SCRIPT, "sh", directory, input];
      void onExit(spawnProcess({ argv, env, cwd: "/", descriptors: [null, null, null, terminal], session: true }));
      this.#running = true;
    } finally {
      closeDescriptor(terminal);
    }
  }

  /** No terminal is expected any more. The relay goes on. Idempotent. */
  close(): void {
    for (const descriptor of [this.#connection, this.#listener]) {
      if (descriptor === undefined) continue;
      this.#place.pump.unwatch(descriptor);
      closeDescriptor(descriptor);
    }
    this.#connection = this.#listener = undefined;
    rmSync(this.socket, { force: true });
    this.#taken.resolve();
  }
}
