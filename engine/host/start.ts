/**
 * Starting, finding and stopping the engine from outside: for the command and the extension. No native code here.
 * One engine a root: launchers take `run/start.lock` in turn, the engine holds `run/engine.lock` while it lives.
 */
import { spawn } from "node:child_process";
import { closeSync, openSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";
import { EngineError } from "../errors.ts";
import { removeEmptyGroups, removeGroups } from "./cgroup-removal.ts";
import { clearRun, ensureHolder, enterCommand, processesInside, readHolder } from "./launch.ts";
import { lock } from "./lock.ts";
import { engineName, enginePaths } from "./paths.ts";
import type { EnginePaths } from "./paths.ts";
import { currentUser, preflight } from "./preflight.ts";
import type { Problem } from "./preflight.ts";
import { descendants, isAlive, killAll, untilGone } from "./process.ts";
import type { TcpAddress } from "./tcp-address.ts";
import { answers, engineStatus, readEngineRecord, statusOf } from "./status.ts";
import type { EngineStatus } from "./status.ts";
import { cgroupsOf, leavesTraces } from "./traces.ts";

export type { EngineStatus } from "./status.ts";
export { parseTcpAddress, tcpUrl } from "./tcp-address.ts";
export type { TcpAddress } from "./tcp-address.ts";
export type { Problem, ProblemId } from "./preflight.ts";

export interface EngineOptions {
  /** As `--root`; undefined or "" is the user's own engine. */
  readonly root?: string | undefined;
  readonly env?: NodeJS.ProcessEnv;
  readonly signal?: AbortSignal;
  /** Folder of `engine.mjs`; needed where this code is bundled as CommonJS. */
  readonly programs?: string;
  /** A Node that is new enough (24); this process's own by default. */
  readonly node?: string;
  /** A TCP address besides the socket, remembered for later engines of this root; null forgets it. */
  readonly listen?: TcpAddress | null;
}

/** This machine lacks something; `problems` says what and what to do. */
export class PreflightError extends EngineError {
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[]) {
    super("unavailable", problems.map(({ message, fix }) => `${message}. To mend it: ${fix}`).join("\n"));
    this.name = "PreflightError";
    this.problems = problems;
  }
}

/** What the launcher tells the engine, in the environment variable BERTH_LAUNCH: inside, it cannot find out any more. */
export interface Launch {
  readonly paths: EnginePaths;
  readonly rootless: boolean;
  /** Who started it, as the host sees it. */
  readonly user: { readonly name: string; readonly uid: number; readonly gid: number };
  readonly listen?: TcpAddress | null;
}

const pathsOf = (options: EngineOptions): EnginePaths =>
  enginePaths(options.root ?? options.env?.["BERTH_ROOT"], options.env ?? process.env);

/**
 * The running engine, started if need be. Any number of callers at once get the same one.
 * @throws {PreflightError} when this machine lacks something
 * @throws {EngineError} unavailable with the engine's last words when it does not start
 */
export async function ensureEngine(options: EngineOptions = {}): Promise<EngineStatus> {
  const paths = pathsOf(options);
  if (await answers(paths.socket)) return engineStatus(paths);
  const problems = preflight(paths);
  if (problems.length > 0) throw new PreflightError(problems);
  const unlock = await lock(join(paths.run, "start.lock"), options.signal);
  try {
    if (await answers(paths.socket)) return await engineStatus(paths);
    await launch(paths, options);
    return statusOf(paths, readEngineRecord(paths), true);
  } finally {
    unlock();
  }
}

/** Status without starting anything; `problems` is this machine's preflight. */
export async function readEngineStatus(options: EngineOptions = {}): Promise<EngineStatus> {
  const paths = pathsOf(options);
  return { ...(await engineStatus(paths)), problems: preflight(paths) };
}

/** What this machine lacks; empty when an engine can start. */
export function readProblems(options: EngineOptions = {}): Problem[] {
  return preflight(pathsOf(options));
}

async function launch(paths: EnginePaths, options: EngineOptions): Promise<void> {
  const holder = await ensureHolder(paths);
  const log = openLog(paths.log);
  const told: Launch = {
    paths,
    rootless: holder.rootless,
    user: currentUser(),
    ...(options.listen !== undefined && { listen: options.listen }),
  };
  const [command = "", ...args] = enterCommand(holder, [
    options.node ?? process.execPath,
    ...nodeFlags(options),
    engineProgram(options),
    "serve",
  ]);
  const child = spawn(command, args, {
    detached: true,
    cwd: "/",
    stdio: ["ignore", log, log, "pipe"],
    env: { ...(options.env ?? process.env), ...serveEnvironment(paths), BERTH_LAUNCH: JSON.stringify(told) },
  });
  closeSync(log);
  const said = await firstWords(child.stdio[3] as NodeJS.ReadableStream, child, options.signal);
  child.unref();
  if (said !== "ready") throw new EngineError("unavailable", said || `The engine ended while it was starting; see ${paths.log}`);
}

/** Resolves with what the engine says about its start: `ready`, or the sentence that says why not; "" when it just ended. */
async function firstWords(pipe: NodeJS.ReadableStream, child: ReturnType<typeof spawn>, signal?: AbortSignal): Promise<string> {
  let said = "";
  const abort = (): void => void child.kill("SIGKILL");
  signal?.addEventListener("abort", abort, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      pipe.on("data", (chunk: Buffer) => (said += chunk.toString()));
      pipe.once("end", resolve).once("error", reject);
    });
    signal?.throwIfAborted();
    return said.trim();
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}

function engineProgram(options: EngineOptions): string {
  if (options.programs) return join(options.programs, "engine.mjs");
  return import.meta.filename.endsWith(".ts") ? join(import.meta.dirname, "..", "main.ts") : join(import.meta.dirname, "engine.mjs");
}

/** Buffers wait for a collection of young objects before their memory is used again: often is better than much. */
function nodeFlags(options: EngineOptions): string[] {
  return options.node === undefined && process.versions["electron"] !== undefined ? [] : ["--max-semi-space-size=2", "--no-flush-bytecode"];
}

/**
 * Waiting for descriptors holds threads of libuv's pool; compiled code is kept so that the next start is fast. Two arenas
 * keep what threads allocate and free from being held once for each of them.
 */
function serveEnvironment(paths: EnginePaths): NodeJS.ProcessEnv {
  const electron = process.versions["electron"] === undefined ? {} : { ELECTRON_RUN_AS_NODE: "1" };
  return { UV_THREADPOOL_SIZE: "16", MALLOC_ARENA_MAX: "2", NODE_COMPILE_CACHE: join(paths.storage, "cache", "node"), ...electron };
}

/** One older log is kept, so that a log never has more than twice this. */
const LARGEST_LOG_BYTES = 4 * 1024 * 1024;

function openLog(path: string): number {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size > LARGEST_LOG_BYTES) renameSync(path, `${path}.1`);
  return openSync(path, "a", 0o600);
}

/**
 * Stops all containers (each with its own timeout), then the engine and everything that belongs to it: no process,
 * namespace or mount is left. What is stored stays. Resolves when all is gone; nothing to stop is fine.
 * @param options.signal when it aborts, everything is killed instead of waited for
 */
export async function stopEngine(options: EngineOptions = {}): Promise<void> {
  const paths = pathsOf(options);
  // Groups without an engine are what is left of one whose directories were deleted after it was killed.
  if (readEngineRecord(paths) === undefined && readHolder(paths) === undefined) return removeEmptyGroups(cgroupsOf(engineName(paths)));
  const unlock = await lock(join(paths.run, "start.lock"));
  try {
    // Containers that outlived their engine are stopped by the next one, which records how they ended.
    // So is what they left on the host when they were killed.
    const isDue = remaining(paths).length > 0 || leavesTraces(paths);
    if (!(await answers(paths.socket)) && isDue) await launch(paths, options).catch(() => undefined);
    await endEngine(paths, options.signal);
    const inside = remaining(paths);
    await killAll([...inside, ...descendants(inside)], async () => removeGroups(cgroupsOf(engineName(paths))));
    clearRun(paths);
  } finally {
    unlock();
  }
}

/** SIGUSR2 asks the engine to stop its containers and itself; its lock is free when it is as good as gone. */
async function endEngine(paths: EnginePaths, signal?: AbortSignal): Promise<void> {
  const record = readEngineRecord(paths);
  if (record === undefined || !isAlive(record.pid, record.startTime)) return;
  process.kill(record.pid, "SIGUSR2");
  try {
    (await lock(join(paths.run, "engine.lock"), signal))();
  } catch (error) {
    if (!signal?.aborted) throw error;
    return;
  }
  await untilGone(record.pid, record.startTime);
}

function remaining(paths: EnginePaths): number[] {
  const holder = readHolder(paths);
  return holder === undefined ? [] : processesInside(paths, holder);
}
