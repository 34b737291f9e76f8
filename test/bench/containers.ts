/**
 * What a running engine costs, beside docker in the same run: `exec`, CPU for a container that prints 200 MB, memory of all
 * processes of the engine that has nothing to do (PSS), and a start by the API beside a bare `crun run`.
 * `npm run bench -- containers`.
 */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { connect } from "../../engine/client/client.ts";
import { command } from "../../scripts/setup.mjs";
import { makeBusyboxRoot } from "../support/busybox.ts";
import { commandLine, processesOf } from "../support/processes.ts";
import { medianOf } from "./median.ts";
import { startPeers } from "./peers.ts";
import type { Peer } from "./peers.ts";

const PRINTED = 200_000_000;
/** An engine is idle when it has had nothing to do for a while. */
const IDLE_MS = 12_000;

/** Measures every engine that speaks Docker's API and prints a table. */
export async function benchContainers(): Promise<void> {
  const peers = await startPeers();
  try {
    const bareMs = await bareStarts().catch((error: Error) => error.message);
    console.log("bare crun run   ", bareMs);
    for (const peer of peers) {
      if (!peer.env["DOCKER_HOST"]) continue;
      const measured = await measure(peer);
      const timesBare = typeof bareMs === "number" ? { timesBare: Math.round((measured.startMs / bareMs) * 10) / 10 } : {};
      console.log(peer.name.padEnd(16), JSON.stringify({ ...measured, ...timesBare }));
    }
  } finally {
    for (const peer of peers) await peer.stop();
  }
}

async function measure(peer: Peer): Promise<Record<string, number> & { startMs: number }> {
  await delay(IDLE_MS);
  const idlePssMb = Math.round(memory(peer) / 1024);
  const startMs = await starts(peer);
  const execMs = await execs(peer);
  return { idlePssMb, startMs, execMs, ...(await printing(peer)) };
}

/** All processes that work for the engine, without those of its containers. */
function processes(peer: Peer): number[] {
  return processesOf(peer.folder).filter((pid) => !/^(sh -c yes|yes |head |sleep |touch )/.test(commandLine(pid)));
}

/** KiB of memory in proportion to who shares it. */
function memory(peer: Peer): number {
  return processes(peer).reduce((sum, pid) => sum + Number(/^Pss:\s+(\d+)/m.exec(text(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0), 0);
}

/** Milliseconds that all of them have computed, by pid. */
function computed(peer: Peer): Map<number, number> {
  const perTick = 1000 / Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
  return new Map(
    processes(peer).map((pid) => {
      const fields = text(`/proc/${pid}/stat`).split(") ").at(-1)!.split(" ");
      return [pid, (Number(fields[11]) + Number(fields[12])) * perTick];
    }),
  );
}

function text(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Create, start and wait by the API, without a network: what `crun run` does. */
async function starts(peer: Peer): Promise<number> {
  const client = connect(peer.env["DOCKER_HOST"]!);
  const once = async (): Promise<void> => {
    const { Id } = await client.containers.create({ Image: "bb", Cmd: ["true"], HostConfig: { NetworkMode: "none" } });
    const ended = client.containers.wait(Id, { condition: "next-exit" });
    await client.containers.start(Id);
    await ended;
    await client.containers.remove(Id);
  };
  return medianOf(once);
}

async function execs(peer: Peer): Promise<number> {
  const docker = (...args: string[]): Promise<string> => command(["docker", ...args], { env: peer.env });
  await docker("run", "-d", "--name", "long", "--network", "none", "bb", "sleep", "1000");
  const time = await medianOf(() => docker("exec", "long", "true").then(() => undefined));
  await docker("rm", "-f", "long");
  return time;
}

async function printing(peer: Peer): Promise<{ printMs: number; printCpuMs: number }> {
  const docker = (...args: string[]): Promise<string> => command(["docker", ...args], { env: peer.env });
  const before = computed(peer);
  const started = performance.now();
  const script = `yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c ${PRINTED}; touch /done; sleep 1000`;
  await docker("run", "-d", "--name", "prints", "--network", "none", "bb", "sh", "-c", script);
  await docker("exec", "prints", "sh", "-c", "until [ -e /done ]; do sleep 0.05; done");
  const printMs = Math.round(performance.now() - started);
  const after = [...computed(peer)];
  const printCpuMs = Math.round(after.reduce((sum, [pid, time]) => sum + time - (before.get(pid) ?? 0), 0));
  await docker("rm", "-f", "prints");
  return { printMs, printCpuMs };
}

/** Hides what crun refuses; where there is nothing of it, there is nothing to hide. */
const HIDE = `f=/sys/fs/cgroup/unified/cgroup.controllers; [ ! -e $f ] || mount --bind /dev/null $f; exec "$@"`;

async function bareStarts(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-crun-"));
  mkdirSync(join(folder, "rootfs"));
  await makeBusyboxRoot(join(folder, "rootfs"));
  await command(["crun", "spec"], { cwd: folder });
  const spec = JSON.parse(readFileSync(join(folder, "config.json"), "utf8")) as { process: { terminal: boolean; args: string[] } };
  Object.assign(spec.process, { terminal: false, args: ["true"] });
  writeFileSync(join(folder, "config.json"), JSON.stringify(spec));
  const inside = [process.execPath, join(import.meta.dirname, "bare-crun.ts"), folder];
  const said = await command(["unshare", "--mount", "sh", "-c", HIDE, "sh", ...inside]);
  rmSync(folder, { recursive: true });
  return Number(said);
}
