/** What a file of tests left in its temporary directory: engines, processes, mounts. */
import { spawnSync } from "node:child_process";
import { globSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { root } from "./setup.mjs";

/**
 * Ends engines and processes of a directory, unmounts what is in it and deletes it.
 * @param programs where the engine is that every user can read, if there is one
 * @returns the processes, in words
 */
export function cleanUp(folder: string, programs: string): string[] {
  const left = processesOf(folder);
  if (left.length > 0) {
    for (const lock of globSync("{*,*/*}/run/engine.lock", { cwd: folder })) stopEngine(join(folder, dirname(lock), ".."), programs);
    for (const { pid } of processesOf(folder)) kill(pid);
  }
  for (const [, target = ""] of readFileSync("/proc/self/mounts", "utf8").matchAll(/^\S+ (\S+)/gm))
    if (target.startsWith(`${folder}/`)) spawnSync("umount", ["-l", target]);
  try {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    // What subordinate ids own, an unprivileged user cannot delete.
  }
  return left.map(({ words }) => words.split("\n", 1)[0]!.slice(0, 200));
}

/** As whoever started it. */
function stopEngine(engineRoot: string, programs: string): void {
  const { uid, gid } = statSync(engineRoot);
  const identity = process.getuid!() === 0 ? { uid, gid } : {};
  const [node = process.execPath] = globSync(join(programs, "berth-test-node-*"));
  const [engine = join(root, "dist/engine.mjs")] = globSync(join(programs, "berth-test-*/engine.mjs"));
  spawnSync(node, [engine, "stop", "--root", engineRoot], { ...identity, cwd: "/", timeout: 60_000, stdio: "ignore" });
}

/** Those whose words name the folder, or who see files of it elsewhere; mounts in the folder itself are seen by many. */
function processesOf(folder: string): { pid: number; words: string }[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && pid !== process.pid)
    .map((pid) => ({ pid, words: read(pid, "cmdline").replaceAll("\0", " ").trim() }))
    .filter(({ pid, words }) => words !== "" && (words.includes(`${folder}/`) || sees(pid, `${folder}/`)));
}

function sees(pid: number, folder: string): boolean {
  const mounts = read(pid, "mountinfo").matchAll(/^\S+ \S+ \S+ (\S+) (\S+)/gm);
  return [...mounts].some(([, source = "", target = ""]) => source.includes(folder) && !target.includes(folder));
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
