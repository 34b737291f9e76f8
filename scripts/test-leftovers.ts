/** What a file of tests left in its temporary directory: engines, processes, mounts. */
import { spawnSync } from "node:child_process";
import { globSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./setup.mjs";

/** Ends engines and processes of a directory, unmounts what is in it and deletes it. @returns the processes, in words */
export function cleanUp(folder: string): string[] {
  const left = processesOf(folder);
  if (left.length > 0) {
    for (const lock of globSync("{*,*/*}/run/engine.lock", { cwd: folder })) stopEngine(join(folder, dirname(lock), ".."));
    for (const { pid } of processesOf(folder)) kill(pid);
  }
  for (const [, target = ""] of readFileSync("/proc/self/mounts", "utf8").matchAll(/^\S+ (\S+)/gm))
    if (target.startsWith(`${folder}/`)) spawnSync("umount", ["-l", target]);
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // What subordinate ids own, an unprivileged user cannot delete.
  }
  return left.map(({ words }) => words);
}

/** As whoever started it. */
function stopEngine(engineRoot: string): void {
  const { uid, gid } = statSync(engineRoot);
  const identity = process.getuid!() === 0 ? { uid, gid } : {};
  const argv = [join(root, "dist/engine.mjs"), "stop", "--root", engineRoot];
  spawnSync(process.execPath, argv, { ...identity, cwd: "/", timeout: 60_000, stdio: "ignore" });
}

/** Those whose words name the folder, or whose root file system is made of it; other mounts there are seen by many. */
function processesOf(folder: string): { pid: number; words: string }[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .map((pid) => ({ pid, words: read(pid, "cmdline").replaceAll("\0", " ").trim() }))
    .filter(({ pid, words }) => words !== "" && (words.includes(`${folder}/`) || rootOf(pid).includes(`${folder}/`)));
}

function rootOf(pid: number): string {
  return /^\S+ \S+ \S+ \S+ \/ .*$/m.exec(read(pid, "mountinfo"))?.[0] ?? "";
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
