/**
 * Networks beside docker and podman, as root and rootless: throughput with iperf3 (Gbit/s), connections a second through a
 * published port, and how long `network create`, `connect`, `disconnect` and `rm` take. `npm run bench -- networks`.
 */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, chmodSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { command, which } from "../../scripts/setup.mjs";
import { makeBusyboxRoot } from "../support/busybox.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { startEngine } from "../support/engine.ts";
import { testUser } from "../support/user.ts";
import type { As } from "../support/user.ts";

interface NetworkPeer {
  readonly name: string;
  /** argv of one of the engine's commands. */
  cli(...args: string[]): string[];
  /** argv that runs a program where published ports are. */
  host(...argv: string[]): string[];
  /** Whether containers reach this machine's address. */
  readonly hasOut: boolean;
  stop(): Promise<void>;
}

const SECONDS = 2;
const CONNECTIONS = 300;
const TURNS = 10;

/** Measures every peer that this machine has and prints a table. */
export async function benchNetworks(): Promise<void> {
  if (!which("iperf3")) return console.log("needs iperf3");
  const folder = mkdtempSync(join(tmpdir(), "berth-bench-"));
  chmodSync(folder, 0o755);
  const tar = await imageTar(folder);
  for (const make of [() => berth("root"), () => docker(folder), () => berth("user"), () => podman(folder)]) {
    const peer = await make();
    if (!peer) continue;
    try {
      console.log(peer.name.padEnd(20), JSON.stringify(await measure(peer, tar)));
    } finally {
      await peer.stop();
    }
  }
  rmSync(folder, { recursive: true, force: true });
}

/** A busybox with this machine's iperf3 and its libraries. */
async function imageTar(folder: string): Promise<string> {
  const root = join(folder, "root");
  await makeBusyboxRoot(root);
  const files = [...(await command(["ldd", "/usr/bin/iperf3"])).matchAll(/\/\S+/g)].map(([path]) => path);
  for (const path of [...files, "/usr/bin/iperf3"]) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    copyFileSync(path, join(root, path));
  }
  const tar = join(folder, "bench.tar");
  await command(["tar", "--numeric-owner", "--owner=0", "--group=0", "-C", root, "-cf", tar, "."]);
  chmodSync(tar, 0o644);
  return tar;
}

async function berth(as: As): Promise<NetworkPeer> {
  const engine = await startEngine({ as });
  const cli = (...args: string[]): string[] => ["docker", "-H", engine.socket, ...args];
  return { name: `berth, ${as}`, cli, host: (...argv) => argv, hasOut: true, stop: () => engine.remove() };
}

async function docker(folder: string): Promise<NetworkPeer | undefined> {
  if (cannotRunDockerd()) return undefined;
  const { socket, stop } = await startDockerd(join(folder, "docker"));
  const pid = readFileSync(join(folder, "docker", "pid"), "utf8").trim();
  const host = (...argv: string[]): string[] => ["nsenter", `--net=/proc/${pid}/ns/net`, ...argv];
  return { name: "docker, root", cli: (...args) => ["docker", "-H", socket, ...args], host, hasOut: false, stop };
}

function podman(folder: string): NetworkPeer | undefined {
  if (!which("podman")) return undefined;
  const user = testUser("user");
  const home = join(folder, "podman");
  mkdirSync(join(home, "run"), { recursive: true, mode: 0o700 });
  const as = [
    "setpriv",
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    "--clear-groups",
    "env",
    `HOME=${home}`,
    `XDG_RUNTIME_DIR=${home}/run`,
  ];
  // Without CAP_SYS_RESOURCE podman cannot raise the limits that it would like to set.
  const limits = ["--pids-limit=-1", "--ulimit", "nproc=1024:1024", "--ulimit", "nofile=1024:1024"];
  const cli = (...[verb = "", ...args]: string[]): string[] => [
    ...as,
    "podman",
    "--cgroup-manager=cgroupfs",
    "--runtime=runc",
    verb,
    ...(verb === "run" ? limits : []),
    ...args,
  ];
  return {
    name: "podman, user",
    cli,
    host: (...argv) => argv,
    hasOut: true,
    stop: () => command([...as, "podman", "unshare", "rm", "-rf", join(home, ".local")], { cwd: "/" }).then(() => undefined),
  };
}

async function measure(peer: NetworkPeer, tar: string): Promise<Record<string, number | string>> {
  const home = join(dirname(tar), "podman");
  if (peer.name.startsWith("podman")) await command(["chown", "-R", testUser("user").name, home]);
  const run = (...args: string[]): Promise<string> => command(peer.cli(...args), { cwd: "/" });
  await run("import", tar, basename(tar, ".tar"));
  await run("network", "create", "one");
  await run("run", "-d", "--name", "server", "--network", "one", "-p", "5301:5201", "bench", "iperf3", "-s");
  await run("run", "-d", "--name", "web", "--network", "one", "-p", "5380:80", "bench", "sh", "-c", "mkdir /w; httpd -f -p 80 -h /w");
  await run("run", "-d", "--name", "client", "--network", "one", "bench", "sleep", "600");
  const result: Record<string, number | string> = {};
  try {
    // By address: podman 4 has names only with a plugin.
    const format = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}";
    const server = (await run("inspect", "-f", format, "server")).trim();
    const between = ["exec", "client", "iperf3", "-c", server, "-t", String(SECONDS), "-J"];
    result["between Gbit/s"] = gigabits(await run(...between));
    result["published Gbit/s"] = gigabits(await command(peer.host("iperf3", "-c", "127.0.0.1", "-p", "5301", "-t", String(SECONDS), "-J")));
    if (peer.hasOut) Object.assign(result, await out(run));
    const script = `i=0; while [ $i -lt ${CONNECTIONS} ]; do exec 3<>/dev/tcp/127.0.0.1/5380; printf 'GET /x HTTP/1.0\\r\\n\\r\\n' >&3; read -r line <&3; exec 3>&-; i=$((i+1)); done`;
    const started = performance.now();
    await command(peer.host("bash", "-c", script));
    result["connections/s"] = Math.round((CONNECTIONS * 1000) / (performance.now() - started));
    Object.assign(result, await latencies(run));
  } finally {
    await run("rm", "-f", "server", "web", "client").catch(() => "");
  }
  return result;
}

/** From a container to this machine's own address, up and down. */
async function out(run: (...args: string[]) => Promise<string>): Promise<Record<string, number>> {
  const address = Object.values(networkInterfaces())
    .flatMap((found) => found ?? [])
    .find(({ internal, family }) => !internal && family === "IPv4")?.address;
  if (!address) return {};
  const server = spawn("iperf3", ["-s", "-p", "5299", "--forceflush"], { stdio: ["ignore", "pipe", "ignore"] });
  try {
    await once(server.stdout, "data");
    const client = ["exec", "client", "iperf3", "-c", address, "-p", "5299", "-t", String(SECONDS), "-J"];
    return { "out Gbit/s": gigabits(await run(...client)), "in Gbit/s": gigabits(await run(...client, "-R")) };
  } finally {
    server.kill("SIGKILL");
  }
}

async function latencies(run: (...args: string[]) => Promise<string>): Promise<Record<string, number>> {
  const times: Record<string, number[]> = { "create ms": [], "connect ms": [], "disconnect ms": [], "rm ms": [] };
  const timed = async (what: string, ...args: string[]): Promise<void> => {
    const started = performance.now();
    await run(...args);
    times[what]!.push(performance.now() - started);
  };
  for (let turn = 0; turn < TURNS; turn++) {
    await timed("create ms", "network", "create", "two");
    await timed("connect ms", "network", "connect", "two", "client");
    await timed("disconnect ms", "network", "disconnect", "two", "client");
    await timed("rm ms", "network", "rm", "two");
  }
  return Object.fromEntries(Object.entries(times).map(([what, all]) => [what, Math.round(all.toSorted((a, b) => a - b)[TURNS >> 1]!)]));
}

function gigabits(json: string): number {
  const { end } = JSON.parse(json) as { end: { sum_received: { bits_per_second: number } } };
  return Math.round(end.sum_received.bits_per_second / 1e8) / 10;
}
