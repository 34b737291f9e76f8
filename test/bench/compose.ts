/**
 * Fifty services up and down: `berth compose` on Berth beside docker compose on docker, in turns, and an up that has nothing to do.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, root } from "../../scripts/setup.mjs";
import { startPeers } from "./peers.ts";
import type { Peer } from "./peers.ts";

const SERVICES = Number(process.env["BERTH_BENCH_SERVICES"] ?? 50);
const DOCKER = "docker compose on docker";
const ROUNDS = Number(process.env["BERTH_BENCH_ROUNDS"] ?? 3);

interface Contender {
  readonly name: string;
  readonly compose: readonly string[];
  readonly env: NodeJS.ProcessEnv;
}

/** Seconds of each round, by contender and row. */
type ComposeTimes = Record<string, Record<string, number[]>>;

/** Measures and prints Berth beside docker, where that is installed. */
export async function benchCompose(): Promise<void> {
  await command([process.execPath, "scripts/build.ts"]);
  const peers = await startPeers();
  try {
    for (const [title, times] of Object.entries(await measure(peers))) print(title, times);
  } finally {
    for (const peer of peers)
      await peer.stop().catch((error: Error) => console.log(`  ${peer.name} left something behind: ${error.message}`));
  }
}

function print(title: string, times: Record<string, number[]>): void {
  const reference = times[DOCKER];
  console.log(`\n${SERVICES} services: ${title}`);
  for (const [name, values] of Object.entries(times)) {
    const ratio = reference && name !== DOCKER ? `  ${(median(reference) / median(values)).toFixed(1)}× docker` : "";
    console.log(
      `  ${name.padEnd(26)} p50 ${median(values).toFixed(2).padStart(6)} s   min ${Math.min(...values)
        .toFixed(2)
        .padStart(6)} s${ratio}`,
    );
  }
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

async function measure(peers: readonly Peer[]): Promise<ComposeTimes> {
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-compose-"));
  try {
    writeFileSync(join(folder, "compose.yaml"), composeFile());
    const contenders = await contendersOf(peers);
    const times: ComposeTimes = { up: {}, "up, nothing to do": {}, down: {} };
    for (let round = 0; round < ROUNDS; round++)
      for (const contender of contenders) {
        const { name } = contender;
        (times["up"]![name] ??= []).push(await seconds({ ...contender, round }, folder, ["up", "-d"]));
        for (let again = 0; again < 5; again++)
          (times["up, nothing to do"]![name] ??= []).push(await seconds({ ...contender, round }, folder, ["up", "-d"]));
        (times["down"]![name] ??= []).push(await seconds({ ...contender, round }, folder, ["down", "-t", "0"]));
      }
    return times;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function composeFile(): string {
  const service = (at: number): string =>
    `  s${at}: {image: bb, command: [sleep, "100000"], init: true${at > 0 ? `, depends_on: [s${Math.trunc((at - 1) / 5)}]` : ""}}\n`;
  return `name: fifty\nservices:\n${Array.from({ length: SERVICES }, (_service, at) => service(at)).join("")}`;
}

async function contendersOf(peers: readonly Peer[]): Promise<Contender[]> {
  const own = peers.find(({ name }) => name.startsWith("berth"));
  const docker = peers.find(({ name }) => name.startsWith("docker"));
  const found: Contender[] = own ? [{ name: "berth compose", compose: [join(root, "dist/berth"), "compose"], env: own.env }] : [];
  if (!docker) return found;
  const env = {
    ...docker.env,
    ...(process.env["BERTH_TEST_CLI_PLUGINS"] ? { DOCKER_CONFIG: await configuration(process.env["BERTH_TEST_CLI_PLUGINS"]) } : {}),
  };
  const there = await command(["docker", "compose", "version"], { env }).then(
    () => true,
    () => false,
  );
  return there ? [...found, { name: DOCKER, compose: ["docker", "compose"], env }] : found;
}

async function configuration(plugins: string): Promise<string> {
  const folder = join(tmpdir(), `berth-bench-config-${process.pid}`);
  mkdirSync(folder, { recursive: true });
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  await command(["cp", "-rL", plugins, join(folder, "cli-plugins")]);
  return folder;
}

async function seconds({ compose, env, round }: Contender & { round: number }, cwd: string, words: readonly string[]): Promise<number> {
  const begun = performance.now();
  const run = (): Promise<string> => command([...compose, "-p", `fifty${round}`, ...words], { env, cwd });
  // An older dockerd forgets at times to let go of a network: the containers are gone, and the next round has its own project.
  await run().catch((error: unknown) => {
    if (words[0] !== "down" || !String(error).includes("has active endpoints")) throw error;
  });
  const time = (performance.now() - begun) / 1000;
  return time;
}
