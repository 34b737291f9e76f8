/** A start by the API, and what it is compared with: the OCI runtime alone, with the very config that the engine gave it. */
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
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

/** Milliseconds of `run` by each runtime that an engine of ours uses; nothing where it refuses to run by itself. */
export async function bareRuntime(peers: readonly Peer[]): Promise<Record<string, number[]>> {
  const results: Record<string, number[]> = {};
  for (const peer of peers) {
    const [, runtime] = /^berth \((\w+)\)$/.exec(peer.name) ?? [];
    if (!runtime || !which(runtime)) continue;
    const measured = await bareStarts(peer, runtime).catch((error: Error) => console.log(`bare ${runtime} is left out: ${error.message}`));
    if (measured) results[`bare ${runtime} run`] = measured;
  }
  return results;
}

async function bareStarts(peer: Peer, runtime: string): Promise<number[]> {
  const bundle = mkdtempSync(join(tmpdir(), "berth-bench-bare-"));
  try {
    mkdirSync(join(bundle, "rootfs"));
    await makeBusyboxRoot(join(bundle, "rootfs"));
    writeFileSync(join(bundle, "config.json"), await configOf(peer, bundle));
    const said = await command(outsideUnified([process.execPath, join(import.meta.dirname, "bare-run.ts"), runtime, bundle]));
    return JSON.parse(said) as number[];
  } finally {
    rmSync(bundle, { recursive: true });
  }
}

/** The config of a container of that engine, with a root, files and namespaces of its own instead of the engine's. */
async function configOf(peer: Peer, bundle: string): Promise<string> {
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
    const copy = join(bundle, mount.source.split("/").at(-1)!);
    cpSync(mount.source, copy);
    mount.source = copy;
  }
  await containers.remove(Id, { force: true });
  spec.process.args = ["true"];
  spec.root.path = join(bundle, "rootfs");
  spec.linux.cgroupsPath = `/berth-bench-${process.pid}`;
  for (const namespace of spec.linux.namespaces) delete namespace.path;
  return JSON.stringify(spec).replaceAll("9007199254740991", "18446744073709551615");
}
