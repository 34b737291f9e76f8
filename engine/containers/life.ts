/** Starting, ending, starting again and removing. Operations of one container follow each other (Entry.inTurn). */
import { setImmediate as nextTurn } from "node:timers/promises";
import { EngineError, isKind } from "../errors.ts";
import { log } from "../host/log.ts";
import { bootId } from "../host/process.ts";
import { nowText } from "../runtime/clock.ts";
import type { Task, TaskExit } from "../runtime/runtime.ts";
import { announce } from "./announce.ts";
import { removeAnonymousVolumes } from "./create.ts";
import type { Entry } from "./entry.ts";
import { watchHealth } from "./health.ts";
import type { Commands } from "./health.ts";
import { markedForRemoval, removeRunning, startPaused } from "./messages.ts";
import { containerDirectory } from "./network.ts";
import { restartDelay, shouldRestart } from "./restart-policy.ts";
import type { Rooms } from "./rooms.ts";
import { releaseMounts } from "./mount-sources.ts";
import { releaseSharedMemory } from "./shared-memory.ts";
import { startTask } from "./start.ts";
import type { ContainerStore } from "./store.ts";

export class Life {
  readonly #rooms: Rooms;
  readonly #store: ContainerStore;
  readonly #commands: Commands;
  readonly #pauses = new Map<string, number>();

  constructor(rooms: Rooms, store: ContainerStore, commands: Commands) {
    this.#rooms = rooms;
    this.#store = store;
    this.#commands = commands;
  }

  /** @throws {EngineError} not-modified when it runs already */
  async start(entry: Entry, signal?: AbortSignal): Promise<void> {
    await entry.start(async () => {
      const { status } = entry.record.state;
      if (status === "removing" || status === "dead" || !this.#store.has(entry.id)) throw markedForRemoval();
      if (status === "paused") throw startPaused();
      if (entry.isUp) throw new EngineError("not-modified", `container ${entry.id} is already running`);
      entry.record.restartCount = 0;
      this.#pauses.delete(entry.id);
      await this.#launch(entry, signal);
    });
  }

  async #launch(entry: Entry, signal?: AbortSignal): Promise<void> {
    const { state } = entry.record;
    entry.stopRequested = false;
    try {
      const { task, sandbox } = await startTask(this.#rooms, this.#store, entry, signal);
      // Whoever stops it from now on finds it.
      entry.task = task;
      entry.record.sandbox = sandbox;
      Object.assign(state, {
        status: "running",
        pid: task.pid,
        pidStartTime: task.pidStartTime,
        bootId: bootId(),
        exitCode: 0,
        error: "",
        oomKilled: false,
        startedAt: nowText(),
        stoppedByUser: false,
      });
      delete state.health;
      await this.#store.note(entry);
      announce(this.#rooms.events, entry.record, "start");
      this.watch(entry, task);
    } catch (error) {
      await this.#startFailed(entry, error);
      throw error;
    }
  }

  async #startFailed(entry: Entry, error: unknown): Promise<void> {
    const { state, hostConfig } = entry.record;
    const message = error instanceof Error ? error.message : String(error);
    state.error = message;
    state.exitCode = exitCodeOf(message);
    if (state.status === "restarting") state.status = "exited";
    await this.#store.save(entry);
    if (hostConfig.AutoRemove) await this.#delete(entry, { volumes: true });
  }

  /** Takes charge of a running task, of this engine's or of an earlier one's start. */
  watch(entry: Entry, task: Task): void {
    entry.task = task;
    entry.stopWatching = watchHealth(this.#rooms, this.#store, { entry, commands: this.#commands });
    void task.exit.then((exit) => this.ended(entry, task, exit)).catch((error: unknown) => log("error", error));
  }

  /** Records an exit and does what follows from it. */
  async ended(entry: Entry, task: Task | undefined, exit: TaskExit): Promise<void> {
    await entry.inTurn(async () => {
      if (entry.task !== task) return;
      entry.stopWatching?.();
      const { record } = entry;
      const ranMs = Math.max(0, Date.parse(exit.finishedAt) - Date.parse(record.state.startedAt));
      const { exitCode, finishedAt, oomKilled } = exit;
      Object.assign(record.state, { status: "exited", pid: 0, pidStartTime: "", exitCode, finishedAt, oomKilled });
      if (exit.lost) record.state.error = "exit status unknown: the container's supervisor was killed";
      const publishes = Object.values(record.sandbox?.ports ?? {}).some(Boolean);
      record.sandbox = null;
      const again = this.#restarts(entry, exit);
      const gone = record.hostConfig.AutoRemove && !again && !entry.keep;
      const detached = this.#rooms.networks.detach(entry.id);
      detached.catch(() => undefined);
      // Who hears of the end may want the host's ports; the rest of the network goes meanwhile.
      if (publishes) await detached;
      if (!gone) await this.#store.note(entry);
      await task?.release();
      // A runtime that was killed has left its state and the cgroup behind.
      if (exit.lost) await this.#rooms.runtime.destroy(entry.id);
      entry.task = undefined;
      const execDuration = String(Math.floor(ranMs / 1000));
      if (oomKilled) announce(this.#rooms.events, record, "oom");
      announce(this.#rooms.events, record, "die", { execDuration, exitCode: String(exitCode) });
      const result = { statusCode: exitCode };
      entry.notify(again ? ["next-exit"] : ["next-exit", "not-running"], result);
      // Who waited for that has the answer before mounts are ended, which takes a while.
      await nextTurn();
      releaseSharedMemory(this.#rooms, record);
      await releaseMounts(this.#rooms, record);
      if (!gone) await this.#rooms.snapshots.unmount(entry.id);
      await detached;
      if (gone) await this.#delete(entry, { volumes: true });
      if (again) this.#scheduleRestart(entry, ranMs);
    });
  }

  #restarts(entry: Entry, exit: TaskExit): boolean {
    const { record } = entry;
    const again = shouldRestart(record.hostConfig.RestartPolicy, {
      exitCode: exit.exitCode,
      stopped: entry.stopRequested,
      restartCount: record.restartCount,
    });
    if (again) record.state.status = "restarting";
    return again;
  }

  /** Starts the container again after its pause; `stop` ends the waiting. */
  #scheduleRestart(entry: Entry, ranMs: number): void {
    const pause = restartDelay(this.#pauses.get(entry.id) ?? 0, ranMs);
    this.#pauses.set(entry.id, pause);
    const timer = setTimeout(() => void this.restartNow(entry), pause);
    entry.cancelRestart = () => {
      clearTimeout(timer);
      entry.cancelRestart = undefined;
    };
  }

  /** The next start that the restart policy wants. Who stops the container waits for it as for any start. */
  async restartNow(entry: Entry, restartCount = entry.record.restartCount + 1): Promise<void> {
    entry.cancelRestart = undefined;
    await entry
      .start(async () => {
        if (entry.record.state.status !== "restarting") return;
        entry.record.restartCount = restartCount;
        await this.#launch(entry);
      })
      .catch((error: unknown) => log("warn", error));
  }

  /** A container that waits for its restart is stopped by not starting it. */
  async giveUpRestart(entry: Entry): Promise<void> {
    await entry.inTurn(async () => {
      if (entry.record.state.status !== "restarting") return;
      entry.cancelRestart?.();
      entry.record.state.status = "exited";
      entry.record.state.stoppedByUser = true;
      await this.#store.save(entry);
      entry.notify(["not-running"], { statusCode: entry.record.state.exitCode });
    });
  }

  /** @throws {EngineError} conflict when it runs */
  async remove(entry: Entry, options: { volumes: boolean }): Promise<void> {
    await entry.inTurn(async () => {
      const { status } = entry.record.state;
      if (!this.#store.has(entry.id)) return;
      if (status === "running" || status === "paused" || status === "restarting") throw removeRunning(entry.record.name, status);
      await this.#delete(entry, options);
    });
  }

  /** The record goes first: what a killed engine leaves of the rest is swept by the next one. */
  async #delete(entry: Entry, options: { volumes: boolean }): Promise<void> {
    const { record } = entry;
    await this.#store.delete(entry);
    if (options.volumes) await removeAnonymousVolumes(this.#rooms, record.mounts);
    announce(this.#rooms.events, record, "destroy");
    entry.notify(["removed", "next-exit", "not-running"], { statusCode: record.state.exitCode });
    // Who waited for that has the answer before the files are worked on.
    await nextTurn();
    await this.#rooms.snapshots.remove(entry.id);
    await this.#rooms.snapshots.discard(containerDirectory(this.#rooms, entry.id));
    entry.log.remove();
  }
}

/** What Docker makes the exit status of a container that could not start. */
function exitCodeOf(message: string): number {
  if (/executable file not found|no such file or directory|system cannot find the file/i.test(message)) return 127;
  if (/permission denied|not a directory|is a directory|exec format error/i.test(message)) return 126;
  return 128;
}

/** Whether an error only says that there is nothing to do. */
export function isNotModified(error: unknown): boolean {
  return isKind(error, "not-modified");
}
