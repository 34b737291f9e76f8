/** The runtime, driven through supervisors: see runtime.ts for what a task is, supervisor-script.ts for what keeps it. */
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { removeGroups } from "../host/cgroup-removal.ts";
import { everyDirectory, idsWithGroups } from "../host/cgroups.ts";
import type { Cgroups } from "../host/cgroups.ts";
import { closeDescriptor } from "../host/descriptor.ts";
import { log } from "../host/log.ts";
import type { OciRuntime } from "../host/oci-runtime.ts";
import { isAlive, processesOfTask, run } from "../host/process.ts";
import { onExit, sendSignal, spawnProcess } from "../host/spawn.ts";
import { openTerminal } from "../host/terminal.ts";
import { CgroupWarmth } from "./cgroup-warmth.ts";
import { freeze, thaw, wasFrozen } from "./freezer.ts";
import { Pump } from "./pump.ts";
import { ExecRefused, lastError, startRefused, withFileLimit } from "./refusal.ts";
import type { ExecRequest, Runtime, StartRequest, Task, TaskOptions } from "./runtime.ts";
import { RuntimeProgram } from "./runtime-program.ts";
import { SeccompCache } from "./seccomp-cache.ts";
import type { RuntimeSpec } from "./spec.ts";
import { SUPERVISOR_SCRIPT } from "./supervisor-script.ts";
import { appearingPid } from "./pid-file.ts";
import { makeTaskFiles, outputWord, readExit, removeTaskFiles, supervisorLives } from "./task-files.ts";
import { SupervisedTask } from "./task.ts";
import { TerminalRelay } from "./terminal-relay.ts";

export interface RuntimeOptions {
  readonly runtime: OciRuntime;
  readonly cgroups: Cgroups;
  /** The engine's run directory. */
  readonly run: string;
}

/** Prepares the directories of the runtime below `run`. */
export async function openRuntime(options: RuntimeOptions): Promise<Runtime & { close(): Promise<void> }> {
  const runtime = new SupervisedRuntime(options);
  for (const directory of [runtime.tasks, runtime.state, runtime.filters]) await mkdir(directory, { recursive: true, mode: 0o700 });
  writeFileSync(runtime.script, SUPERVISOR_SCRIPT, { mode: 0o600 });
  runtime.adoptExecs();
  return runtime;
}

class SupervisedRuntime implements Runtime {
  readonly info: OciRuntime;
  readonly cgroups: Cgroups;
  readonly tasks: string;
  /** The OCI runtime's own `--root`. */
  readonly state: string;
  readonly script: string;
  /** Compiled seccomp filters. */
  readonly filters: string;
  readonly run: string;
  readonly #pump = new Pump();
  readonly #warmth: CgroupWarmth;
  readonly #program: RuntimeProgram;
  readonly #filters: SeccompCache | undefined;
  readonly #environment = { PATH: process.env["PATH"] ?? "/usr/sbin:/usr/bin:/sbin:/bin", XDG_RUNTIME_DIR: "" };

  constructor(options: RuntimeOptions) {
    this.info = options.runtime;
    this.cgroups = options.cgroups;
    this.run = options.run;
    this.tasks = join(options.run, "tasks");
    this.state = join(options.run, "runtime");
    this.script = join(options.run, "supervisor.sh");
    this.#warmth = new CgroupWarmth(this.cgroups, { record: join(options.run, "warmth.json") });
    this.#program = new RuntimeProgram(this.info, join(options.run, this.info.name));
    this.filters = join(options.run, "seccomp");
    if (this.info.name === "crun") this.#filters = new SeccompCache({ directory: this.filters, version: this.info.version });
    this.#environment.XDG_RUNTIME_DIR = options.run;
  }

  warmUp(): void {
    this.#warmth.start();
    this.#program.prepare();
  }

  async start(request: StartRequest): Promise<Task> {
    const directory = join(this.tasks, request.id);
    if (existsSync(directory) || existsSync(join(this.state, request.id))) await this.destroy(request.id);
    makeTaskFiles(directory, request);
    writeFileSync(join(directory, "config.json"), specText(this.#filters?.withFilter(request.spec) ?? request.spec), { mode: 0o600 });
    const task = this.#task(request.id, request, "container");
    const command = ["run", "--bundle", directory, "--pid-file", this.#pidFile(directory), request.id];
    try {
      const started = await this.#launch(task, { ...request, command });
      void this.#filters?.learn(request.spec, join(this.state, request.id, "seccomp.bpf")).catch((error: unknown) => log("warn", error));
      return started;
    } catch (error) {
      await this.destroy(request.id);
      await task.discard();
      const said = error instanceof Refusal ? error.said : String(error);
      const { args, rlimits } = request.spec.process;
      throw startRefused(this.info.name === "crun" ? withFileLimit(said, rlimits) : said, args[0] ?? "");
    }
  }

  async exec(request: ExecRequest): Promise<Task> {
    const directory = join(this.tasks, request.id);
    makeTaskFiles(directory, request);
    const processFile = join(directory, "process.json");
    writeFileSync(processFile, JSON.stringify(request.process), { mode: 0o600 });
    const task = this.#task(request.id, request, "exec");
    const command = ["exec", "--process", processFile, "--pid-file", this.#pidFile(directory), request.containerId];
    try {
      return await this.#launch(task, { ...request, command });
    } catch (error) {
      await task.discard();
      if (!(error instanceof Refusal)) throw error;
      throw new ExecRefused(error.said, request.process.args[0] ?? "");
    }
  }

  async adopt(id: string, options: TaskOptions, known?: { pid: number; pidStartTime: string }): Promise<Task | undefined> {
    const directory = join(this.tasks, id);
    if (!existsSync(join(directory, "ctl"))) return undefined;
    const task = this.#task(id, options, "container");
    const pid = known?.pid || (await this.#pidOf(id));
    if (pid) task.hasPid(pid, known?.pid ? known.pidStartTime : undefined);
    task.adopt();
    const ended = readExit(directory) !== undefined || !supervisorLives(directory);
    if (pid || ended) return task;
    // The supervisor lives and the runtime has not said a pid yet: it is about to.
    await this.#launched(task, directory);
    return task;
  }

  /**
   * Commands that an earlier engine ran inside containers: nobody waits for them any more, but they must not block. What it had only
   * begun to make goes.
   */
  adoptExecs(): void {
    for (const id of readdirSync(this.tasks)) {
      const directory = join(this.tasks, id);
      const has = (name: string): boolean => existsSync(join(directory, name));
      // The engine was killed before it had said what was to run: nothing does.
      if (!has("process.json") && !has("config.json")) removeTaskFiles(directory);
      if (!has("process.json")) continue;
      const output = has("out") ? "streams" : "none";
      const task = this.#task(
        id,
        { input: has("eof") ? "once" : has("in") ? "open" : "none", output, tty: has("out") && !has("err") },
        "exec",
      );
      task.stdout?.resume();
      task.stderr?.resume();
      task.closeStdin();
      task.adopt();
      void task.exit.then(() => task.release());
    }
  }

  kill(task: Pick<Task, "pid" | "pidStartTime">, signal: number): boolean {
    return isAlive(task.pid, task.pidStartTime) && sendSignal(task.pid, signal);
  }

  async pause(id: string, task: Pick<Task, "pid">): Promise<void> {
    await freeze(this.cgroups.directories(id), task.pid);
  }

  async resume(id: string, task: Pick<Task, "pid">): Promise<void> {
    await thaw(this.cgroups.directories(id), task.pid);
  }

  isPaused(id: string, task: Pick<Task, "pid" | "pidStartTime">): boolean {
    return isAlive(task.pid, task.pidStartTime) && wasFrozen(this.cgroups.directories(id), task.pid);
  }

  async update(id: string, resources: Record<string, unknown>): Promise<void> {
    const argv = [...this.#command(), "update", "--resources", "-", id];
    const result = await run(argv, { input: JSON.stringify(resources), env: this.#environment });
    if (result.exitCode !== 0) throw new EngineError("internal", result.stderr.trim().split("\n").at(-1) ?? "runtime update failed");
  }

  ids(): Promise<string[]> {
    const containers = readdirSync(this.tasks).filter((id) => existsSync(join(this.tasks, id, "config.json")));
    return Promise.resolve([...new Set([...containers, ...readdirSync(this.state), ...idsWithGroups(this.cgroups)])]);
  }

  async destroy(id: string): Promise<void> {
    if (existsSync(join(this.state, id))) await run([...this.#command(), "delete", "--force", id], { env: this.#environment });
    removeTaskFiles(join(this.state, id));
    if (existsSync(join(this.tasks, id))) this.#endStrays(id);
    removeTaskFiles(join(this.tasks, id));
    await removeGroups(everyDirectory(this.cgroups, id));
  }

  /** What a runtime that was killed had started without noting it down, and its supervisor. */
  #endStrays(id: string): void {
    for (const pid of processesOfTask(join(this.tasks, id), id)) sendSignal(pid, 9);
  }

  async close(): Promise<void> {
    await this.#pump.close();
  }

  #task(id: string, options: TaskOptions, kind: "container" | "exec"): SupervisedTask {
    const known = kind === "container" ? { cgroups: this.cgroups.directories(id), state: join(this.state, id) } : { cgroups: {} };
    return new SupervisedTask({ id, directory: join(this.tasks, id), pump: this.#pump, ...known }, options);
  }

  #command(): string[] {
    return [this.#program.path, ...this.info.globalArguments, "--root", this.state];
  }

  /** In the end crun says to whoever reads the container's output why it could not execute, in the format of its log. */
  get #logFormat(): string {
    return this.info.name === "crun" ? "text" : "json";
  }

  /** crun writes into the FIFO itself and so wakes the engine; runc replaces the file that it is given. */
  #pidFile(directory: string): string {
    return join(directory, this.info.name === "crun" ? "ctl" : "pid");
  }

  async #launch(task: SupervisedTask, request: (StartRequest | ExecRequest) & { command: string[] }): Promise<Task> {
    const directory = join(this.tasks, request.id);
    const logFile = join(directory, "log");
    const relay = this.#relay(request, directory);
    if (relay) task.carriedBy(relay);
    const pid = this.#spawn(request, ["--log", logFile, "--log-format", this.#logFormat, ...withConsole(request.command, relay)], relay);
    void onExit(pid).then(() => task.supervisorEnded());
    const kill = (): void => void sendSignal(-pid, 9);
    request.signal?.addEventListener("abort", kill, { once: true });
    try {
      await this.#launched(task, directory);
      if (relay) await Promise.race([relay.taken, task.exit]);
    } finally {
      this.#warmth.stop();
      relay?.close();
      request.signal?.removeEventListener("abort", kill);
    }
    if (task.pid !== 0 && !request.signal?.aborted) return task;
    // A runtime whose supervisor was killed would go on and start what nobody knows of.
    const said = lastError(logFile);
    kill();
    request.signal?.throwIfAborted();
    throw new Refusal(said ?? "the runtime ended without a word");
  }

  /** crun hands a terminal over; see terminal-relay.ts. */
  #relay(options: TaskOptions, directory: string): TerminalRelay | undefined {
    if (this.info.name !== "crun" || outputWord(options) !== "tty") return undefined;
    return new TerminalRelay({ directory, run: this.run, pump: this.#pump, input: options.input, env: this.#environment });
  }

  #spawn(options: TaskOptions & { id: string }, runtimeArguments: string[], relay: TerminalRelay | undefined): number {
    const output = relay ? "relay" : outputWord(options);
    const terminal = output === "tty" ? openTerminal() : undefined;
    const words = [join(this.tasks, options.id), relay ? "none" : options.input, output];
    try {
      return spawnProcess({
        argv: ["/bin/sh", this.script, ...words, ...this.#command(), ...runtimeArguments],
        env: this.#environment,
        cwd: "/",
        descriptors: [null, null, null, ...(terminal ? [terminal.master, terminal.slave] : [])],
        session: true,
      });
    } finally {
      if (terminal) for (const descriptor of [terminal.master, terminal.slave]) closeDescriptor(descriptor);
    }
  }

  /** Resolves when the pid is known or the task has ended without one. */
  async #launched(task: SupervisedTask, directory: string): Promise<void> {
    if (this.info.name === "crun") return void (await task.started);
    const pid = await appearingPid(directory, task.exit);
    if (pid !== undefined) task.hasPid(pid);
  }

  /** What the runtime knows, when the engine died before it wrote the pid down. */
  async #pidOf(id: string): Promise<number | undefined> {
    const result = await run([...this.#command(), "state", id], { env: this.#environment });
    if (result.exitCode !== 0) return undefined;
    return (JSON.parse(result.stdout) as { pid?: number }).pid || undefined;
  }
}

/** Numbers beyond JavaScript's mean "no limit", which runtimes know as the largest of 64 bits. */
function specText(spec: RuntimeSpec): string {
  return JSON.stringify(spec).replaceAll(String(Number.MAX_SAFE_INTEGER), "18446744073709551615");
}

function withConsole([verb = "", ...rest]: string[], relay: TerminalRelay | undefined): string[] {
  return relay ? [verb, "--console-socket", relay.socket, ...rest] : [verb, ...rest];
}

/** What the OCI runtime said. */
class Refusal extends Error {
  readonly said: string;

  constructor(said: string) {
    super(said);
    this.said = said;
  }
}
