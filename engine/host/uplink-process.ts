/**
 * The rootless uplinks: slirp4netns and pasta. Both give R an interface and carry its traffic over ordinary sockets of the
 * host; neither lets containers reach what listens on the host's loopback.
 */
import { accessSync, closeSync, constants, openSync } from "node:fs";
import { overlaps, parsePrefix } from "./cidr.ts";
import type { Plumbing } from "./plumbing.ts";
import { processStartTime, run } from "./process.ts";
import { findProgram } from "./programs.ts";
import { onExit, sendSignal, spawnProcess } from "./spawn.ts";
import { UPLINK_DEVICE } from "./uplink-kinds.ts";
import type { Uplink, UplinkOptions } from "./uplink-kinds.ts";

/** Large packets: the programs copy bytes, so fewer and bigger is faster, four times for uploads through slirp4netns. */
const MTU = 65520;
const START_MS = 15_000;
/** Older ones lose connections behind address translation. */
const OLDEST_PASTA = 20231204;

/** A /24 that the host does not use, the programs' usual one first: inside VirtualBox the host itself is in 10.0.2.0/24. */
async function freeNetwork(plumbing: Plumbing): Promise<string> {
  const taken = (await plumbing.hostNetwork({ ours: [] })).taken.flatMap((text) => parsePrefix(text) ?? []);
  const candidates = ["10.0.2", "10.0.77", "10.177.77", "192.168.177", "172.16.177"];
  const isTaken = (start: string): boolean => taken.some((other) => overlaps(other, parsePrefix(`${start}.0/24`)!));
  return candidates.find((start) => !isTaken(start)) ?? "10.0.2";
}

function requireTun(): void {
  try {
    accessSync("/dev/net/tun", constants.R_OK | constants.W_OK);
  } catch {
    throw new Error("cannot open /dev/net/tun; run `sudo modprobe tun && sudo chmod 666 /dev/net/tun`");
  }
}

export async function startSlirp(options: UplinkOptions): Promise<Uplink> {
  const program = findProgram("slirp4netns");
  if (!program) throw new Error("slirp4netns is not installed");
  requireTun();
  const prefix = await freeNetwork(options.plumbing);
  const { hasIpv6 } = await options.plumbing.hostNetwork({ ours: [] });
  const argv = [
    program,
    "--configure",
    ...(hasIpv6 ? ["--enable-ipv6"] : []),
    `--mtu=${MTU}`,
    `--cidr=${prefix}.0/24`,
    "--disable-host-loopback",
    "--disable-dns",
    "--netns-type=path",
    options.netns,
    UPLINK_DEVICE,
  ];
  return started("slirp4netns", argv, options);
}

export async function startPasta(options: UplinkOptions): Promise<Uplink> {
  const program = findProgram("pasta");
  if (!program) throw new Error("pasta is not installed");
  const { stdout } = await run([program, "--version"]);
  const version = pastaVersion(stdout);
  if (version < OLDEST_PASTA) throw new Error(`pasta ${version || "of unknown version"} is too old`);
  requireTun();
  const prefix = await freeNetwork(options.plumbing);
  const address = ["--address", `${prefix}.100`, "--netmask", "24", "--gateway", `${prefix}.2`];
  const closed = ["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw", "--ipv4-only"];
  const device = ["--config-net", "--mtu", String(MTU), "--ns-ifname", UPLINK_DEVICE];
  const argv = [program, "--foreground", "--quiet", ...device, ...address, ...closed, "--netns", options.netns];
  return started("pasta", argv, options);
}

/** `pasta 2023_12_04.f091893` or Debian's `0.0~git20240906` as a number like 20231204; 0 for none. */
export function pastaVersion(text: string): number {
  const [, year = "", month = "", day = ""] = /(\d{4})_?(\d{2})_?(\d{2})/.exec(text) ?? [];
  return Number(`${year}${month}${day}`);
}

async function started(kind: "slirp4netns" | "pasta", argv: string[], options: UplinkOptions): Promise<Uplink> {
  const log = openSync(options.log, "a", 0o600);
  let pid: number;
  try {
    pid = spawnProcess({ argv, env: { PATH: process.env["PATH"] }, cwd: "/", descriptors: [null, log, log], session: true });
  } finally {
    closeSync(log);
  }
  const ended = onExit(pid).then(({ exitCode }) => {
    throw new Error(`${kind} ended with ${exitCode}; its words are in ${options.log}`);
  });
  ended.catch(() => undefined);
  try {
    await Promise.race([appears(options.plumbing), ended]);
  } catch (error) {
    sendSignal(pid, 9);
    throw error;
  }
  return {
    kind,
    mtu: MTU,
    process: { pid, startTime: processStartTime(pid) ?? "", ipv6: argv.includes("--enable-ipv6") },
    veth: null,
    ipv6: null,
    problem: "",
  };
}

/** Resolves when R has the interface and a route through it; the programs say so in no common way, the kernel does. */
async function appears(plumbing: Plumbing): Promise<void> {
  const deadline = Date.now() + START_MS;
  while (Date.now() < deadline) {
    if (await plumbing.leadsOut({ name: UPLINK_DEVICE })) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("its interface did not appear");
}
