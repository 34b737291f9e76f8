/** Signals to a container: kill, stop, pause. */
import { EngineError } from "../errors.ts";
import { log } from "../host/log.ts";
import { announce } from "./announce.ts";
import type { Entry } from "./entry.ts";
import { unchecked } from "./health.ts";
import type { Life } from "./life.ts";
import { alreadyPaused, containerIsRestarting, notPaused, notRunning } from "./messages.ts";
import type { Rooms } from "./rooms.ts";
import { signalNumber } from "./signals.ts";
import type { ContainerStore } from "./store.ts";

const SIGKILL = 9;
const SIGTERM = 15;
const DEFAULT_STOP_SECONDS = 10;

export interface StopOptions {
  readonly timeoutSeconds?: number;
  readonly signalName?: string;
}

export class Stopper {
  readonly #rooms: Rooms;
  readonly #store: ContainerStore;
  readonly #life: Life;

  constructor(rooms: Rooms, store: ContainerStore, life: Life) {
    this.#rooms = rooms;
    this.#store = store;
    this.#life = life;
  }

  /** `docker kill`: KILL is waited for, other signals are only sent. */
  async kill(entry: Entry, signalName: string): Promise<void> {
    const { record } = entry;
    const signal = signalNumber(signalName || "KILL");
    if (signal === undefined) throw new EngineError("invalid", `invalid signal: ${signalName}`);
    await entry.started();
    if (record.state.status === "restarting") throw containerIsRestarting(entry.id);
    if (!entry.isUp || !entry.task) throw notRunning(entry.id);
    const ended = this.#exitOf(entry);
    await this.#send(entry, signal, signal === SIGKILL || signal === this.#stopSignal(entry) ? { stopping: "user" } : {});
    if (signal === SIGKILL) await ended;
  }

  /**
   * For an engine that ends with everything: what runs is stopped and what has to run starts with the next engine, because
   * no user stopped it.
   */
  async stopAll(): Promise<void> {
    const entries = this.#store.all();
    for (const entry of entries) entry.cancelRestart?.();
    await Promise.all(entries.map(async (entry) => entry.started()));
    const running = entries.filter(({ task, isUp }) => task && isUp);
    await Promise.all(running.map(async (entry) => this.#end(entry, { by: "engine" }).catch((error: unknown) => log("warn", error))));
  }

  /** @throws {EngineError} not-modified when it does not run */
  async stop(entry: Entry, options: StopOptions): Promise<void> {
    const { record } = entry;
    const named = options.signalName ? signalNumber(options.signalName) : undefined;
    if (options.signalName && named === undefined) throw new EngineError("invalid", `invalid signal: ${options.signalName}`);
    await entry.started();
    if (record.state.status === "restarting") return this.#life.giveUpRestart(entry);
    if (!entry.isUp || !entry.task) throw new EngineError("not-modified", `container ${entry.id} is not running`);
    await this.#end(entry, { by: "user", ...options, ...(named !== undefined && { signal: named }) });
  }

  async #end(entry: Entry, options: { by: "user" | "engine"; signal?: number; timeoutSeconds?: number }): Promise<void> {
    const { record } = entry;
    const seconds = options.timeoutSeconds ?? record.config.StopTimeout ?? DEFAULT_STOP_SECONDS;
    const ended = this.#exitOf(entry);
    await this.#send(entry, options.signal ?? this.#stopSignal(entry), { stopping: options.by });
    if (!(await within(ended, seconds))) {
      await this.#send(entry, SIGKILL, { stopping: options.by });
      await ended;
    }
    announce(this.#rooms.events, record, "stop");
  }

  /** Stop if it runs, then start; `--rm` does not apply to the end in between. */
  async restart(entry: Entry, options: StopOptions): Promise<void> {
    await entry.started();
    entry.keep = true;
    try {
      if (entry.isUp) await this.stop(entry, options);
    } finally {
      entry.keep = false;
    }
    await this.#life.start(entry);
    announce(this.#rooms.events, entry.record, "restart");
  }

  async pause(entry: Entry): Promise<void> {
    await entry.inTurn(async () => {
      const { state } = entry.record;
      if (state.status === "paused") throw alreadyPaused(entry.id);
      if (state.status === "restarting") throw containerIsRestarting(entry.id);
      if (state.status !== "running") throw notRunning(entry.id);
      await this.#rooms.runtime.pause(entry.id, state);
      state.status = "paused";
      unchecked(state);
      await this.#store.save(entry);
      announce(this.#rooms.events, entry.record, "pause");
    });
  }

  async unpause(entry: Entry): Promise<void> {
    await entry.inTurn(async () => {
      const { state } = entry.record;
      if (state.status !== "paused") throw notPaused(entry.id);
      await this.#resume(entry);
    });
  }

  async #resume(entry: Entry): Promise<void> {
    await this.#rooms.runtime.resume(entry.id, entry.record.state);
    entry.record.state.status = "running";
    await this.#store.save(entry);
    announce(this.#rooms.events, entry.record, "unpause");
  }

  #stopSignal(entry: Entry): number {
    return signalNumber(entry.record.config.StopSignal ?? "") ?? SIGTERM;
  }

  async #send(entry: Entry, signal: number, options: { stopping?: "user" | "engine" }): Promise<void> {
    const { state } = entry.record;
    if (options.stopping) entry.stopRequested = true;
    if (options.stopping === "user" && !state.stoppedByUser) {
      // Written before it is done: an engine that is killed meanwhile must not start the container again.
      state.stoppedByUser = true;
      await this.#store.save(entry);
    }
    if (entry.task) this.#rooms.runtime.kill(entry.task, signal);
    announce(this.#rooms.events, entry.record, "kill", { signal: String(signal) });
    // A frozen process gets its signal when it thaws.
    if (options.stopping && state.status === "paused") await this.#resume(entry);
  }

  /** Resolves when the run of now has ended and was recorded. */
  #exitOf(entry: Entry): Promise<void> {
    return new Promise((resolve) => entry.wait("next-exit", () => resolve()));
  }
}

/** Whether a promise resolves in time; a negative time is for ever. */
async function within(promise: Promise<void>, seconds: number): Promise<boolean> {
  if (seconds < 0) return promise.then(() => true);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), seconds * 1000)));
  try {
    return await Promise.race([promise.then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}
