/**
 * The machine's podman as a peer, in mount and network namespaces of its own: crun refuses mixed control groups unless the
 * second hierarchy hides its controllers, and what podman leaves in /run and /dev/shm goes with the namespace.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, which } from "../../scripts/setup.mjs";
import { processesOf, sendKill } from "../support/processes.ts";
import { HIDE_UNIFIED } from "./outside-unified.ts";
import type { Peer } from "./peers.ts";

const PREPARE = `${HIDE_UNIFIED}
for d in /run /dev/shm; do mount -t tmpfs tmpfs $d; done; ip link set lo up; echo ready; exec sleep infinity`;

/** Without CAP_SYS_RESOURCE podman cannot raise the limits that it would like to set. */
const LIMITS = ["--ulimit", "nproc=4096:4096", "--ulimit", "nofile=1024:2048"];

/** Undefined, and said why, where podman is not installed or cannot run containers. Each of its commands enters its namespaces: 1 ms. */
export async function podman(folder: string, tar: string): Promise<Peer | undefined> {
  if (process.getuid?.() !== 0 || !which("podman")) return skipped("needs podman and root");
  const base = join(folder, "podman");
  mkdirSync(join(base, "networks"), { recursive: true });
  const settings = join(base, "containers.conf");
  const network = `[network]\nnetwork_config_dir="${join(base, "networks")}"\n`;
  writeFileSync(settings, `[engine]\ncgroup_manager="cgroupfs"\nevents_logger="file"\n${network}`);
  const holder = spawn("unshare", ["--mount", "--net", "sh", "-c", PREPARE], { stdio: ["ignore", "pipe", "ignore"] });
  const inside = ["nsenter", `--mount=/proc/${holder.pid}/ns/mnt`, `--net=/proc/${holder.pid}/ns/net`];
  const cli = (verb: string, ...args: string[]): string[] => {
    const limits = verb === "run" ? LIMITS : [];
    return [...inside, "podman", "--root", join(base, "root"), "--runroot", "/run/podman", verb, ...limits, ...args];
  };
  const env = { ...process.env, CONTAINERS_CONF: settings };
  const stop = async (): Promise<void> => {
    // What a container or its monitor left behind, and the namespaces with the last of them.
    for (const pid of processesOf(base)) sendKill(pid);
    const ended = once(holder, "exit");
    holder.kill("SIGKILL");
    await ended;
  };
  try {
    await once(holder.stdout, "data");
    await command(cli("import", tar, "bb"), { env });
    await command(cli("run", "--rm", "bb", "true"), { env });
    return { name: "podman (crun)", folder: base, env, cli, stop, ...(holder.pid !== undefined && { keeper: holder.pid }) };
  } catch (error) {
    await stop();
    return skipped((error as Error).message.split("\n").at(-1)!);
  }
}

function skipped(why: string): undefined {
  console.log(`podman is left out: ${why}`);
}
