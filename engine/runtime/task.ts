/** One supervised process, from the engine's side: its output, its stdin and its end. */
import { existsSync, readlinkSync, readSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import type { Readable, Writable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { closeDescriptor, O, openDescriptor, openInside, RESOLVE, setPipeSize, setWindowSize, splice } from "../host/descriptor.ts";
import { errorCode } from "../host/libc.ts";
import { isAlive, processStartTime } from "../host/process.ts";
import { openProcess } from "../host/spawn.ts";
import { nowText } from "./clock.ts";
import type { LogFile } from "./log-file.ts";
import type { StreamName } from "./log-index.ts";
import { watchOom } from "./oom.ts";
import type { OomWatch } from "./oom.ts";
import type { Pump } from "./pump.ts";
import type { Task, TaskExit, TaskOptions } from "./runtime.ts";
import type { TerminalRelay } from "./terminal-relay.ts";
import { readExit, removeTaskFiles, supervisorLives, tell } from "./task-files.ts";

export interface TaskPlace {
  readonly id: string;
  readonly directory: string;
  readonly pump: Pump;
  /** Directories of the cgroup by controller, for a container's first process; empty for others. */
  readonly cgroups: Readonly<Record<string, string>>;
  /** What the OCI runtime keeps of a container until it has seen its end; undefined for others. */
  readonly state?: string;
}

/** How long a terminal may take to give its last words after its process has ended. */
const TERMINAL_PATIENCE_MS = 2000;

/** What a task needs besides its options; `removed` undoes what the runtime keeps of it. */
export class SupervisedTask implements Task {
  readonly id: string;
  readonly #place: TaskPlace;
  readonly #options: TaskOptions;
  readonly #descriptors = new Map<number, string>();
  readonly #exit = Promise.withResolvers<TaskExit>();
  readonly #pid = Promise.withResolvers<number | undefined>();
  readonly #drained = Promise.withResolvers<void>();
  #relay: TerminalRelay | undefined;
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  #oom: OomWatch | undefined;
  #control = "";
  #controlDescriptor = -1;
  #ended = false;
  #released = false;
  pid = 0;
  pidStartTime = "";

  /** Opens the engine's ends; the files exist. */
  constructor(place: TaskPlace, options: TaskOptions) {
    this.id = place.id;
    this.#place = place;
    this.#options = options;
    this.#controlDescriptor = this.#watch("ctl", O.RDONLY, () => this.#readControl());
    if (options.output === "none") return;
    const outputs = options.tty ? ["out"] : ["out", "err"];
    if (options.output === "streams") {
      const [stdout, stderr] = outputs.map((name) => this.#stream(name));
      this.stdout = stdout!;
      if (stderr) this.stderr = stderr;
      return;
    }
    options.output.log.begin();
    for (const name of outputs) widen(this.#open(name, O.RDWR));
    void this.started.then((pid) => pid !== undefined && this.#watchOutput());
  }

  /** For a task whose terminal is handed over. */
  carriedBy(relay: TerminalRelay): void {
    this.#relay = relay;
  }

  get exit(): Promise<TaskExit> {
    return this.#exit.promise;
  }

  /** The pid, as soon as the runtime has told it; undefined when the task ended without one. */
  get started(): Promise<number | undefined> {
    return this.#pid.promise;
  }

  /** The pid as known from elsewhere: a file, or an earlier engine. */
  hasPid(pid: number, startTime = processStartTime(pid) ?? ""): void {
    if (this.pid !== 0) return;
    this.pid = pid;
    this.pidStartTime = startTime;
    this.#oom = watchOom(this.#place.pump, this.#place.cgroups);
    this.#pid.resolve(pid);
  }

  /** After an engine restart: what the supervisor said before, or that it is gone, is not said again. */
  adopt(): void {
    const code = readExit(this.#place.directory);
    if (code !== undefined) this.#supervisorSaid(code);
    else if (!supervisorLives(this.#place.directory)) this.#orphaned();
  }

  /** For the process that made the supervisor: one that was killed before it had opened `ctl` is missed by nobody who reads it. */
  supervisorEnded(): void {
    if (this.pid === 0 && this.#descriptors.get(this.#controlDescriptor) === "ctl") this.#readControl();
  }

  openStdin(): Writable | undefined {
    if (this.#options.input === "none" || this.#released) return undefined;
    // Read-write, so that it can be opened before the supervisor has and never breaks.
    const descriptor = openDescriptor(join(this.#place.directory, "in"), O.RDWR | O.NONBLOCK | O.CLOEXEC);
    const socket = new Socket({ fd: descriptor, readable: false, writable: true });
    void this.exit.then(() => socket.destroy());
    return socket;
  }

  closeStdin(): void {
    if (this.#options.input === "once") tell(this.#place.directory, "eof");
  }

  resize(size: { rows: number; columns: number }): void {
    if (!this.#options.tty) return;
    const descriptor = openTerminalOf(this.pid);
    try {
      setWindowSize(descriptor, size);
    } finally {
      closeDescriptor(descriptor);
    }
  }

  /** For a start that failed: nobody reads what the runtime printed. */
  discard(): Promise<void> {
    this.stdout?.destroy();
    this.stderr?.destroy();
    return this.release();
  }

  release(): Promise<void> {
    if (!this.#released) {
      this.#released = true;
      this.#unwatchAll();
      this.#oom?.close();
      tell(this.#place.directory, "ack");
      removeTaskFiles(this.#place.directory);
    }
    return Promise.resolve();
  }

  #open(name: string, access: number): number {
    const descriptor = openDescriptor(join(this.#place.directory, name), access | O.NONBLOCK | O.CLOEXEC);
    this.#descriptors.set(descriptor, name);
    return descriptor;
  }

  #watch(name: string, access: number, ready: () => void): number {
    const descriptor = this.#open(name, access);
    this.#place.pump.watch(descriptor, ready);
    return descriptor;
  }

  /** From the start on, so that a runtime's complaint about a start that failed is not taken for output. */
  #watchOutput(): void {
    const { output } = this.#options;
    if (typeof output === "string" || this.#ended) return;
    for (const [descriptor, name] of this.#descriptors)
      if (name === "out" || name === "err")
        this.#place.pump.watch(descriptor, () => this.#log(output.log, descriptor, name === "out" ? "stdout" : "stderr"));
  }

  #stream(name: string): Readable {
    const descriptor = openDescriptor(join(this.#place.directory, name), O.RDONLY | O.NONBLOCK | O.CLOEXEC);
    return new Socket({ fd: descriptor, readable: true, writable: false });
  }

  #unwatch(descriptor: number): void {
    if (!this.#descriptors.delete(descriptor)) return;
    this.#place.pump.unwatch(descriptor);
    closeDescriptor(descriptor);
  }

  #unwatchAll(): void {
    for (const descriptor of this.#descriptors.keys()) this.#unwatch(descriptor);
  }

  /** Moves one pipe's worth; a log that cannot be written loses output rather than stopping the container. */
  #log(log: LogFile, descriptor: number, stream: StreamName): boolean {
    try {
      return log.accept(descriptor, stream);
    } catch {
      return discard(descriptor);
    }
  }

  #readControl(): void {
    const text = readAvailable(this.#controlDescriptor);
    if (text === undefined) return;
    if (text === "") return this.#supervisorGone();
    this.#control += text;
    // The runtime may say it last, of a process that has ended already.
    const pid = /^\d+$/m.exec(this.#control);
    if (pid) this.hasPid(Number(pid[0]));
    if (/^drained$/m.test(this.#control)) this.#drained.resolve();
    const exit = /^exit (\d+)$/m.exec(this.#control);
    if (exit) this.#supervisorSaid(Number(exit[1]));
  }

  /** The supervisor has closed `ctl`: killed, unless it had said how the task ended. */
  #supervisorGone(): void {
    this.#unwatch(this.#controlDescriptor);
    const code = readExit(this.#place.directory);
    if (code === undefined) this.#orphaned();
    else this.#supervisorSaid(code);
  }

  #supervisorSaid(code: number): void {
    // 137 is also what a killed runtime looks like while the container lives on.
    if (code === 137 && this.#runtimeWasKilled()) this.#orphaned();
    else if (this.#waitsForTerminal()) void this.#afterTerminal().then(() => this.#end(code, false));
    else this.#end(code, false);
  }

  /** A runtime that saw the end has forgotten the container. */
  #runtimeWasKilled(): boolean {
    const { state } = this.#place;
    return isAlive(this.pid, this.pidStartTime) || (this.pid !== 0 && state !== undefined && existsSync(state));
  }

  /** What was printed on a terminal may still be on its way; a start that failed never had one. */
  #waitsForTerminal(): boolean {
    if (!this.#options.tty || this.#options.output === "none") return false;
    return this.#relay === undefined ? this.pid !== 0 : this.#relay.take();
  }

  /** Something that the process left behind may keep its terminal open for ever, as may an engine that was killed. */
  async #afterTerminal(): Promise<void> {
    const patience = new AbortController();
    await Promise.race([this.#drained.promise, delay(TERMINAL_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined)]);
    patience.abort();
  }

  /** Nobody will tell the exit status any more, but the kernel tells that the process has ended. */
  #orphaned(): void {
    if (this.#ended) return;
    if (!isAlive(this.pid, this.pidStartTime)) return this.#end(255, true);
    const descriptor = openIfThere(this.pid);
    if (descriptor === undefined) return this.#end(255, true);
    this.#descriptors.set(descriptor, "pidfd");
    this.#place.pump.watch(descriptor, () => {
      this.#unwatch(descriptor);
      this.#end(255, true);
    });
    // Between the look and the open another process may have got the number.
    if (!isAlive(this.pid, this.pidStartTime)) {
      this.#unwatch(descriptor);
      this.#end(255, true);
    }
  }

  #end(exitCode: number, lost: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#drain();
    this.#pid.resolve(undefined);
    const oomKilled = this.#oom?.killed(exitCode) ?? false;
    this.#exit.resolve({ exitCode, finishedAt: nowText(), lost, oomKilled });
  }

  /** Everything the process wrote is in the pipes by now. */
  #drain(): void {
    const { output } = this.#options;
    if (typeof output === "string") return;
    for (const [descriptor, name] of this.#descriptors)
      if (name === "out" || name === "err") {
        const wasRun = this.pid !== 0;
        while (wasRun && this.#log(output.log, descriptor, name === "out" ? "stdout" : "stderr"));
        this.#unwatch(descriptor);
      }
    output.log.end();
  }
}

/** A descriptor of a process; undefined when it has gone since somebody looked. */
function openIfThere(pid: number): number | undefined {
  try {
    return openProcess(pid);
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
    return undefined;
  }
}

/** A pipe that holds more is emptied less often. A user has a limited share of such, and does without when it is used up. */
function widen(pipe: number): void {
  try {
    setPipeSize(pipe, 256 * 1024);
  } catch (error) {
    if (errorCode(error) !== "EPERM") throw error;
  }
}

/** Throws away what a pipe holds; false when it held nothing. */
function discard(pipe: number): boolean {
  const nowhere = openDescriptor("/dev/null", O.WRONLY | O.CLOEXEC);
  try {
    return Boolean(splice(pipe, nowhere, 65536));
  } finally {
    closeDescriptor(nowhere);
  }
}

/** Text of a pipe; "" is its end, undefined is nothing now. */
function readAvailable(descriptor: number): string | undefined {
  const bytes = Buffer.alloc(4096);
  try {
    return bytes.toString("utf8", 0, readSync(descriptor, bytes));
  } catch (error) {
    if (errorCode(error) === "EAGAIN") return undefined;
    throw error;
  }
}

/** The terminal inside the container that a process has as its stdio. */
function openTerminalOf(pid: number): number {
  for (const fd of [0, 1, 2])
    try {
      if (/^\/dev\/(pts\/\d+|console)$/.test(readlinkSync(`/proc/${pid}/fd/${fd}`)))
        return openDescriptor(`/proc/${pid}/fd/${fd}`, O.RDWR | O.NOCTTY | O.NONBLOCK | O.CLOEXEC);
    } catch {
      // The process closed it, or has ended.
    }
  const root = openDescriptor(`/proc/${pid}/root`, O.PATH | O.DIRECTORY | O.CLOEXEC);
  try {
    return openInside(root, "dev/pts/0", { flags: O.RDWR | O.NOCTTY | O.NONBLOCK | O.CLOEXEC, resolve: RESOLVE.IN_ROOT });
  } finally {
    closeDescriptor(root);
  }
}
