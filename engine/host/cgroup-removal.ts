/** Removing control groups with whoever is left in them. No kernel call of its own, so that any Node may do it. */
import { existsSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** How long a control group may take to notice that the processes and groups in it have gone. */
const PATIENCE_MS = 10_000;

/**
 * Removes these groups and all in them. The kernel takes a removed group, and a killed process, out of its parent some time
 * after it said that it is done, and tells nobody; those that are not empty after ten seconds stay.
 */
export async function removeGroups(directories: Iterable<string>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  let left = [...directories];
  // All of them in each round: a process that is frozen in one holds the others.
  while ((left = left.filter((directory) => !removeEmpty(directory))).length > 0 && performance.now() < deadline) await delay(5);
}

/** Removes these groups as far as nobody is in them. */
export function removeEmptyGroups(directories: Iterable<string>): void {
  for (const directory of directories) removeEmpty(directory, () => undefined);
}

/** @returns false when it is busy */
function removeEmpty(directory: string, prepare = endProcesses): boolean {
  try {
    prepare(directory);
    const inner = readdirSync(directory, { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const busy = inner.filter(({ name }) => !removeEmpty(join(directory, name), prepare));
    if (busy.length === 0) rmdirSync(directory);
    return busy.length === 0;
  } catch {
    return !existsSync(directory);
  }
}

/** Of version 1: what is killed while it is frozen dies when it thaws. */
function endProcesses(directory: string): void {
  const pids = readFileSync(join(directory, "cgroup.procs"), "utf8").split("\n").map(Number);
  // Those of other pid namespaces are shown as 0.
  for (const pid of pids.filter((each) => each > 0)) kill(pid);
  const freezer = join(directory, "freezer.state");
  if (existsSync(freezer)) thaw(freezer);
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

/** The topmost group cannot be frozen, and has no such file or refuses. */
function thaw(file: string): void {
  try {
    writeFileSync(file, "THAWED");
  } catch {
    // It is gone, or nobody may write there; whether it can be removed shows that.
  }
}
