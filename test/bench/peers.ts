/**
 * The engines that a benchmark runs side by side: Berth, and docker and podman where they are installed.
 * Each gets its own storage and is stopped at the end.
 */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import { command, root, which } from "../../scripts/setup.mjs";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { podman } from "./podman-peer.ts";

export interface Peer {
  readonly name: string;
  /** argv of one of its commands: docker's verbs and flags. */
  cli(verb: string, ...args: string[]): string[];
  readonly env: NodeJS.ProcessEnv;
  /** All of its state; its processes name it. */
  readonly folder: string;
  /** A process that is no part of it: it keeps its namespaces for the bench. */
  readonly keeper?: number;
  stop: () => Promise<void>;
}

/** What is on this machine, started and with the image `bb` in it; the first one is Berth. */
export async function startPeers(): Promise<Peer[]> {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
  const tar = join(folder, "busybox.tar");
  writeFileSync(tar, await busyboxTar());
  const makers = [berth(folder, tar, "crun"), berth(folder, tar, "runc"), docker(folder, tar), podman(folder, tar)];
  const made = await Promise.allSettled(makers);
  const peers = made.flatMap((each) => (each.status === "fulfilled" && each.value ? [each.value] : []));
  const failed = made.find((each) => each.status === "rejected");
  if (failed) {
    for (const peer of peers) await peer.stop();
    throw failed.reason;
  }
  const last = peers.at(-1);
  if (last) {
    const stop = last.stop.bind(last);
    last.stop = async () => {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    };
  }
  return peers;
}

async function berth(folder: string, tar: string, runtime: string): Promise<Peer | undefined> {
  if (!which(runtime)) return undefined;
  const at = join(folder, runtime);
  const run = join(at, "run");
  mkdirSync(run, { recursive: true });
  // As on a user's machine, where it is below /run.
  const isRoot = process.getuid!() === 0;
  if (isRoot) await command(["mount", "-t", "tmpfs", "-o", "mode=700", "berth-bench", run]);
  // A Node of its own: what another engine or this process shared of it would count for less.
  const node = join(at, "node");
  copyFileSync(process.execPath, node);
  const env = { ...process.env, BERTH_ROOT: at, BERTH_RUNTIME: runtime, BERTH_NODE: node };
  const program = join(root, "dist/berth");
  await command([program, "engine", "start"], { env });
  await command([program, "import", tar, "bb"], { env });
  const host = (await command([program, "engine", "socket"], { env })).trim();
  return {
    name: `berth (${runtime})`,
    folder: env.BERTH_ROOT,
    env: { ...env, DOCKER_HOST: host },
    cli: (...args) => ["docker", ...args],
    stop: async () => {
      await command([program, "engine", "stop"], { env });
      if (isRoot) await command(["umount", "-l", run]);
    },
  };
}

/** Debian's dockerd in namespaces of its own; undefined where it is not installed, or without root. */
export async function docker(folder: string, tar: string): Promise<Peer | undefined> {
  if (cannotRunDockerd()) return undefined;
  const { socket, stop } = await startDockerd(join(folder, "docker"));
  const env = { ...process.env, DOCKER_HOST: socket };
  await command(["docker", "import", tar, "bb"], { env });
  return {
    name: "docker (runc)",
    folder: join(folder, "docker"),
    env,
    cli: (...args) => ["docker", ...args],
    stop,
  };
}
