/**
 * Benchmarks: each row is measured for all engines in turn, round after round, so that the machine's moods hit all alike.
 * The result is a ratio to docker, never a verdict by the clock.
 */
import { spawn } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { command, installSystemPackages, root, step } from "../../scripts/setup.mjs";
import { startPeers } from "./peers.ts";
import type { Peer } from "./peers.ts";

interface Row {
  readonly title: string;
  readonly rounds: number;
  readonly measure: (peer: Peer) => Promise<void>;
}

const rows: Row[] = [
  {
    title: "run --rm --network none bb true",
    rounds: 15,
    measure: (peer) => quietly(peer, peer.cli("run", "--rm", "--network", "none", "bb", "true")),
  },
  { title: "run --rm bb true (bridge)", rounds: 15, measure: (peer) => quietly(peer, peer.cli("run", "--rm", "bb", "true")) },
  {
    title: "20 at once, bridge",
    rounds: 2,
    measure: async (peer) =>
      void (await Promise.all(Array.from({ length: 20 }, () => quietly(peer, peer.cli("run", "--rm", "bb", "true"))))),
  },
];

/** Runs all rows and prints them; the numbers also go to test-output/bench.json. */
export async function bench(): Promise<number> {
  await installSystemPackages([{ program: "dockerd", package: "docker.io", why: "to compare with" }]);
  await step("Build Berth", () => command([process.execPath, "scripts/build.ts"]).then(() => ""));
  const peers = await startPeers();
  const results: Record<string, Record<string, number[]>> = {};
  try {
    for (const row of rows) results[row.title] = await interleaved(row, peers);
  } finally {
    for (const peer of peers) await peer.stop();
  }
  mkdirSync(join(root, "test-output"), { recursive: true });
  writeFileSync(join(root, "test-output/bench.json"), JSON.stringify(results, null, 2));
  for (const [title, times] of Object.entries(results)) print(title, times);
  return 0;
}

async function interleaved(row: Row, peers: Peer[]): Promise<Record<string, number[]>> {
  const times: Record<string, number[]> = Object.fromEntries(peers.map((peer) => [peer.name, []]));
  for (const peer of peers) await row.measure(peer);
  for (let round = 0; round < row.rounds; round++)
    for (const peer of peers) {
      const started = performance.now();
      await row.measure(peer);
      times[peer.name]!.push(performance.now() - started);
    }
  return times;
}

function print(title: string, times: Record<string, number[]>): void {
  const reference = times["docker (runc)"];
  console.log(`\n${title}`);
  for (const [name, values] of Object.entries(times)) {
    const ratio = reference ? `  ${(median(reference) / median(values)).toFixed(1)}× docker` : "";
    console.log(
      `  ${name.padEnd(16)} p50 ${median(values).toFixed(0).padStart(5)} ms   min ${Math.min(...values)
        .toFixed(0)
        .padStart(5)} ms${ratio}`,
    );
  }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

function quietly(peer: Peer, argv: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(argv[0]!, argv.slice(1), { env: peer.env, stdio: ["ignore", "ignore", "pipe"] });
    let stderr = "";
    child.stderr.on("data", (data: Buffer) => (stderr += data.toString()));
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve() : reject(new Error(`${peer.name}: exit ${code}: ${stderr}`))));
  });
}
