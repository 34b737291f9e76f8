/** Processes of an engine as the machine sees them, for tests that kill and count them. */
import { readdirSync, readFileSync } from "node:fs";

/** The words of a process's command line, "" when it is gone or a zombie. */
export function commandLine(pid: number): string {
  return read(pid, "cmdline").replaceAll("\0", " ");
}

/** Pids whose mount table or command line names the root; zombies have neither. */
export function processesOf(root: string): number[] {
  const pids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  return pids.map(Number).filter((pid) => read(pid, "cmdline").includes(root) || read(pid, "mountinfo").includes(root));
}

/** Resolves when the process is no more. It is not ours, so there is no event to wait on but the next turn. */
export async function gone(pid: number): Promise<void> {
  while (lives(pid)) await new Promise((resolve) => setImmediate(resolve));
}

/** Who may be killed beside the engine's own process, by what their command line says. */
const ROLES = {
  netd: /\/netd\.(mjs|ts)\b/,
  supervisor: /\/supervisor\.sh .* run --bundle /,
  runtime: /^\S*(crun|runc) .* run --bundle /,
} as const;

export type Role = keyof typeof ROLES;

/** The processes of an engine with that role. */
export function processesAs(role: Role, root: string): number[] {
  return processesOf(root).filter((pid) => commandLine(pid).includes(root) && ROLES[role].test(commandLine(pid)));
}

/** SIGKILL to a process that may have gone already. */
export function sendKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself meanwhile.
  }
}

/** Ends a program that a container runs, by how its command line begins. @returns whether there was one: it comes after its step has begun */
export function endProgram(root: string, begins: string): boolean {
  const found = processesOf(root).filter((pid) => commandLine(pid).startsWith(begins));
  found.forEach(sendKill);
  return found.length > 0;
}

/** Whether a process is there and is no zombie. */
export function lives(pid: number): boolean {
  return /^State:\t[^ZX]/m.test(read(pid, "status"));
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
