/**
 * Many networks and endpoints made and removed: nothing of them stays. BERTH_NETWORKS says how many networks; each gets three
 * endpoints. The full count is 100.
 */
import assert from "node:assert/strict";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { engineName, enginePaths } from "../../engine/host/paths.ts";
import { openRoom, plainRequest } from "../support/networks-room.ts";
import type { NetworksRoom } from "../support/networks-room.ts";
import { USERS, cannotRunAs } from "../support/user.ts";

const COUNT = Number(process.env["BERTH_NETWORKS"] ?? 6);

for (const as of USERS)
  test(`as ${as}: ${COUNT} networks with three endpoints each come and go without a trace`, { skip: cannotRunAs(as) }, async (t) => {
    const { room, run, root, remove } = await openRoom(as);
    t.after(remove);
    const device = engineName(enginePaths(root));
    const state = (): Promise<Record<string, unknown>> => stateOf(room, run, device);
    const before = await state();
    const names = Array.from({ length: COUNT }, (_, index) => `many-${index}`);
    // Docker's own pools hold 31 networks of all engines on this machine; the others say what they want.
    for (const [index, name] of names.entries())
      await room.create({ name, ...(index >= 6 && { ipam: { Config: [{ Subnet: `10.213.${index}.0/24` }] } }) });
    const subnets = (await room.list()).flatMap(({ ipam }) => (ipam.Config ?? []).flatMap(({ Subnet }) => Subnet ?? []));
    assert.equal(new Set(subnets).size, COUNT + 1, "no two networks share a subnet");
    const ids: string[] = [];
    for (const [index, name] of names.entries()) {
      const requests = [1, 2, 3].map((turn) => plainRequest(`c${index}-${turn}`, { mode: name, ports: { "80/tcp": [{ HostPort: "" }] } }));
      const sandboxes = await Promise.all(requests.map((request) => room.attach(request)));
      ids.push(...sandboxes.map(({ containerId }) => containerId));
    }
    for (let at = 0; at < ids.length; at += 3) await Promise.all(ids.slice(at, at + 3).map((id) => room.detach(id)));
    for (const name of names) await room.remove(name);
    const deadline = Date.now() + 120_000;
    while (JSON.stringify(await state()) !== JSON.stringify(before)) {
      if (Date.now() > deadline) assert.deepEqual(await state(), before);
      await setImmediate();
    }
  });

/** Everything in R and in the run directory, and the routes of the engine's device on the host, without what counts up by itself. */
async function stateOf(room: NetworksRoom, run: string, device: string): Promise<Record<string, unknown>> {
  const says = async (...argv: string[]): Promise<string> => (await room.inside(null, argv)).stdout;
  const links = JSON.parse(await says("ip", "-j", "link")) as { ifname: string }[];
  return {
    links: links.map(({ ifname }) => ifname),
    addresses: (await says("ip", "-br", "addr")).split("\n").map((line) => line.split(/\s+/).slice(2).join(" ")),
    routes: await says("ip", "route"),
    rules: await says("nft", "list", "ruleset"),
    listeners: (await says("ss", "-Hltun")).split("\n").length,
    processes: Object.values(await room.processes()),
    namespaces: existsSync(join(run, "netns")) ? readdirSync(join(run, "netns")) : [],
    hostRoutes: await says("nsenter", "--net=/proc/1/ns/net", "ip", "route", "show", "table", "all", "dev", device),
  };
}
