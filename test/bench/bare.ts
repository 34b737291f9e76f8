/**
 * A start by the API, and what it is compared with: the OCI runtime alone, with the very config that the engine gave it.
 *
 * Both are laid out as on a user's machine: root file systems on the disk, and what a reboot may take (the engine's run
 * directory; the bundle's config, its small files and the runtime's state) on a tmpfs, as /run is.
 */
import { spawn } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { connect } from "../../engine/client/client.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { command, which } from "../../scripts/setup.mjs";
import { makeBusyboxRoot } from "../support/busybox.ts";
import { outsideUnified } from "./outside-unified.ts";
import type { Peer } from "./peers.ts";

const clients = new Map<Peer, DockerClient>();

function clientOf(peer: Peer): DockerClient {
  const client = clients.get(peer) ?? connect(peer.env["DOCKER_HOST"]!);
  clients.set(peer, client);
  return client;
}

/** Create, start, wait and remove, without a network: what `crun run` does. */
export async function startByApi(peer: Peer): Promise<void> {
  const { containers } = clientOf(peer);
  const { Id } = await containers.create({ Image: "bb", Cmd: ["true"], HostConfig: { NetworkMode: "none" } });
  const ended = containers.wait(Id, { condition: "next-exit" });
  await containers.start(Id);
  await ended;
  await containers.remove(Id);
}

/** One runtime that runs a bundle by itself, time after time. */
export interface Bare {
  /** As which its numbers are shown. */
  readonly name: string;
  /** Runs it once; milliseconds. */
  run(): Promise<number>;
  stop(): Promise<void>;
}

/** Each runtime that an engine of ours uses, ready to run by itself; nothing where it refuses to. */
export async function bareRuntimes(peers: readonly Peer[]): Promise<Bare[]> {
  const all: Bare[] = [];
  for (const peer of peers) {
    const [, runtime] = /^berth \((\w+)\)$/.exec(peer.name) ?? [];
    if (!runtime || !which(runtime)) continue;
    const bare = await startBare(peer, runtime);
    try {
      // The first one is slower, for all engines.
      await bare.run();
      all.push(bare);
    } catch (error) {
      console.log(`bare ${runtime} is left out: ${(error as Error).message}`);
      await bare.stop();
    }
  }
  return all;
}

async function startBare(peer: Peer, runtime: string): Promise<Bare> {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-bare-"));
  const [rootfs, bundle] = [join(folder, "rootfs"), join(folder, "bundle")];
  for (const directory of [rootfs, bundle]) mkdirSync(directory);
  await makeBusyboxRoot(rootfs);
  await command(["mount", "-t", "tmpfs", "-o", "mode=755", "berth-bench", bundle]);
  const stop = async (): Promise<void> => {
    child?.kill();
    await command(["umount", "-l", bundle]);
    rmSync(folder, { recursive: true });
  };
  let child: ReturnType<typeof spawn> | undefined;
  try {
    writeFileSync(join(bundle, "config.json"), await configOf(peer, { rootfs, bundle }));
    const script = join(import.meta.dirname, "bare-run.ts");
    const [program = "", ...args] = outsideUnified([process.execPath, script, runtime, bundle, join(bundle, "state")]);
    const runner = spawn(program, args, { stdio: ["pipe", "pipe", "inherit"] });
    child = runner;
    const lines = createInterface({ input: runner.stdout })[Symbol.asyncIterator]();
    const run = async (): Promise<number> => {
      runner.stdin.write("\n");
      const { value, done } = await lines.next();
      if (done) throw new Error(`${runtime} does not run by itself`);
      return Number(value);
    };
    return { name: `bare ${runtime} run`, run, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The config of a container of that engine, with a root, files and namespaces of its own instead of the engine's. */
async function configOf(peer: Peer, place: { rootfs: string; bundle: string }): Promise<string> {
  const { containers } = clientOf(peer);
  const { Id } = await containers.create({ Image: "bb", Cmd: ["sleep", "1000"], HostConfig: { NetworkMode: "none" } });
  await containers.start(Id);
  const text = readFileSync(join(peer.folder, "run/tasks", Id, "config.json"), "utf8");
  // Numbers that JavaScript does not have stay as they are.
  const spec = JSON.parse(text.replaceAll("18446744073709551615", "9007199254740991")) as {
    process: { args: string[] };
    root: { path: string };
    mounts: { type: string; source: string }[];
    linux: { cgroupsPath: string; namespaces: { path?: string }[] };
  };
  for (const mount of spec.mounts.filter(({ type }) => type === "bind")) {
    const copy = join(place.bundle, mount.source.split("/").at(-1)!);
    cpSync(mount.source, copy);
    mount.source = copy;
  }
  await containers.remove(Id, { force: true });
  spec.process.args = ["true"];
  spec.root.path = place.rootfs;
  spec.linux.cgroupsPath = `/berth-bench-${process.pid}`;
  for (const namespace of spec.linux.namespaces) delete namespace.path;
  return JSON.stringify(spec).replaceAll("9007199254740991", "18446744073709551615");
}
