/**
 * The way out of the private network namespace R.
 *
 *     rootless  slirp4netns, else a pasta that is new enough: a process between R and the host's own sockets
 *     root      a pair of interfaces and one nftables table on the host
 *
 * Either outlives the engine; `run/uplink.json` lets the next one adopt it.
 */
import { rmSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { readJson, writeJson } from "./files.ts";
import { isAlive } from "./process.ts";
import { uplinkFile } from "./traces.ts";
import type { Uplink, UplinkOptions } from "./uplink-kinds.ts";
import { UPLINK_DEVICE } from "./uplink-kinds.ts";
import { adoptVeth, closeVeth, openVeth, problemOf } from "./uplink-veth.ts";
import { startPasta, startSlirp } from "./uplink-process.ts";

/** The living uplink of a former engine, or a new one. Never fails: an engine without a way out still runs containers. */
export async function openUplink(options: UplinkOptions): Promise<Uplink> {
  const known = await readJson<Uplink>(uplinkFile(options));
  if (known && (await isUsable(known, options))) return known.veth ? { ...known, problem: await problemOf(known.veth.device) } : known;
  await writeJson(uplinkFile(options), none("It was being made"));
  const uplink = await makeUplink(options);
  await writeJson(uplinkFile(options), uplink);
  return uplink;
}

/** Whether the process or the interface is still there. */
export async function isUsable(
  uplink: Uplink,
  { plumbing, rootless, hostRules }: Pick<UplinkOptions, "plumbing" | "rootless" | "hostRules">,
): Promise<boolean> {
  if (uplink.process && !isAlive(uplink.process.pid, uplink.process.startTime)) return false;
  if (uplink.kind === "none" || rootless !== (uplink.kind !== "veth")) return false;
  if (!(await plumbing.links()).some(({ name }) => name === UPLINK_DEVICE)) return false;
  if (uplink.veth) await adoptVeth(uplink.veth, hostRules);
  return true;
}

/**
 * Ends it and removes every trace of it on the host, also of one that was half made. Idempotent.
 * @param uplink what this engine knows, where a file may be gone
 */
export async function closeUplink(options: Pick<UplinkOptions, "name" | "rootless" | "run">, uplink?: Uplink): Promise<void> {
  const known = uplink ?? (await readJson<Uplink>(uplinkFile(options)));
  if (known?.process && isAlive(known.process.pid, known.process.startTime)) process.kill(known.process.pid, "SIGTERM");
  if (!options.rootless) await closeVeth(options, known?.veth?.switchedForwarding ?? []);
  rmSync(uplinkFile(options), { force: true });
}

async function makeUplink(options: UplinkOptions): Promise<Uplink> {
  const makers = options.rootless ? [startSlirp, startPasta] : [openVeth];
  const problems: string[] = [];
  for (const make of makers) {
    try {
      const uplink = await make(options);
      // The kernel's own way needs no trial, and a firewall of the host may well refuse what a trial asks of it.
      if (uplink.process) await smokeTest(uplink, options);
      return uplink;
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  return none(`Containers have no way out: ${problems.join("; ")}`);
}

function none(problem: string): Uplink {
  return { kind: "none", mtu: 1500, process: null, veth: null, ipv6: null, problem };
}

/** Opens a port on the host's own address and connects to it from inside R. Without an address there is nothing to try. */
async function smokeTest(uplink: Uplink, { hostAddress, probe }: UplinkOptions): Promise<void> {
  if (!hostAddress) return;
  const server = createServer((socket) => socket.destroy());
  try {
    await new Promise<void>((resolve, reject) => server.once("error", reject).listen(0, hostAddress, resolve));
    await probe(hostAddress, (server.address() as AddressInfo).port);
  } catch (error) {
    if (uplink.process) process.kill(uplink.process.pid, "SIGTERM");
    throw new Error(`${uplink.kind} does not reach the host's address ${hostAddress}: ${(error as Error).message}`, { cause: error });
  } finally {
    server.close();
  }
}
