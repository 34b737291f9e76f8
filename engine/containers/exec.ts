/** Execs: more processes in a running container. Kept in memory: an exec belongs to who asked for it. */
import { randomBytes } from "node:crypto";
import { posix } from "node:path";
import type { ExecCreateRequest, ExecInspect } from "../api/types/container.ts";
import { EngineError } from "../errors.ts";
import { log } from "../host/log.ts";
import { ExecRefused } from "../runtime/refusal.ts";
import type { Task } from "../runtime/runtime.ts";
import type { RuntimeSpec } from "../runtime/spec.ts";
import { announce } from "./announce.ts";
import type { Attachment, OutputChunk } from "./containers.ts";
import { capabilitiesFor } from "./create.ts";
import type { Entry } from "./entry.ts";
import { containerIsRestarting, noSuchExec, notRunning, pausedForExec } from "./messages.ts";
import { hostnameOf } from "./network.ts";
import { rlimits } from "./resources.ts";
import type { Rooms } from "./rooms.ts";
import { findUser, refuseProcDirectory } from "./start.ts";
import { parseSecurityOptions } from "./security.ts";
import { environment } from "./spec.ts";
import { outputOf, stdinOf } from "./stdio.ts";

interface Exec {
  readonly id: string;
  readonly entry: Entry;
  readonly request: ExecCreateRequest;
  started: boolean;
  /** Settles when the process is there, or cannot be. */
  starting: Promise<unknown> | undefined;
  task: Task | undefined;
  exitCode: number | null;
  pid: number;
}

export interface ExecStartOptions {
  readonly detach: boolean;
  readonly tty: boolean;
  readonly consoleSize?: { rows: number; columns: number };
  readonly signal?: AbortSignal;
}

export class Execs {
  readonly #rooms: Rooms;
  readonly #execs = new Map<string, Exec>();

  constructor(rooms: Rooms) {
    this.#rooms = rooms;
  }

  /** @throws {EngineError} conflict when the container does not run, invalid for an unknown user */
  create(entry: Entry, request: ExecCreateRequest): string {
    const { record } = entry;
    if (record.state.status === "paused") throw pausedForExec(record.name);
    if (record.state.status === "restarting") throw containerIsRestarting(entry.id);
    if (!entry.isUp) throw notRunning(entry.id);
    // Whoever names a user that does not exist hears it now.
    processOf(entry, request);
    const id = randomBytes(32).toString("hex");
    this.#execs.set(id, { id, entry, request, started: false, starting: undefined, task: undefined, exitCode: null, pid: 0 });
    announce(this.#rooms.events, record, `exec_create: ${words(request)}`, { execID: id });
    return id;
  }

  /** @throws {EngineError} with Docker's sentence when the command cannot run; its exit code is kept then */
  async start(id: string, options: ExecStartOptions): Promise<Attachment | undefined> {
    const exec = this.#get(id);
    const { entry, request } = exec;
    if (exec.started) throw new EngineError("conflict", `Error: Exec command ${id} has already run`);
    if (!entry.isUp) throw notRunning(entry.id);
    if (entry.record.state.status === "paused") throw pausedForExec(entry.record.name);
    exec.started = true;
    if (request.WorkingDir && !request.WorkingDir.startsWith("/")) {
      this.#ended(exec, 126);
      throw new EngineError("invalid", "OCI runtime exec failed: exec failed: Cwd must be an absolute path");
    }
    const process = processOf(entry, { ...request, ...sizeOf(options) });
    const silent = options.detach || !(request.AttachStdout || request.AttachStderr || request.AttachStdin);
    const running = this.#run(exec, process, { input: request.AttachStdin && !options.detach ? "once" : "none", silent });
    exec.starting = running.catch(() => undefined);
    const task = await running;
    if (silent) return undefined;
    return {
      ...(request.AttachStdin && { stdin: stdinOf(Promise.resolve(task), { closes: !request.Tty }), staysOpen: request.Tty }),
      output: outputThenExit(task),
    };
  }

  async #run(exec: Exec, process: RuntimeSpec["process"], how: { input: "none" | "once"; silent: boolean }): Promise<Task> {
    const { entry, id, request } = exec;
    try {
      const task = await this.#rooms.runtime.exec({
        id,
        containerId: entry.id,
        process,
        input: how.input,
        // A terminal has to be read even if nobody looks.
        output: how.silent && !request.Tty ? "none" : "streams",
        tty: request.Tty ?? false,
      });
      exec.task = task;
      exec.pid = task.pid;
      if (how.silent) task.stdout?.resume();
      announce(this.#rooms.events, entry.record, `exec_start: ${words(request)}`, { execID: id });
      this.#watch(exec, task);
      return task;
    } catch (error) {
      if (!(error instanceof ExecRefused)) throw error;
      this.#ended(exec, error.exitCode);
      throw new EngineError("invalid", error.message, { cause: error });
    }
  }

  #watch(exec: Exec, task: Task): void {
    task.exit
      .then(async ({ exitCode }) => {
        this.#ended(exec, exitCode);
        await task.release();
      })
      .catch((error: unknown) => log("error", error));
  }

  #ended(exec: Exec, exitCode: number): void {
    exec.exitCode = exitCode;
    exec.task = undefined;
    announce(this.#rooms.events, exec.entry.record, "exec_die", { execID: exec.id, exitCode: String(exitCode) });
  }

  /** Runs a command to its end, for health checks; output is cut at `mostBytes`. */
  async collect(
    entry: Entry,
    request: ExecCreateRequest,
    options: { timeoutMs: number; mostBytes: number },
  ): Promise<{ exitCode: number; output: string; timedOut: boolean }> {
    const id = this.create(entry, { ...request, AttachStdout: true, AttachStderr: true });
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      const { task } = this.#get(id);
      if (task) this.#rooms.runtime.kill(task, 9);
    }, options.timeoutMs);
    try {
      const attachment = await this.start(id, { detach: false, tty: false });
      let output = Buffer.alloc(0);
      for await (const { data } of attachment!.output) if (output.length < options.mostBytes) output = Buffer.concat([output, data]);
      await this.#get(id).task?.exit;
      const text = output.subarray(0, options.mostBytes).toString();
      return { exitCode: this.#get(id).exitCode ?? 255, output: text, timedOut };
    } finally {
      clearTimeout(timer);
      this.#execs.delete(id);
    }
  }

  /** A client that has the answer to its start may be ahead of the process: like dockerd, this waits for it. */
  async resize(id: string, size: { rows: number; columns: number }): Promise<void> {
    const exec = this.#get(id);
    await exec.starting;
    const { task } = exec;
    if (!task) throw new EngineError("conflict", `exec process is not started`);
    task.resize(size);
  }

  inspect(id: string): ExecInspect {
    const { entry, request, task, exitCode, pid } = this.#get(id);
    const [entrypoint = "", ...rest] = request.Cmd ?? [];
    return {
      ID: id,
      Running: task !== undefined,
      ExitCode: exitCode,
      ProcessConfig: {
        tty: request.Tty ?? false,
        entrypoint,
        arguments: rest,
        privileged: request.Privileged ?? false,
        ...(request.User && { user: request.User }),
      },
      OpenStdin: request.AttachStdin ?? false,
      OpenStderr: request.AttachStderr ?? false,
      OpenStdout: request.AttachStdout ?? false,
      CanRemove: false,
      ContainerID: entry.id,
      DetachKeys: request.DetachKeys ?? "",
      Pid: pid,
    };
  }

  /** Those of a container that run or may still be started. */
  idsOf(containerId: string): string[] {
    const open = [...this.#execs.values()].filter(({ entry, exitCode }) => entry.id === containerId && exitCode === null);
    return open.map(({ id }) => id);
  }

  /** A container has ended, and its processes with it. Finished execs can be inspected until their container goes. */
  forget(containerId: string): void {
    for (const { id, entry } of this.#execs.values()) if (entry.id === containerId) this.#execs.delete(id);
  }

  #get(id: string): Exec {
    const exec = this.#execs.get(id);
    if (!exec) throw noSuchExec(id);
    return exec;
  }
}

/** A client asks for the exit code as soon as the output has ended, so it has to be known by then. */
async function* outputThenExit(task: Task): AsyncGenerator<OutputChunk> {
  yield* outputOf(task);
  await task.exit;
}

function words(request: ExecCreateRequest): string {
  const [program = "", ...args] = request.Cmd ?? [];
  return `${program} ${args.join(" ")}`;
}

function sizeOf({ consoleSize }: ExecStartOptions): Pick<ExecCreateRequest, "ConsoleSize"> {
  return consoleSize ? { ConsoleSize: [consoleSize.rows, consoleSize.columns] } : {};
}

/** @throws {EngineError} invalid */
function processOf(entry: Entry, request: ExecCreateRequest): RuntimeSpec["process"] {
  const { config, hostConfig, state } = entry.record;
  const user = findUser(`/proc/${state.pid}/root`, { config: { ...config, User: request.User || config.User || "" }, hostConfig });
  const cwd = posix.normalize(request.WorkingDir || config.WorkingDir || "/");
  if (cwd.startsWith("/")) refuseProcDirectory(`/proc/${state.pid}/root`, cwd);
  const capabilities = capabilitiesFor(request.Privileged ? { Privileged: true } : hostConfig);
  const asRoot = user.uid === 0;
  const [rows, columns] = request.ConsoleSize ?? [0, 0];
  const env = [...(config.Env ?? []), ...(request.Env ?? [])];
  return {
    ...(request.Tty && { terminal: true }),
    ...(request.Tty && rows > 0 && columns > 0 && { consoleSize: { height: rows, width: columns } }),
    user: { uid: user.uid, gid: user.gid, additionalGids: user.additionalGids },
    args: [...(request.Cmd ?? [])],
    env: environment({ config: { ...config, Tty: request.Tty ?? false, Env: env }, hostname: hostnameOf(entry.record), user }),
    cwd,
    capabilities: { bounding: capabilities, effective: asRoot ? capabilities : [], permitted: asRoot ? capabilities : [] },
    ...(hostConfig.Ulimits?.length && { rlimits: rlimits(hostConfig.Ulimits) }),
    ...(parseSecurityOptions(hostConfig.SecurityOpt).noNewPrivileges && { noNewPrivileges: true }),
    ...(hostConfig.OomScoreAdj && { oomScoreAdj: hostConfig.OomScoreAdj }),
  };
}
