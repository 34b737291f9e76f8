/**
 * `npm run bench`: containers beside docker and podman in one run. Each row is measured for all engines in turn, round after
 * round, so that the machine's moods hit all alike. The result is a ratio to docker, never a verdict by the clock.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, installSystemPackages, root, step } from "../../scripts/setup.mjs";
import { bareRuntimes, startByApi } from "./bare.ts";
import type { Bare } from "./bare.ts";
import { idleMemory, printing } from "./cost.ts";
import { startPeers } from "./peers.ts";
import type { Peer } from "./peers.ts";

/** Numbers by peer, smaller is better; a peer that has none is left out. */
type Results = Record<string, number[]>;

interface Row {
  readonly title: string;
  readonly unit: "ms" | "MB";
  readonly rounds: number;
  /** The number of one round; undefined when it is the time that the call takes. */
  readonly measure: (peer: Peer) => Promise<number | void>;
  readonly has?: (peer: Peer) => boolean;
}

const NONE = ["--network", "none"];
/** A container of every peer in which commands are run. */
const LONG = "berth-bench-long";

const rows: Row[] = [
  { title: "the command alone, version", unit: "ms", rounds: 15, measure: async (peer) => quietly(peer, "version") },
  {
    title: "start, run --rm --network none bb true",
    unit: "ms",
    rounds: 15,
    measure: async (peer) => quietly(peer, "run", "--rm", ...NONE, "bb", "true"),
  },
  {
    title: "start, run --rm bb true (bridge)",
    unit: "ms",
    rounds: 15,
    measure: async (peer) => quietly(peer, "run", "--rm", "bb", "true"),
  },
  {
    title: "20 at once, run --rm bb true (bridge)",
    unit: "ms",
    rounds: 5,
    measure: async (peer) => void (await Promise.all(Array.from({ length: 20 }, async () => quietly(peer, "run", "--rm", "bb", "true")))),
  },
  { title: "exec true", unit: "ms", rounds: 15, measure: async (peer) => quietly(peer, "exec", LONG, "true") },
  {
    title: "start by the API: create, wait, start, remove (network none)",
    unit: "ms",
    rounds: 15,
    measure: startByApi,
    has: ({ env }) => env["DOCKER_HOST"] !== undefined,
  },
];

/** Runs all rows and prints them; the numbers also go to test-output/bench.json. */
export async function bench(): Promise<number> {
  await installSystemPackages([{ program: "dockerd", package: "docker.io", why: "to compare with" }]);
  await step("Build Berth", () => command([process.execPath, "scripts/build.ts"]).then(() => ""));
  const peers = await startPeers();
  const all: Record<string, Results> = {};
  const report = (title: string, unit: Row["unit"], results: Results): void => print(title, unit, (all[title] = results));
  try {
    report("idle memory (PSS of all processes, nothing runs)", "MB", await idleMemory(peers));
    for (const peer of peers) await command(peer.cli("run", "-d", "--name", LONG, ...NONE, "bb", "sleep", "100000"), { env: peer.env });
    for (const row of rows) {
      const bare = row.measure === startByApi ? await bareRuntimes(peers) : [];
      report(row.title, row.unit, await interleaved(row, peers, bare));
      for (const each of bare) await each.stop();
    }
    const printed = await printing(peers);
    report("1 GB of log: CPU of the engine", "ms", printed.cpuMs);
    report("1 GB of log: wall", "ms", printed.wallMs);
  } finally {
    for (const peer of peers) await peer.stop();
  }
  mkdirSync(join(root, "test-output"), { recursive: true });
  writeFileSync(join(root, "test-output/bench.json"), JSON.stringify(all, null, 2));
  return 0;
}

async function interleaved(row: Row, all: readonly Peer[], bare: readonly Bare[]): Promise<Results> {
  const peers = all.filter((peer) => row.has?.(peer) ?? true);
  const results: Results = Object.fromEntries(peers.map((peer) => [peer.name, []]));
  for (const peer of peers) await row.measure(peer);
  for (let round = 0; round < row.rounds; round++) {
    for (const peer of peers) {
      const started = performance.now();
      const measured = await row.measure(peer);
      results[peer.name]!.push(measured ?? performance.now() - started);
    }
    for (const { name, run } of bare) (results[name] ??= []).push(await run());
  }
  return results;
}

function print(title: string, unit: string, results: Results): void {
  console.log(`\n${title}`);
  for (const [name, values] of Object.entries(results)) {
    const words = [name.padEnd(24), `${median(values).toFixed(0).padStart(6)} ${unit}`];
    if (values.length > 1) words.push(`  min ${Math.min(...values).toFixed(0)} ${unit}`.padEnd(15));
    const docker = results["docker (runc)"];
    if (docker && median(values) > 0) words.push(`${(median(docker) / median(values)).toFixed(1)}× docker`);
    const alone = results[name.replace(/^berth \((.*)\)$/, "bare $1 run")];
    if (alone && alone !== values) words.push(`${(median(values) / median(alone)).toFixed(1)}× the time of the runtime alone`);
    console.log(`  ${words.join("  ")}`);
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function quietly(peer: Peer, verb: string, ...args: string[]): Promise<void> {
  const [program = "", ...rest] = peer.cli(verb, ...args);
  return new Promise((resolve, reject) => {
    const child = spawn(program, rest, { env: peer.env, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`${peer.name}: exit ${code}: ${stderr}`))));
  });
}
