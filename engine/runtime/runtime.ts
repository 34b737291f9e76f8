/**
 * Drives the OCI runtime (crun first, runc else). Every process that it starts, a container's first one or an exec, is a
 * *task*: a `sh` supervisor with the runtime in the foreground, stdio on FIFOs, and the exit status in a file. All of that
 * outlives the engine; the next one adopts it.
 *
 *     start → Task → exit (status on disk, supervisor waits) → release (supervisor ends, files go)
 */
import type { Readable, Writable } from "node:stream";
import type { Cgroups } from "../host/cgroups.ts";
import type { OciRuntime } from "../host/oci-runtime.ts";
import type { LogFile } from "./log-file.ts";
import type { RuntimeSpec } from "./spec.ts";

/** Where a task's output goes: spliced into a log file, handed on as streams, or nowhere. */
export type TaskOutput = { log: LogFile } | "streams" | "none";

/** `open` stays open whoever comes and goes; `once` ends when closeStdin is called. */
export type TaskInput = "none" | "open" | "once";

export interface TaskOptions {
  readonly input: TaskInput;
  readonly output: TaskOutput;
  readonly tty: boolean;
}

export interface StartRequest extends TaskOptions {
  readonly id: string;
  readonly spec: RuntimeSpec;
  readonly signal?: AbortSignal;
}

export interface ExecRequest extends TaskOptions {
  readonly id: string;
  /** Of the running container. */
  readonly containerId: string;
  readonly process: RuntimeSpec["process"];
  readonly signal?: AbortSignal;
}

export interface TaskExit {
  /** 255 when it was lost. */
  readonly exitCode: number;
  /** RFC 3339 with nanoseconds. */
  readonly finishedAt: string;
  /** The supervisor or the runtime was killed, so nobody saw the exit status. */
  readonly lost: boolean;
  /** The kernel killed it for lack of memory. */
  readonly oomKilled: boolean;
}

export interface Task {
  readonly id: string;
  readonly pid: number;
  /** Field 22 of /proc/PID/stat: with the pid it names the process for ever. */
  readonly pidStartTime: string;
  /** Resolves once the process has ended and all its output is in the log or the streams. */
  readonly exit: Promise<TaskExit>;
  /** With output "streams"; each ends when the process and all that inherited its output have ended. */
  readonly stdout?: Readable;
  readonly stderr?: Readable;
  /** A writer on the process's stdin; several may write. Ending one closes nothing but itself. Undefined when stdin is not open. */
  openStdin(): Writable | undefined;
  /** With input "once": the process reads end-of-file after what was written. */
  closeStdin(): void;
  /** Of a process without a terminal: nothing, as with Docker. */
  resize(size: { rows: number; columns: number }): void;
  /** Lets the supervisor end and removes the task's files. After exit; idempotent. */
  release(): Promise<void>;
}

export interface Runtime {
  readonly info: OciRuntime;
  readonly cgroups: Cgroups;
  /** Says that a container is about to start: whatever can be got ready is. Returns at once. */
  warmUp(): void;
  /**
   * Writes the bundle and starts the container; resolves when its process exists.
   * @throws {EngineError} with Docker's sentence when the runtime refuses; nothing of the task is left then
   */
  start(request: StartRequest): Promise<Task>;
  /** Starts one more process in a running container. @throws {ExecRefused} when the runtime refuses; see refusal.ts */
  exec(request: ExecRequest): Promise<Task>;
  /**
   * The task of a container or an exec that an earlier engine started, running or ended; undefined when it never ran.
   * @param known what the earlier engine noted of it; without it the runtime is asked
   */
  adopt(id: string, options: TaskOptions, known?: { pid: number; pidStartTime: string }): Promise<Task | undefined>;
  /** Sends a signal to the container's first process. False when it is gone. */
  kill(task: Pick<Task, "pid" | "pidStartTime">, signal: number): boolean;
  /** Freezes all processes of a container, with its cgroup or, without one, by SIGSTOP. */
  pause(id: string, task: Pick<Task, "pid">): Promise<void>;
  resume(id: string, task: Pick<Task, "pid">): Promise<void>;
  /** Whether it is paused, as the kernel knows it. */
  isPaused(id: string, task: Pick<Task, "pid" | "pidStartTime">): boolean;
  /** Applies new limits to a running container. */
  update(id: string, resources: Record<string, unknown>): Promise<void>;
  /** Ids with files under the runtime's directory. */
  ids(): Promise<string[]>;
  /** Kills and removes whatever exists of an id: processes, runtime state, cgroup, files. Idempotent. */
  destroy(id: string): Promise<void>;
}
