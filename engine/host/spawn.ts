/**
 * Starting processes with posix_spawn: 0.2 ms whatever the size of this process, where Node's own spawn grows with the heap
 * and stops the event loop meanwhile. Main thread only, because SIGCHLD arrives there.
 */
import { readdirSync } from "node:fs";
import { check, declare, lastErrno, quote, SystemCallError } from "./libc.ts";

const posixSpawnp = declare(
  "int posix_spawnp(void *pid, const char *file, void *actions, void *attributes, const char **argv, const char **envp)",
);
const actionsInit = declare("int posix_spawn_file_actions_init(void *actions)");
const actionsDestroy = declare("int posix_spawn_file_actions_destroy(void *actions)");
const addDup2 = declare("int posix_spawn_file_actions_adddup2(void *actions, int from, int to)");
const addOpen = declare("int posix_spawn_file_actions_addopen(void *actions, int fd, const char *path, int flags, int mode)");
const addClose = declare("int posix_spawn_file_actions_addclose(void *actions, int fd)");
const addCloseFrom = declare("int posix_spawn_file_actions_addclosefrom_np(void *actions, int from)");
const addChdir = declare("int posix_spawn_file_actions_addchdir_np(void *actions, const char *path)");
const attributesInit = declare("int posix_spawnattr_init(void *attributes)");
const attributesDestroy = declare("int posix_spawnattr_destroy(void *attributes)");
const setFlags = declare("int posix_spawnattr_setflags(void *attributes, short flags)");
const setDefaultSignals = declare("int posix_spawnattr_setsigdefault(void *attributes, void *signals)");
const setSignalMask = declare("int posix_spawnattr_setsigmask(void *attributes, void *signals)");
const sigfillset = declare("int sigfillset(void *signals)");
const sigemptyset = declare("int sigemptyset(void *signals)");
const waitpidCall = declare("int waitpid(int pid, void *status, int options)");
const killCall = declare("int kill(int pid, int signal)");
const exitCall = declare("int _exit(int status)");
const pidfdOpen = declare("long syscall(long number, int pid, unsigned int flags)");

/** Larger than any C library's posix_spawn structures and signal sets. */
const STRUCT_BYTES = 512;

export interface SpawnOptions {
  /** The program (a path, or a name looked up on this process's PATH) and its arguments. */
  readonly argv: readonly string[];
  /** The whole environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd?: string;
  /** Descriptors of this process that become 0, 1, 2, 3… of the child; null is /dev/null. Everything else is closed. */
  readonly descriptors: readonly (number | null)[];
  /** The child leads a session of its own: no signal of a terminal or of this process's group reaches it. */
  readonly session: boolean;
}

export interface ExitStatus {
  /** The exit code, or 128 + signal as a shell says it. */
  readonly exitCode: number;
  /** Number of the signal that ended it, or 0. */
  readonly signal: number;
}

function must(result: number, what: string): void {
  if (result !== 0) throw new SystemCallError(what, result);
}

/**
 * Starts a process; its pid. The caller hands the pid to onExit.
 * @throws {SystemCallError} ENOENT when there is no such program
 */
export function spawnProcess(options: SpawnOptions): number {
  const actions = Buffer.alloc(STRUCT_BYTES);
  const attributes = Buffer.alloc(STRUCT_BYTES);
  const pid = Buffer.alloc(4);
  const [program = ""] = options.argv;
  must(actionsInit(actions), "prepare a process");
  must(attributesInit(attributes), "prepare a process");
  try {
    addActions(actions, options);
    addAttributes(attributes, options.session);
    const env = Object.entries(options.env).flatMap(([name, value]) => (value === undefined ? [] : [`${name}=${value}`]));
    must(posixSpawnp(pid, program, actions, attributes, [...options.argv, null], [...env, null]), `start ${quote(program)}`);
  } finally {
    actionsDestroy(actions);
    attributesDestroy(attributes);
  }
  return pid.readInt32LE(0);
}

function addActions(actions: Buffer, options: SpawnOptions): void {
  const count = options.descriptors.length;
  // A source that is itself a target number must be moved out of the way before it is overwritten.
  const above = Math.max(count, ...options.descriptors.map((fd) => (fd ?? 0) + 1));
  options.descriptors.forEach((source, target) => {
    if (source !== null && source < count && source !== target) must(addDup2(actions, source, above + target), "pass descriptors");
  });
  options.descriptors.forEach((source, target) => {
    if (source === null) must(addOpen(actions, target, "/dev/null", 2, 0), "open /dev/null");
    else must(addDup2(actions, source < count && source !== target ? above + target : source, target), "pass descriptors");
  });
  closeTheRest(actions, count, above + count);
  if (options.cwd !== undefined) must(addChdir(actions, options.cwd), `go to ${quote(options.cwd)}`);
}

/** What Node opens closes itself on exec; this is for the rest, because a leaked directory is a way out of a container. */
function closeTheRest(actions: Buffer, from: number, extraEnd: number): void {
  if (closesFrom(actions, from)) return;
  const open = readdirSync("/proc/self/fd").map(Number);
  const extra = Array.from({ length: extraEnd - from }, (_, index) => from + index);
  for (const fd of new Set([...open, ...extra])) if (fd >= from) must(addClose(actions, fd), "close descriptors");
}

let hasCloseFrom = true;

/** One call for all of them, however many there are: glibc has it since 2.34, musl does not. */
function closesFrom(actions: Buffer, from: number): boolean {
  if (!hasCloseFrom) return false;
  try {
    must(addCloseFrom(actions, from), "close descriptors");
  } catch (error) {
    if (error instanceof SystemCallError) throw error;
    hasCloseFrom = false;
  }
  return hasCloseFrom;
}

/** Signals that Node ignores or blocks must not stay so in the child. */
function addAttributes(attributes: Buffer, session: boolean): void {
  const [SETSIGDEF, SETSIGMASK, SETSID] = [4, 8, 128];
  const all = Buffer.alloc(STRUCT_BYTES);
  const none = Buffer.alloc(STRUCT_BYTES);
  sigfillset(all);
  sigemptyset(none);
  must(setDefaultSignals(attributes, all), "reset signals");
  must(setSignalMask(attributes, none), "reset signals");
  must(setFlags(attributes, SETSIGDEF | SETSIGMASK | (session ? SETSID : 0)), "reset signals");
}

/** The status of a child that has ended (which frees its pid), or undefined while it runs. Never waits. */
export function reap(pid: number): ExitStatus | undefined {
  const WNOHANG = 1;
  const status = Buffer.alloc(4);
  if (check(waitpidCall(pid, status, WNOHANG), `wait for process ${pid}`) === 0) return undefined;
  const word = status.readInt32LE(0);
  const signal = word & 0x7f;
  return { exitCode: signal === 0 ? (word >> 8) & 0xff : 128 + signal, signal };
}

const waiting = new Map<number, (status: ExitStatus) => void>();

function reapAll(): void {
  for (const [pid, resolve] of waiting) {
    const status = reap(pid);
    if (status === undefined) continue;
    waiting.delete(pid);
    resolve(status);
  }
  if (waiting.size === 0) process.off("SIGCHLD", reapAll);
}

/**
 * Resolves when a child made by spawnProcess has ended. Call it once for every child, or it stays as a zombie.
 * Waiting does not keep this process alive.
 */
export function onExit(pid: number): Promise<ExitStatus> {
  return new Promise((resolve) => {
    if (waiting.size === 0) process.on("SIGCHLD", reapAll);
    waiting.set(pid, resolve);
    // It may have ended before anybody listened.
    reapAll();
  });
}

/**
 * Sends a signal; a negative pid means the process group. 0 only asks whether the process is there.
 * @returns false when there is no such process
 */
export function sendSignal(pid: number, signal: number): boolean {
  const ESRCH = 3;
  if (killCall(pid, signal) === 0) return true;
  if (lastErrno() === ESRCH) return false;
  throw new SystemCallError(`signal process ${pid}`, lastErrno());
}

/** _exit(2): ends this process without waiting for its threads, which may be in the kernel for ever. */
export function exitNow(status: number): void {
  exitCall(status);
}

/** pidfd_open(2): a close-on-exec descriptor that becomes readable (epoll) when the process has ended, child or not. */
export function openProcess(pid: number): number {
  const SYS_pidfd_open = 434;
  return check(pidfdOpen(SYS_pidfd_open, pid, 0), `open process ${pid}`);
}
