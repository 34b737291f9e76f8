/** What a running engine costs beside time: memory when it has nothing to do, and processors when a container prints. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { command } from "../../scripts/setup.mjs";
import { commandLine, processesOf } from "../support/processes.ts";
import type { Peer } from "./peers.ts";

const PRINTED = 1_000_000_000;
/** An engine is idle when it has had nothing to do for a while. */
const IDLE_MS = 12_000;
/** How the processes of the containers here begin. */
const CONTAINERS = /^(sh -c (yes|until) |yes \d|head -c |touch \/done|sleep [\d.]+ )/;

/** MB of all that an engine keeps running without containers; who has no daemon keeps nothing. */
export async function idleMemory(peers: readonly Peer[]): Promise<Record<string, number[]>> {
  await delay(IDLE_MS);
  return Object.fromEntries(peers.map((peer) => [peer.name, [processes(peer).reduce((sum, pid) => sum + pssKb(pid), 0) / 1024]]));
}

/** One container of each in turn prints; CPU is that of all the engine's processes, supervisors and monitors included. */
export async function printing(peers: readonly Peer[]): Promise<{ cpuMs: Record<string, number[]>; wallMs: Record<string, number[]> }> {
  const cpuMs: Record<string, number[]> = {};
  const wallMs: Record<string, number[]> = {};
  for (const peer of peers) {
    const docker = async (verb: string, ...args: string[]): Promise<string> => command(peer.cli(verb, ...args), { env: peer.env });
    const script = `yes 0123456789012345678901234567890123456789012345678901234567890123456789 | head -c ${PRINTED}; touch /done; sleep 1000`;
    const before = computed(peer);
    const started = performance.now();
    await docker("run", "-d", "--name", "prints", "--network", "none", "bb", "sh", "-c", script);
    await docker("exec", "prints", "sh", "-c", "until [ -e /done ]; do sleep 0.05; done");
    wallMs[peer.name] = [performance.now() - started];
    cpuMs[peer.name] = [[...computed(peer)].reduce((sum, [pid, time]) => sum + time - (before.get(pid) ?? 0), 0)];
    await docker("rm", "-f", "prints");
  }
  return { cpuMs, wallMs };
}

/** All processes that work for the engine, without those of its containers. */
function processes(peer: Peer): number[] {
  const all = processesOf(peer.folder);
  return all.filter((pid) => pid !== peer.keeper && !CONTAINERS.test(commandLine(pid)));
}

/** KiB of memory in proportion to who shares it. */
function pssKb(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(text(`/proc/${pid}/smaps_rollup`))?.[1] ?? 0);
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
