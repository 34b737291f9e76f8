/** Other programs: run to their end, or started to outlive this one; and who is who among pids. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { EngineError } from "../errors.ts";
import { closeDescriptor, makePipe } from "./descriptor.ts";
import { onExit, sendSignal, spawnProcess } from "./spawn.ts";

export interface RunOptions {
  /** Written to its stdin, which is /dev/null without it. */
  readonly input?: string | Uint8Array;
  /** The whole environment; this process's own unless given. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Kills the program's whole session; the promise then rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

export interface RunResult {
  /** 128 + signal when a signal ended it. */
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs a program to its end and collects what it says. A failing exit code is a result, not an error.
 * It leads its own session and inherits three descriptors only.
 * @throws {SystemCallError} ENOENT when there is no such program
 */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<RunResult> {
  options.signal?.throwIfAborted();
  const stdin = options.input === undefined ? undefined : makePipe();
  const stdout = makePipe();
  const stderr = makePipe();
  const ours = [stdout.readEnd, stderr.readEnd, ...(stdin ? [stdin.writeEnd] : [])];
  const theirs = [stdout.writeEnd, stderr.writeEnd, ...(stdin ? [stdin.readEnd] : [])];
  let pid: number;
  try {
    const descriptors = [stdin?.readEnd ?? null, stdout.writeEnd, stderr.writeEnd];
    pid = spawnProcess({ argv, env: options.env ?? process.env, descriptors, session: true, ...(options.cwd && { cwd: options.cwd }) });
  } catch (error) {
    ours.forEach(closeDescriptor);
    throw error;
  } finally {
    theirs.forEach(closeDescriptor);
  }
  return collect(pid, { stdin: stdin?.writeEnd, stdout: stdout.readEnd, stderr: stderr.readEnd }, options);
}

async function collect(
  pid: number,
  pipes: { stdin: number | undefined; stdout: number; stderr: number },
  options: RunOptions,
): Promise<RunResult> {
  const exit = onExit(pid);
  const kill = (): void => void sendSignal(-pid, 9);
  options.signal?.addEventListener("abort", kill, { once: true });
  // Waiting for a signal handler alone would not keep this process alive.
  const alive = setInterval(() => undefined, 2 ** 30);
  try {
    if (pipes.stdin !== undefined) feed(pipes.stdin, options.input ?? "");
    const [stdout, stderr] = await Promise.all([readText(pipes.stdout), readText(pipes.stderr)]);
    const { exitCode } = await exit;
    options.signal?.throwIfAborted();
    return { exitCode, stdout, stderr };
  } finally {
    clearInterval(alive);
    options.signal?.removeEventListener("abort", kill);
  }
}

function feed(descriptor: number, input: string | Uint8Array): void {
  const pipe = new Socket({ fd: descriptor, readable: false, writable: true });
  // The program may end without reading all of it.
  pipe.on("error", () => pipe.destroy());
  pipe.end(input);
}

async function readText(descriptor: number): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of new Socket({ fd: descriptor, readable: true, writable: false })) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

/**
 * Like run, but a failing exit code is an error that carries the command, the code and the last lines it wrote.
 * @returns its stdout
 * @throws {EngineError} internal
 */
export async function runOrThrow(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const result = await run(argv, options);
  if (result.exitCode === 0) return result.stdout;
  const said = (result.stderr.trim() || result.stdout.trim()).split("\n").slice(-5).join("\n");
  throw new EngineError("internal", `${argv.join(" ")} failed with exit code ${result.exitCode}${said && `: ${said}`}`);
}

/**
 * When a process started, in clock ticks since boot (field 22 of /proc/PID/stat): with the pid it names one process for ever.
 * Undefined when there is no such process or only its unreaped remains.
 */
export function processStartTime(pid: number): string | undefined {
  const fields = statFields(pid);
  return fields === undefined || fields[0] === "Z" || fields[0] === "X" ? undefined : fields[STARTED];
}

/** Where the start time is among statFields(). */
const STARTED = 19;

/** Fields of /proc/PID/stat from the third (state) on; the second may hold blanks and parentheses. */
function statFields(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return undefined;
  }
}

/** Whether the process with this pid is still the one that had this start time. */
export function isAlive(pid: number, startTime: string): boolean {
  return pid > 0 && processStartTime(pid) === startTime;
}

/** How long killed processes may take to be gone: those that wait for a disk take longer than anybody wants to wait. */
const PATIENCE_MS = 10_000;

/**
 * Kills these processes, whoever's children they are, and resolves when they are gone; the kernel's own may stay.
 * @param thaw what lets those die that are frozen
 */
export async function killAll(pids: readonly number[], thaw?: () => Promise<void>): Promise<void> {
  const killed = pids.map((pid) => ({ pid, startTime: statFields(pid)?.[STARTED] }));
  for (const pid of pids)
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It ended by itself meanwhile.
    }
  await thaw?.();
  const deadline = performance.now() + PATIENCE_MS;
  for (const one of killed) while (isThere(one) && performance.now() < deadline) await delay(5);
}

/** Resolves when the process, which was told to end or is ending, is gone. */
export async function untilGone(pid: number, startTime: string): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  while (isThere({ pid, startTime }) && performance.now() < deadline) await delay(5);
}

/** Unlike isAlive(), with the threads that are still ending after their first one has. */
function isThere({ pid, startTime }: { pid: number; startTime: string | undefined }): boolean {
  const fields = statFields(pid);
  if (fields?.[STARTED] !== startTime || fields === undefined) return false;
  return isAlive(pid, fields[STARTED]!) || threadsOf(pid) > 1;
}

function threadsOf(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/task`).length;
  } catch {
    return 0;
  }
}

/** Changes with every boot of the machine. */
export function bootId(): string {
  return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
}

/**
 * Pids of all whose stdin, stdout or stderr is a file below `directory`, which may be deleted by now, or whose root file
 * system is the overlay of a container with this id.
 */
export function processesOfTask(directory: string, id: string): number[] {
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter(
    (pid) => [0, 1, 2].some((number) => linkOf(pid, number).startsWith(`${directory}/`)) || hasOverlay(rootMount(pid), id),
  );
}

function linkOf(pid: number, descriptor: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
  } catch {
    return "";
  }
}

/** Whether the mount's upper directory lies in one that is named by the id. */
function hasOverlay(line: string, id: string): boolean {
  return (/\bupperdir=([^,]*)/.exec(line)?.[1] ?? "").split("/").includes(id);
}

/** The line of /proc/PID/mountinfo about what is mounted on `/`. */
function rootMount(pid: number): string {
  try {
    return /^(?:\S+ ){4}\/ .*$/m.exec(readFileSync(`/proc/${pid}/mountinfo`, "utf8"))?.[0] ?? "";
  } catch {
    return "";
  }
}

/** Pids of all children of these processes, their children and so on; not the processes themselves. */
export function descendants(pids: readonly number[]): number[] {
  const family = new Set(pids);
  const parents = new Map<number, number>();
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    const parent = statFields(pid)?.[1];
    if (parent !== undefined) parents.set(pid, Number(parent));
  }
  for (let before = -1; before !== family.size;) {
    before = family.size;
    for (const [pid, parent] of parents) if (family.has(parent)) family.add(pid);
  }
  return [...family].filter((pid) => !pids.includes(pid));
}
