/**
 * Pulls of a Debian image (three layers, 300 MB) from a local registry: Berth, podman, skopeo (which unpacks nothing) and
 * docker in turn, each round with fresh storage, because deleting big trees slows down whatever writes next. Ratios are those
 * of one round, in the middle of all rounds. Needs root and
 * docker-registry; peers that are missing are passed over. Run: `node test/bench/pull.ts [rounds]`.
 */
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { root, which } from "../../scripts/setup.mjs";
import { largeImage } from "../support/large-image.ts";

const PORT = 5056;
const IMAGE = `127.0.0.1:${PORT}/large:1`;
const rounds = Number(process.argv[2] ?? 3);
const folder = mkdtempSync(join(tmpdir(), "berth-bench-pull-"));

const quiet = (argv: string[], env: NodeJS.ProcessEnv = process.env): string =>
  execFileSync(argv[0]!, argv.slice(1), { env, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });

interface Cost {
  wallMs: number;
  /** User and system time of everything that the pull was: the command, the engine, its children. */
  cpuMs: number;
}

/** Runs a command in a shell, which knows what its children cost. */
async function timed(argv: string[], env: NodeJS.ProcessEnv = process.env): Promise<Cost> {
  const started = performance.now();
  const child = spawn("bash", ["-c", `"$@" > /dev/null || exit 1; times`, "bash", ...argv], { env, stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => (output += String(chunk)));
  const [code] = (await once(child, "close")) as [number];
  if (code !== 0) throw new Error(`${argv.join(" ")} failed`);
  const [user, system] = [...output.split("\n")[1]!.matchAll(/(\d+)m([\d.]+)s/g)].map(([, m, s]) => Number(m) * 60_000 + Number(s) * 1000);
  return { wallMs: performance.now() - started, cpuMs: user! + system! };
}

/** What a process and those of its children that have ended used so far, and all that are below it and have not, registries aside. */
function usedMs(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const name = stat.slice(stat.indexOf("(") + 1, stat.lastIndexOf(")"));
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = name.startsWith("docker-regist") ? 0 : fields.slice(11, 15).reduce((sum, each) => sum + Number(each), 0);
  const children = readdirSync(`/proc/${pid}/task`).flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, "utf8").split(" ").filter(Boolean)); // oxfmt-ignore
  return ticks * 10 + children.reduce((sum, child) => sum + usedMs(Number(child)), 0);
}

async function until(isReady: () => boolean): Promise<void> {
  while (!isReady()) await new Promise((done) => setTimeout(done, 50));
}

function answers(command: string[], env: NodeJS.ProcessEnv = process.env): boolean {
  try {
    execFileSync(command[0]!, command.slice(1), { env, stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

let peak = 0;
const results: Record<string, Cost[]> = {};

/** @param isWatched looks at the engine's memory twenty times a second, which takes time of its own */
async function berth(directory: string, isWatched = false): Promise<Cost> {
  const env = { ...process.env, BERTH_ROOT: directory };
  const program = join(root, "dist/berth");
  mkdirSync(directory, { recursive: true });
  quiet([program, "engine", "start"], env);
  const { pid } = JSON.parse(quiet([program, "engine", "status", "--format", "json"], env)) as { pid: number };
  const before = usedMs(pid);
  const watch = isWatched && setInterval(() => (peak = Math.max(peak, memoryOf(pid))), 50);
  const { wallMs, cpuMs } = await timed([program, "pull", "-q", IMAGE], env);
  if (watch) clearInterval(watch);
  const used = usedMs(pid) - before;
  quiet([program, "engine", "stop"], env);
  return { wallMs, cpuMs: cpuMs + used };
}

/** Megabytes that a process has in memory, what it shares counted by parts. */
function memoryOf(pid: number): number {
  return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, "utf8"))![1]) / 1024;
}

/** dockerd has a network of its own, and so its own registry on the same files. */
async function docker(directory: string): Promise<Cost> {
  mkdirSync(directory, { recursive: true });
  const host = `unix://${join(directory, "sock")}`;
  const daemon = `dockerd --iptables=false --bridge=none --data-root ${directory}/data --exec-root ${directory}/exec --pidfile ${directory}/pid -H ${host}`;
  const script = `mount -t proc proc /proc; ip link set lo up; docker-registry serve ${config} & exec ${daemon}`;
  const child = spawn("unshare", ["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", script], { stdio: "ignore" });
  const env = { ...process.env, DOCKER_HOST: host };
  await until(() => existsSync(join(directory, "sock")) && answers(["docker", "version"], env));
  const before = usedMs(child.pid!);
  const { wallMs, cpuMs } = await timed(["docker", "pull", "-q", IMAGE], env);
  const used = usedMs(child.pid!) - before;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  return { wallMs, cpuMs: cpuMs + used };
}

const podman = (at: string): Promise<Cost> =>
  timed(["podman", "--root", `${at}-data`, "--runroot", `${at}-run`, "pull", "-q", "--tls-verify=false", IMAGE]);
const skopeo = (at: string): Promise<Cost> =>
  timed(["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", `docker://${IMAGE}`, `dir:${at}`]);

const peers: Record<string, (directory: string) => Promise<Cost>> = {
  berth,
  ...(which("podman") && { podman }),
  ...(which("dockerd") && { docker }),
  "skopeo (no unpacking)": skopeo,
};

function report(): void {
  const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  const column = (name: string, kind: keyof Cost): string => {
    const value = middle(results[name]!.map((cost) => cost[kind]));
    const ratios = results[name]!.map((cost, i) => cost[kind] / results["berth"]![i]![kind]);
    return `${value.toFixed(0).padStart(6)} ms ${middle(ratios).toFixed(2).padStart(5)}×`;
  };
  for (const name of Object.keys(results)) console.log(`${name.padEnd(22)} wall ${column(name, "wallMs")}   CPU ${column(name, "cpuMs")}`);
  console.log(`engine's peak PSS ${peak.toFixed(0)} MB`);
}

const large = await largeImage();
if ("missing" in large) throw new Error(large.missing);
const config = join(folder, "registry.yml");
const storage = join(folder, "registry");
writeFileSync(config, `version: 0.1\nlog: {level: error}\nstorage: {filesystem: {rootdirectory: ${storage}}}\nhttp: {addr: "127.0.0.1:${PORT}"}\n`); // oxfmt-ignore
const registry = spawn("docker-registry", ["serve", config], { stdio: "ignore" });
try {
  await until(() => answers(["skopeo", "list-tags", "--tls-verify=false", `docker://127.0.0.1:${PORT}/none`]) || answers(["sh", "-c", `: < /dev/null; curl -fs http://127.0.0.1:${PORT}/v2/`])); // oxfmt-ignore
  quiet(["skopeo", "copy", "-q", "--insecure-policy", "--dest-tls-verify=false", `oci:${large.layout}:large`, `docker://${IMAGE}`]);
  for (let round = 0; round < rounds; round++) {
    // Whoever comes first has the quieter disk: each is first in turn.
    const names = Object.keys(peers);
    for (const name of [...names.slice(round % names.length), ...names.slice(0, round % names.length)])
      (results[name] ??= []).push(await peers[name]!(join(folder, `${name.split(" ")[0]}-${round}`)));
  }
  await berth(join(folder, "berth-memory"), true);
  report();
} finally {
  registry.kill();
  rmSync(folder, { recursive: true, force: true });
}
