/** Freezing all processes of a container: with its cgroup, or with SIGSTOP where there is none. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import { sendSignal } from "../host/spawn.ts";

type Directories = Readonly<Record<string, string>>;

const SIGSTOP = 19;
const SIGCONT = 18;

/** Resolves when nothing of the container runs any more. */
export async function freeze(directories: Directories, pid: number): Promise<void> {
  const file = freezerFile(directories);
  if (!file) return stopAll(pid);
  writeFileSync(file.path, file.frozen);
  while (!(await isFrozen(file.path))) await nextTurn();
}

export async function thaw(directories: Directories, pid: number): Promise<void> {
  const file = freezerFile(directories);
  if (file) writeFileSync(file.path, file.thawed);
  else for (const each of processesOf(pid)) sendSignal(each, SIGCONT);
  return Promise.resolve();
}

/** Whether the container was frozen and not thawed since, whoever did it. */
export function wasFrozen(directories: Directories, pid: number): boolean {
  const file = freezerFile(directories);
  if (!file) return processesOf(pid).length > 0 && processesOf(pid).every(isStopped);
  return readFileSync(file.path, "utf8").trim() !== file.thawed;
}

function freezerFile(directories: Directories): { path: string; frozen: string; thawed: string } | undefined {
  const { freezer, unified } = directories;
  if (freezer && existsSync(freezer)) return { path: join(freezer, "freezer.state"), frozen: "FROZEN", thawed: "THAWED" };
  if (unified && existsSync(unified)) return { path: join(unified, "cgroup.freeze"), frozen: "1", thawed: "0" };
  return undefined;
}

async function isFrozen(path: string): Promise<boolean> {
  if (path.endsWith("freezer.state")) return (await readFile(path, "utf8")).trim() === "FROZEN";
  return (await readFile(path.replace(/cgroup\.freeze$/, "cgroup.events"), "utf8")).includes("frozen 1");
}

/** A process may fork while the list is read, so it is read until everybody on it is stopped. */
function stopAll(pid: number): void {
  for (let round = 0; round < 20; round += 1) {
    const running = processesOf(pid).filter((each) => !isStopped(each));
    if (running.length === 0) return;
    for (const each of running) sendSignal(each, SIGSTOP);
  }
}

function isStopped(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return "TtZX".includes(stat.charAt(stat.lastIndexOf(")") + 2));
  } catch {
    return true;
  }
}

/** All processes of the pid namespace in which `pid` lives; only `pid` itself when that is the engine's own. */
export function processesOf(pid: number): number[] {
  const namespace = pidNamespace(pid);
  if (namespace === undefined) return [];
  if (namespace === pidNamespace("self")) return [pid];
  const all = readdirSync("/proc").map(Number).filter(Number.isInteger);
  return all.filter((each) => pidNamespace(each) === namespace);
}

function pidNamespace(pid: number | "self"): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return undefined;
  }
}
