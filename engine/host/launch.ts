/**
 * The namespaces of an engine and how the engine gets into them. Uses util-linux and no kernel calls of its own, so that
 * any Node may launch: the command's, the editor's.
 *
 *     launcher ─ unshare ─► holder: sleeps; owns user (rootless), mount and network namespace R
 *              └ nsenter ─► engine: the holder's user and mount namespaces, the HOST's network namespace
 */
import { execFile, spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { EngineError } from "../errors.ts";
import { END_SCRIPT } from "./end-script.ts";
import { forwardingFile } from "./forwarding.ts";
import { guardProgram } from "./init/guard.ts";
import { engineName } from "./paths.ts";
import type { EnginePaths } from "./paths.ts";
import { apparmorProblem, currentUser } from "./preflight.ts";
import { bootId, isAlive, processStartTime } from "./process.ts";
import { findProgram } from "./programs.ts";
import { readSubordinateIds } from "./subordinate-ids.ts";

const execute = promisify(execFile);

/** The process that owns the namespaces; kept in run/holder.json. */
export interface Holder {
  readonly pid: number;
  readonly startTime: string;
  readonly bootId: string;
  readonly rootless: boolean;
  /** As /proc/PID/ns/mnt says it: tells which processes live in the engine's mount namespace. */
  readonly mountNamespace: string;
}

/** Where R can be entered, seen from the holder's mount namespace. */
export function networkNamespacePath(paths: Pick<EnginePaths, "run">): string {
  return join(paths.run, "ns", "net");
}

/** The holder of an engine that is or was started, dead or alive, since this boot. */
export function readHolder(paths: Pick<EnginePaths, "run">): Holder | undefined {
  try {
    const holder = JSON.parse(readFileSync(join(paths.run, "holder.json"), "utf8")) as Holder;
    return holder.bootId === bootId() ? holder : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The living holder, an heir to a dead one's namespaces if anything still lives in them, or a new one.
 * The caller holds the start lock.
 */
export async function ensureHolder(paths: EnginePaths): Promise<Holder> {
  const known = readHolder(paths);
  if (known !== undefined && isAlive(known.pid, known.startTime)) return known;
  const heir = known && processesInside(paths, known)[0];
  const child = heir === undefined ? await makeNamespaces(paths) : inherit(paths, known!, heir);
  await says(child, "ready");
  const holder = record(paths, child.pid!);
  child.stdin!.end("recorded\n");
  await once(child.stdout!, "end");
  child.unref();
  return holder;
}

/** As root: what the end script needs from outside, opened before the namespaces are made. */
const OUTSIDE = 'exec 8<>"$0" 9</proc/self/ns/net && exec "$@"';

/**
 * A holder that nobody recorded would stay for ever, so it guards only once its launcher says that it has. Where the guard
 * does not run (a file system without programs), the holder sleeps and leaves it to engine and netd to look.
 */
const AWAIT_END =
  'echo ready && read recorded && exec </dev/null >/dev/null 2>&1 && if "$2"; then shift && exec "$@"; fi; exec sleep infinity';

/** R is bound to a file so that it outlives the holder and can be entered by name. */
const HOLD = `: > "$1" && mount --bind /proc/self/ns/net "$1" && ${AWAIT_END}`;

/** Ids must be mapped between unshare and the exec that follows: that exec gives root's rights inside. */
const MAPPED = `echo mapping && read go && exec sh -c '${HOLD}' sh "$@"`;

/** What the holder becomes: a guard of the run directory. Arguments 2 and up of the scripts above. */
function guardCommand(paths: EnginePaths): string[] {
  const guard = join(paths.run, "holder");
  rmSync(guard, { force: true });
  try {
    writeFileSync(guard, guardProgram(), { mode: 0o700 });
  } catch {
    // There is none for this processor.
  }
  return [guard, paths.run, dirname(paths.run), "/bin/sh", "-c", END_SCRIPT, "sh", engineName(paths)];
}

/** The command as this user has to start it. */
function withOutside(paths: EnginePaths, command: readonly string[]): string[] {
  return process.getuid!() === 0 ? ["sh", "-c", OUTSIDE, forwardingFile(paths.run), ...command] : [...command];
}

async function makeNamespaces(paths: EnginePaths): Promise<ChildProcess> {
  const rootless = process.getuid!() !== 0;
  const net = networkNamespacePath(paths);
  rmSync(dirname(net), { recursive: true, force: true });
  mkdirSync(dirname(net), { recursive: true, mode: 0o700 });
  // Slave: a disk that is plugged in later is seen inside, nothing of the inside is seen outside.
  const flags = ["--mount", "--propagation", "slave", "--net", ...(rootless ? ["--user"] : [])];
  const script = ["sh", "-c", rootless ? MAPPED : HOLD, "sh", net, ...guardCommand(paths)];
  const child = detach(withOutside(paths, [program("unshare"), ...flags, "--", ...script]));
  if (rootless) await mapIds(child);
  return child;
}

async function mapIds(child: ChildProcess): Promise<void> {
  await says(child, "mapping");
  const user = currentUser();
  const map = (name: string, own: number): Promise<unknown> => {
    const range = readSubordinateIds(name === "newuidmap" ? "/etc/subuid" : "/etc/subgid", user);
    if (range === undefined) throw new EngineError("unavailable", `No range of subordinate ids for ${user.name}`);
    return execute(program(name), [child.pid, 0, own, 1, 1, range.first, range.count].map(String));
  };
  try {
    await Promise.all([map("newuidmap", user.uid), map("newgidmap", user.gid)]);
  } catch (error) {
    child.kill("SIGKILL");
    const said = (error as { stderr?: string }).stderr?.trim() || (error as Error).message;
    throw new EngineError("unavailable", `Cannot map user ids: ${said}`, { cause: error });
  }
  child.stdin!.write("go\n");
}

/** Makes a new holder for the namespaces in which `heir` lives. */
function inherit(paths: EnginePaths, dead: Holder, heir: number): ChildProcess {
  const script = `exec nsenter --net="$1" sh -c '${AWAIT_END}' sh "$@"`;
  const command = ["sh", "-c", script, "sh", networkNamespacePath(paths), ...guardCommand(paths)];
  return detach(withOutside(paths, [program("nsenter"), ...enterFlags(dead, heir), ...command]));
}

function enterFlags(holder: Pick<Holder, "rootless">, pid: number): string[] {
  return [...(holder.rootless ? ["--preserve-credentials", "-U"] : []), "-m", "-t", String(pid)];
}

/** The command that runs `argv` beside the engine: the holder's user and mount namespaces, the host's network. */
export function enterCommand(holder: Holder, argv: readonly string[]): string[] {
  return [program("nsenter"), ...enterFlags(holder, holder.pid), ...argv];
}

function detach([command = "", ...args]: readonly string[]): ChildProcess {
  return spawn(command, args, { detached: true, stdio: "pipe", cwd: "/" });
}

/** Waits for a line; an end without it is the program's error. */
async function says(child: ChildProcess, line: string): Promise<void> {
  let stderr = "";
  child.stderr!.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  await new Promise<void>((resolve, reject) => {
    const heard = (chunk: Buffer): void => {
      if (!chunk.toString().includes(line)) return;
      child.stdout!.off("data", heard);
      resolve();
    };
    child.stdout!.on("data", heard);
    child.once("error", reject).once("close", () => reject(namespaceError(stderr)));
  });
}

function namespaceError(stderr: string): EngineError {
  const problem = apparmorProblem();
  const reason = problem ? `${problem.message}. To allow it: ${problem.fix}` : stderr.trim().split("\n").at(-1) || "the program ended";
  return new EngineError("unavailable", `Cannot make the engine's namespaces: ${reason}`);
}

function record(paths: EnginePaths, pid: number): Holder {
  const startTime = processStartTime(pid);
  if (startTime === undefined) throw new EngineError("internal", "The namespace holder ended at once");
  const mountNamespace = readlinkSync(`/proc/${pid}/ns/mnt`);
  const holder: Holder = { pid, startTime, bootId: bootId(), rootless: process.getuid!() !== 0, mountNamespace };
  writeFileSync(join(paths.run, "holder.json"), `${JSON.stringify(holder)}\n`, { mode: 0o600 });
  return holder;
}

/**
 * Pids of all processes in the holder's mount namespace, also when the holder is dead: engine, netd, uplink, supervisors.
 * Containers have mount namespaces of their own. Numbers of namespaces are used again, the mount of R is the proof.
 */
export function processesInside(paths: Pick<EnginePaths, "run">, holder: Pick<Holder, "mountNamespace">): number[] {
  const proof = ` ${networkNamespacePath(paths)} `;
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids
    .filter((pid) => linkText(`/proc/${pid}/ns/mnt`) === holder.mountNamespace)
    .filter((pid) => readText(`/proc/${pid}/mountinfo`).includes(proof));
}

/**
 * Pids of all other processes in this process's own mount namespace, also where nothing of the run directory is left.
 * @param mountNamespace an engine's; in any other, e.g. the host's, nobody is found
 */
export function processesBeside(mountNamespace: string): number[] {
  const own = linkText("/proc/self/ns/mnt");
  if (own === "" || own !== mountNamespace) return [];
  const pids = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return pids.filter((pid) => pid !== process.pid && linkText(`/proc/${pid}/ns/mnt`) === own);
}

/** This process's mount namespace if it is an engine's, for processesBeside() later; otherwise "". */
export function ownMountNamespace(networkNamespace: string): string {
  return readText("/proc/self/mountinfo").includes(` ${networkNamespace} `) ? linkText("/proc/self/ns/mnt") : "";
}

/** Removes what is of no use once nothing runs: all of the run directory but its locks, which somebody may be waiting for. */
export function clearRun(paths: Pick<EnginePaths, "run">): void {
  if (!existsSync(paths.run)) return;
  const names = readdirSync(paths.run).filter((name) => !name.endsWith(".lock"));
  for (const name of names)
    try {
      rmSync(join(paths.run, name), { recursive: true, force: true });
    } catch {
      // A namespace is mounted there as long as this process lives in it; the launcher clears after it.
    }
}

function program(name: string): string {
  const path = findProgram(name);
  if (path === undefined) throw new EngineError("unavailable", `The program ${name} is missing`);
  return path;
}

function linkText(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
