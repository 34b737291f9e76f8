/**
 * Pulls of a Debian image (three layers, 300 MB) from a local registry: Berth, podman, skopeo (which unpacks nothing) and
 * docker in turn, each round with fresh storage, because deleting big trees slows down whatever writes next. Needs root and
 * docker-registry; peers that are missing are passed over. Run: `node test/bench/pull.ts [rounds]`.
 */
import { execFileSync, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
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

function timed(argv: string[], env?: NodeJS.ProcessEnv): number {
  const started = performance.now();
  quiet(argv, env);
  return performance.now() - started;
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
const results: Record<string, number[]> = {};

function berth(directory: string): number {
  const env = { ...process.env, BERTH_ROOT: directory };
  const program = join(root, "dist/berth");
  mkdirSync(directory, { recursive: true });
  quiet([program, "engine", "start"], env);
  const elapsed = timed([program, "pull", "-q", IMAGE], env);
  const { pid } = JSON.parse(quiet([program, "engine", "status", "--format", "json"], env)) as { pid: number };
  peak = Math.max(peak, Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))![1]) / 1024);
  quiet([program, "engine", "stop"], env);
  return elapsed;
}

/** dockerd has a network of its own, and so its own registry on the same files. */
async function docker(directory: string, config: string): Promise<number> {
  mkdirSync(directory, { recursive: true });
  const host = `unix://${join(directory, "sock")}`;
  const daemon = `dockerd --iptables=false --bridge=none --data-root ${directory}/data --exec-root ${directory}/exec --pidfile ${directory}/pid -H ${host}`;
  const script = `ip link set lo up; docker-registry serve ${config} & exec ${daemon}`;
  const child = spawn(
    "unshare",
    ["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", `mount -t proc proc /proc; ${script}`],
    {
      stdio: "ignore",
    },
  );
  const env = { ...process.env, DOCKER_HOST: host };
  await until(() => existsSync(join(directory, "sock")) && answers(["docker", "version"], env));
  const elapsed = timed(["docker", "pull", "-q", IMAGE], env);
  const ended = new Promise((done) => child.once("exit", done));
  child.kill("SIGKILL");
  await ended;
  return elapsed;
}

function report(): void {
  const middle = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  for (const [name, values] of Object.entries(results))
    console.log(`${name.padEnd(22)} p50 ${middle(values).toFixed(0).padStart(6)} ms   ${(middle(values) / middle(results["berth"]!)).toFixed(2)}× berth`); // oxfmt-ignore
  console.log(`engine's peak RSS ${peak.toFixed(0)} MB`);
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
    const at = (name: string): string => join(folder, `${name}-${round}`);
    (results["berth"] ??= []).push(berth(at("berth")));
    if (which("podman"))
      (results["podman"] ??= []).push(
        timed(["podman", "--root", at("pod"), "--runroot", at("podrun"), "pull", "-q", "--tls-verify=false", IMAGE]),
      );
    const copy = ["skopeo", "copy", "-q", "--insecure-policy", "--src-tls-verify=false", `docker://${IMAGE}`, `dir:${at("dir")}`];
    (results["skopeo (no unpacking)"] ??= []).push(timed(copy));
    if (which("dockerd")) (results["docker"] ??= []).push(await docker(at("docker"), config));
  }
  report();
} finally {
  registry.kill();
  rmSync(folder, { recursive: true, force: true });
}
