/** The machine's own podman as an engine, in namespaces of its own. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, rmSync, watch, writeFileSync } from "node:fs";
import { join } from "node:path";
import { which } from "../../scripts/setup.mjs";
import { runProgram } from "./engine.ts";
import { processesOf, sendKill } from "./processes.ts";

export interface Podman {
  /** `unix://…`, for `--host`. */
  readonly socket: string;
  stop(): Promise<void>;
}

/** Why there is no podman here: for a test's `skip`; false when there is. */
export function cannotRunPodman(): string | false {
  if (process.getuid?.() !== 0) return "podman needs root here";
  return which("podman") ? false : "needs podman";
}

/**
 * Starts its API with an image `busybox` in it.
 * Containers have no cgroups, so that they run where the hierarchies are mixed and where there is no systemd.
 * @param base an own directory for all that it keeps @param tar the image's files
 */
export async function startPodman(base: string, tar: string): Promise<Podman> {
  mkdirSync(join(base, "networks"), { recursive: true });
  const settings = join(base, "containers.conf");
  writeFileSync(
    settings,
    `[containers]\ncgroups="disabled"\n[engine]\ncgroup_manager="cgroupfs"\nevents_logger="file"\n[network]\nnetwork_config_dir="${join(base, "networks")}"\n`,
  );
  const env = { ...process.env, CONTAINERS_CONF: settings };
  // Podman refuses a longer path.
  const runroot = mkdtempSync("/run/berth-podman-");
  const podman = ["podman", "--root", join(base, "root"), "--runroot", runroot];
  const { exitCode, stderr } = await runProgram([...podman, "import", tar, "busybox:latest"], { env });
  if (exitCode !== 0) throw new Error(`podman import: ${stderr}`);
  const path = join(base, "podman.sock");
  const serve = `exec ${podman.join(" ")} system service -t 0 unix://${path} >${join(base, "log")} 2>&1`;
  const script = `ip link set lo up; umount -l /sys/fs/cgroup/unified 2>/dev/null; ${serve}`;
  const child = spawn("unshare", ["--mount", "--net", "--", "sh", "-c", script], { stdio: "ignore", env });
  await new Promise<void>((resolve, reject) => {
    const watcher = watch(base, () => look());
    const look = (): void => {
      if (!existsSync(path)) return;
      watcher.close();
      resolve();
    };
    look();
    child.once("exit", () => (watcher.close(), reject(new Error(`podman ended, see ${join(base, "log")}`))));
  });
  return {
    socket: `unix://${path}`,
    stop: async () => {
      const ended = once(child, "exit");
      // Its service waits for idle connections before it heeds SIGTERM; its containers are gone by now.
      child.kill("SIGKILL");
      await ended;
      // Who watched a command that has ended may still be noting it down.
      for (const pid of processesOf(base)) sendKill(pid);
      rmSync(runroot, { recursive: true, force: true });
    },
  };
}
