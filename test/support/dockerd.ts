/**
 * The machine's own dockerd as a peer, in a network and a mount namespace of its own: a second dockerd in one network
 * namespace removes the first one's bridge.
 */
import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { which } from "../../scripts/setup.mjs";

export interface Dockerd {
  /** `unix://…`, for DOCKER_HOST. */
  readonly socket: string;
  /** Ends it and what it started; its directory stays. */
  stop(): Promise<void>;
}

/** Why there is no dockerd here: for a test's `skip`; false when there is. */
export function cannotRunDockerd(): string | false {
  if (process.getuid?.() !== 0) return "dockerd needs root";
  return which("dockerd") ? false : "needs docker.io";
}

/**
 * @param base an own directory: storage, socket and `log` go there
 * @param within a command that runs the rest of its arguments in another network namespace than one of its own
 */
export async function startDockerd(base: string, within: readonly string[] = ["unshare", "--net", "--"]): Promise<Dockerd> {
  mkdirSync(base, { recursive: true });
  const path = join(base, "docker.sock");
  const places = ["--data-root", join(base, "data"), "--exec-root", join(base, "exec"), "--pidfile", join(base, "pid")];
  const daemon = ["dockerd", ...places, "-H", `unix://${path}`];
  const script = `ip link set lo up; exec ${daemon.join(" ")} >${join(base, "log")} 2>&1`;
  const child = spawn("unshare", ["--mount", "--", ...within, "sh", "-c", script], { stdio: "ignore" });
  await appears(base, path, child);
  return { socket: `unix://${path}`, stop: async () => ends(child) };
}

/** Resolves when the file is there; rejects when the process ended first. */
function appears(folder: string, file: string, child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (error?: Error): void => {
      watcher.close();
      child.off("exit", failed);
      if (error) reject(error);
      else resolve();
    };
    const watcher = watch(folder, () => existsSync(file) && done());
    const failed = (code: number | null): void => done(new Error(`dockerd ended with ${code}, see ${join(folder, "log")}`));
    child.once("exit", failed);
    if (existsSync(file)) done();
  });
}

function ends(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGTERM");
  });
}
