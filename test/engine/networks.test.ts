/** Networks with real processes in real namespaces, as root and as an unprivileged user. */
import assert from "node:assert/strict";
import dns from "node:dns/promises";
import { chmodSync, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { processStartTime, run } from "../../engine/host/process.ts";
import { findProgram } from "../../engine/host/programs.ts";
import { pastaVersion } from "../../engine/host/uplink-process.ts";
import type { Sandbox } from "../../engine/networks/networks.ts";
import { plainRequest } from "../support/networks-room.ts";
import { USERS, cannotRunAs } from "../support/user.ts";
import {
  REACHED_MS,
  REFUSED_MS,
  askUdp,
  echo,
  hostAddresses,
  hostPort,
  hostServer,
  inside,
  isReached,
  linksIn,
  lookUp,
  mirror,
  opened,
  serve,
  throughTcp,
  throughUdp,
  tryConnect,
  untilNoPorts,
} from "../support/networks-traffic.ts";

for (const as of USERS) {
  const skip = cannotRunAs(as);

  test(`as ${as}: a container reaches the host and the world, by name`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    assert.equal(await room.problem(), "");
    const sandbox = await room.attach(plainRequest("out"));
    assert.equal(await inside(room, sandbox, tryConnect(sandbox.hostGateway, await hostServer(t, "0.0.0.0"))), "connected");
    const gateway = sandbox.endpoints[0]!.gateway;
    assert.match(sandbox.resolvConf, new RegExp(`^nameserver ${gateway}$`, "m"));
    assert.deepEqual(JSON.parse(await inside(room, sandbox, lookUp(gateway, "resolve4", "host.docker.internal"))), [sandbox.hostGateway]);
    const name = mirror();
    const addresses = name ? await dns.resolve4(name).catch(() => []) : [];
    if (!name || addresses.length === 0 || !(await isReached(addresses[0]!, 80)))
      return t.diagnostic("this machine reaches no mirror of its apt sources by itself: names of the world not tried");
    const found = JSON.parse(await inside(room, sandbox, lookUp(gateway, "resolve4", name))) as string[];
    assert.ok(found.length > 0);
    assert.equal(await inside(room, sandbox, tryConnect(addresses[0]!, 80)), "connected");
  });

  test(`as ${as}: published ports carry TCP and UDP`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    const ports = { "7/tcp": [{}], "7/udp": [{ HostIp: "127.0.0.1" }], "9/udp": [{}] };
    const request = plainRequest("web", { ports, exposedPorts: ["7/tcp", "9/tcp"] });
    const sandbox = await room.attach(request);
    assert.equal(sandbox.ports["9/tcp"], null);
    assert.deepEqual(
      sandbox.ports["7/tcp"]?.map(({ HostIp }) => HostIp),
      ["0.0.0.0", "::"],
    );
    await serve(t, room, sandbox, echo(7));
    await serve(t, room, sandbox, echo(9));
    const long = "x".repeat(3_000_000);
    assert.equal(await throughTcp(hostPort(sandbox, "7/tcp"), long), long);
    assert.equal(await throughTcp(hostPort(sandbox, "7/tcp"), "six", "::1"), "six");
    assert.equal(await throughUdp(hostPort(sandbox, "7/udp"), "datagram"), "datagram");
    // Its own port and another network's, by whichever address of the host: answers come from where one asked.
    await room.create({ name: "elsewhere" });
    const others = [sandbox, await room.attach(plainRequest("other", { mode: "elsewhere" }))];
    for (const from of others)
      for (const host of new Set([sandbox.hostGateway, ...hostAddresses()])) {
        assert.equal(await inside(room, from, tryConnect(host, hostPort(sandbox, "7/tcp"))), "connected", host);
        assert.equal(await inside(room, from, askUdp(host, hostPort(sandbox, "9/udp"))), "heard", host);
      }
    await room.detach(request.containerId);
    await assert.rejects(throughTcp(hostPort(sandbox, "7/tcp"), ""), { code: "ECONNREFUSED" });
  });

  test(`as ${as}: a port in use is refused in Docker's words, and nothing is left`, { skip }, async (t) => {
    const { room, run: directory } = await opened(t, as);
    const taken = await hostServer(t, "0.0.0.0");
    const request = plainRequest("late", { ports: { "80/tcp": [{}], "81/tcp": [{ HostPort: String(taken) }] } });
    await assert.rejects(room.attach(request), (error: Error) => {
      const sentence =
        /^failed to set up container networking: driver failed programming external connectivity on endpoint late \([0-9a-f]{64}\): Bind for 0\.0\.0\.0:(\d+) failed: port is already allocated$/;
      assert.equal(sentence.exec(error.message)?.[1], String(taken));
      return true;
    });
    await untilNoPorts(room);
    assert.deepEqual(readdirSync(`${directory}/netns`), []);
    assert.deepEqual((await room.get("bridge")).endpoints, {});
    const netd = (await room.processes())["netd"];
    const listening = await run(["ss", "-Htlnp"]);
    assert.doesNotMatch(listening.stdout, new RegExp(`pid=${netd}\\b`));
    assert.ok(await room.attach(plainRequest("late")));
  });

  test(`as ${as}: published ports serve while the engine is dead, and the next engine adopts them`, { skip }, async (t) => {
    const first = await opened(t, as);
    const request = plainRequest("web", { ports: { "7/tcp": [{}] } });
    const sandbox = await first.room.attach(request);
    const stray = await first.room.attach(plainRequest("stray"));
    await serve(t, first.room, sandbox, echo(7));
    const before = await first.room.processes();
    await first.kill9();
    assert.equal(await throughTcp(hostPort(sandbox, "7/tcp"), "alone"), "alone");
    const second = await first.again();
    t.after(() => second.remove());
    await second.room.restore([sandbox]);
    assert.deepEqual(await second.room.processes(), before);
    assert.equal(await throughTcp(hostPort(sandbox, "7/tcp"), "again"), "again");
    assert.equal(existsSync(stray.netnsPath!), false);
    const third = await second.room.attach(plainRequest("third"));
    assert.notEqual(third.endpoints[0]?.ipv4, sandbox.endpoints[0]?.ipv4);
    await second.room.detach(third.containerId);
    await second.room.detach(request.containerId);
    await assert.rejects(throughTcp(hostPort(sandbox, "7/tcp"), ""), { code: "ECONNREFUSED" });
    await untilNoPorts(second.room);
  });

  test(`as ${as}: a killed netd is replaced, with its names and ports`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    await room.create({ name: "front" });
    const sandbox = await room.attach(plainRequest("web", { mode: "front", ports: { "7/tcp": [{}] } }));
    await serve(t, room, sandbox, echo(7));
    process.kill((await room.processes())["netd"]!, "SIGKILL");
    const other = await room.attach(plainRequest("other", { mode: "front" }));
    assert.deepEqual(JSON.parse(await inside(room, other, lookUp("127.0.0.11", "resolve4", "other"))), [other.endpoints[0]?.ipv4]);
    assert.deepEqual(JSON.parse(await inside(room, other, lookUp("127.0.0.11", "resolve4", "web"))), [sandbox.endpoints[0]?.ipv4]);
    assert.equal(await throughTcp(hostPort(sandbox, "7/tcp"), "back"), "back");
  });

  test(`as ${as}: twenty containers at once`, { skip }, async (t) => {
    const { room, run: directory } = await opened(t, as);
    await room.create({ name: "crowd" });
    const descriptors = async (): Promise<number> => readdirSync(`/proc/${(await room.processes())["netd"]}/fd`).length;
    // The first port starts netd's thread for them.
    const first = await room.attach(plainRequest("first", { ports: { "7/tcp": [{}] } }));
    const before = await descriptors();
    await room.detach(first.containerId);
    const requests = Array.from({ length: 20 }, (_, index) => plainRequest(`c${index}`, { mode: "crowd", ports: { "7/tcp": [{}] } }));
    const sandboxes = await Promise.all(requests.map((request) => room.attach(request)));
    assert.equal(new Set(sandboxes.map(({ endpoints }) => endpoints[0]?.ipv4)).size, 20);
    assert.equal(new Set(sandboxes.map((sandbox) => hostPort(sandbox, "7/tcp"))).size, 20);
    await serve(t, room, sandboxes[19]!, echo(7));
    assert.equal(await inside(room, sandboxes[0]!, tryConnect(sandboxes[19]!.endpoints[0]!.ipv4, 7)), "connected");
    await assert.rejects(room.remove("crowd"), {
      kind: "forbidden",
      message: /^error while removing network: network crowd has active endpoints \(name:"c0" id:"[0-9a-f]{12}"/,
    });
    await Promise.all(requests.map(({ containerId }) => room.detach(containerId)));
    await room.remove("crowd");
    await untilNoPorts(room);
    assert.equal((await linksIn(room)).length, 1);
    assert.deepEqual(readdirSync(`${directory}/netns`), []);
    // What it asked programs and the kernel for may just be ending.
    const deadline = Date.now() + 60_000;
    while ((await descriptors()) > before + 2) assert.ok(Date.now() < deadline, "netd keeps descriptors");
  });

  test(`as ${as}: containers of a user-defined network find each other by name`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    await room.create({ name: "front" });
    const settings = (...aliases: string[]) => ({ endpoints: { front: { Aliases: aliases } } });
    const a = await room.attach(plainRequest("api-1", { mode: "front", ...settings("api") }));
    const b = await room.attach(plainRequest("api-2", { mode: "front", ...settings("api") }));
    const [first, second] = [a.endpoints[0]!.ipv4, b.endpoints[0]!.ipv4];
    assert.match(b.resolvConf, /^nameserver 127\.0\.0\.11\n/m);
    const ask = (method: string, name: string): Promise<string> => inside(room, b, lookUp("127.0.0.11", method, name));
    assert.deepEqual(JSON.parse(await ask("resolve4", "api-1")), [first]);
    assert.deepEqual(JSON.parse(await ask("resolve4", "API-1.front")), [first]);
    assert.deepEqual(JSON.parse(await ask("resolve4", a.containerId.slice(0, 12))), [first]);
    assert.deepEqual(JSON.parse(await ask("reverse", first)), ["api-1.front"]);
    assert.equal(await ask("resolve6", "api-1"), "ENODATA");
    const turns = [await ask("resolve4", "api"), await ask("resolve4", "api")].map((text) => JSON.parse(text) as string[]);
    assert.deepEqual(
      turns.map((turn) => turn.toSorted()),
      [
        [first, second],
        [first, second],
      ].map((turn) => turn.toSorted()),
    );
    assert.notDeepEqual(turns[0], turns[1]);
    await room.detach(a.containerId);
    assert.deepEqual(JSON.parse(await ask("resolve4", "api")), [second]);
  });

  test(`as ${as}: networks are kept apart, and the host's loopback is out of reach`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    await room.create({ name: "one" });
    await room.create({ name: "two" });
    await room.create({ name: "vault", internal: true });
    const a = await room.attach(plainRequest("a", { mode: "one" }));
    const b = await room.attach(plainRequest("b", { mode: "two" }));
    const c = await room.attach(plainRequest("c", { mode: "vault" }));
    const d = await room.attach(plainRequest("d", { mode: "vault" }));
    await serve(t, room, b, echo(7));
    await serve(t, room, c, echo(7));
    const loopback = await hostServer(t, "127.0.0.1");
    const everywhere = await hostServer(t, "0.0.0.0");
    const gatewayOf = (sandbox: Sandbox): string => sandbox.endpoints[0]!.ipv4.replace(/\.\d+$/, ".1");
    const attempts: [string, Sandbox, string, number, boolean][] = [
      ["its own network", d, c.endpoints[0]!.ipv4, 7, true],
      ["another network", a, b.endpoints[0]!.ipv4, 7, false],
      ["an internal network", a, c.endpoints[0]!.ipv4, 7, false],
      ["another network from an internal one", c, b.endpoints[0]!.ipv4, 7, false],
      ["the host from an internal network", c, a.hostGateway, everywhere, false],
      ["the host's loopback by its address", a, a.hostGateway, loopback, false],
      ["the host's loopback by its own", a, "127.0.0.1", loopback, false],
      ["the host's loopback through the uplink", a, "10.0.2.2", loopback, false],
      ["the gateway's name service", a, gatewayOf(a), 53, true],
      ["the gateway's other ports", a, gatewayOf(a), everywhere, false],
    ];
    for (const [what, from, host, port, want] of attempts)
      assert.equal((await inside(room, from, tryConnect(host, port, want ? REACHED_MS : REFUSED_MS))) === "connected", want, what);
    // A route of one's own making to somebody else's loopback: a neighbor's, the router's, and what is behind it.
    await serve(t, room, c, `require("net").createServer().listen(8, "127.0.0.9", () => console.log("up"))`);
    const e = await room.attach(plainRequest("e", { mode: "one" }));
    for (const [from, address, via, port] of [
      [d, "127.0.0.9", c.endpoints[0]!.ipv4, 8],
      [e, "127.0.0.1", gatewayOf(e), loopback],
    ] as const) {
      for (const line of ["addr flush dev lo", `route add ${address}/32 via ${via}`])
        assert.equal((await room.inside(from.netnsPath, ["ip", ...line.split(" ")])).stderr, "");
      assert.notEqual(await inside(room, from, tryConnect(address, port, REFUSED_MS)), "connected", `${address} through ${via}`);
    }
    assert.equal(await inside(room, c, lookUp("127.0.0.11", "resolve4", "example.org")), "ESERVFAIL");
    assert.deepEqual(JSON.parse(await inside(room, c, lookUp("127.0.0.11", "resolve4", "d"))), [d.endpoints[0]!.ipv4]);
  });

  test(`as ${as}: a running container is connected and disconnected`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    await room.create({ name: "back", ipam: { Config: [{ Subnet: "10.201.7.0/24" }] } });
    const peer = await room.attach(plainRequest("db", { mode: "back" }));
    await serve(t, room, peer, echo(7));
    const request = plainRequest("app");
    const app = await room.attach(request);
    const settings = { IPAMConfig: { IPv4Address: "10.201.7.77" }, Aliases: ["worker"], GwPriority: 5 };
    const both = await room.connect(app, "back", settings, request);
    assert.deepEqual(
      both.endpoints.map(({ networkName, ipv4 }) => `${networkName} ${ipv4}`),
      ["bridge 172.17.0.2", "back 10.201.7.77"].map((line, index) => (index === 0 ? `bridge ${app.endpoints[0]!.ipv4}` : line)),
    );
    assert.match(both.resolvConf, /^nameserver 127\.0\.0\.11$/m);
    assert.deepEqual(JSON.parse(await inside(room, both, lookUp("127.0.0.11", "resolve4", "db"))), [peer.endpoints[0]!.ipv4]);
    assert.deepEqual(JSON.parse(await inside(room, peer, lookUp("127.0.0.11", "resolve4", "worker"))), ["10.201.7.77"]);
    assert.equal(await inside(room, both, tryConnect(peer.endpoints[0]!.ipv4, 7)), "connected");
    const route = async (): Promise<string> => (await room.inside(app.netnsPath, ["ip", "route", "show", "default"])).stdout;
    assert.match(await route(), /^default via 10\.201\.7\.1 dev eth1/);
    await assert.rejects(room.connect(both, "back", {}, request), {
      kind: "forbidden",
      message: "endpoint with name app already exists in network back",
    });
    const one = await room.disconnect(both, "back");
    assert.deepEqual(
      one.endpoints.map(({ networkName }) => networkName),
      ["bridge"],
    );
    assert.match(await route(), new RegExp(`^default via ${app.endpoints[0]!.gateway} dev eth0`));
    await assert.rejects(room.disconnect(one, "back"), {
      kind: "internal",
      message: `container ${app.containerId} is not connected to network back`,
    });
    assert.notEqual(await inside(room, one, tryConnect(peer.endpoints[0]!.ipv4, 7, REFUSED_MS)), "connected");
  });

  test(`as ${as}: none has loopback only, host has the host's, container joins`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    const none = await room.attach(plainRequest("alone", { mode: "none" }));
    const links = JSON.parse((await room.inside(none.netnsPath, ["ip", "-j", "link"])).stdout) as { ifname: string }[];
    assert.deepEqual(
      links.map(({ ifname }) => ifname),
      ["lo"],
    );
    assert.deepEqual(
      none.endpoints.map(({ networkName, ipv4 }) => [networkName, ipv4]),
      [["none", ""]],
    );
    const host = await room.attach(plainRequest("hosted", { mode: "host" }));
    assert.equal(host.netnsPath, null);
    assert.equal(host.resolvConf, readFileSync("/etc/resolv.conf", "utf8"));
    const app = await room.attach(plainRequest("app"));
    const joined = await room.attach(plainRequest("sidecar", { mode: `container:${app.containerId}`, joinPid: process.pid }));
    assert.equal(joined.netnsPath, app.netnsPath);
    assert.equal(joined.resolvConf, app.resolvConf);
    assert.equal((await room.attach(plainRequest("other", { mode: "container:app", joinPid: process.pid }))).netnsPath, app.netnsPath);
    await assert.rejects(room.attach(plainRequest("lost", { mode: "nowhere" })), {
      kind: "not-found",
      message: "failed to set up container networking: network nowhere not found",
    });
  });

  test(`as ${as}: containers of a network with IPv6 find and reach each other over it`, { skip }, async (t) => {
    const { room } = await opened(t, as);
    await room.create({ name: "six", ipv6: true, ipam: { Config: [{ Subnet: "fd00:5ea::/64" }] } });
    const web = await room.attach(
      plainRequest("web", { mode: "six", endpoints: { six: { IPAMConfig: { IPv6Address: "fd00:5ea::80" } } } }),
    );
    const app = await room.attach(plainRequest("app", { mode: "six" }));
    assert.deepEqual([web.endpoints[0]?.ipv6, app.endpoints[0]?.ipv6], ["fd00:5ea::80", "fd00:5ea::2"]);
    await serve(t, room, web, `require("net").createServer((socket) => socket.end()).listen(7, "::", () => console.log("up"))`);
    assert.equal(await inside(room, app, tryConnect("fd00:5ea::80", 7)), "connected");
    assert.deepEqual(JSON.parse(await inside(room, app, lookUp("127.0.0.11", "resolve6", "web"))), ["fd00:5ea::80"]);
    assert.deepEqual(JSON.parse(await inside(room, app, lookUp("127.0.0.11", "resolve4", "web"))), [web.endpoints[0]?.ipv4]);
    assert.deepEqual(JSON.parse(await inside(room, app, lookUp("127.0.0.11", "reverse", "fd00:5ea::80"))), ["web.six"]);
    assert.deepEqual(JSON.parse(await inside(room, app, lookUp("[fd00:5ea::1]", "resolve6", "web"))), ["fd00:5ea::80"]);
  });

  test(`as ${as}: networks stay as they were created`, { skip }, async (t) => {
    const first = await opened(t, as);
    const { network } = await first.room.create({
      name: "front",
      labels: { a: "b" },
      options: { x: "y" },
      ipam: { Config: [{ Subnet: "10.202.0.0/24", IPRange: "10.202.0.128/25", Gateway: "10.202.0.1" }] },
    });
    await assert.rejects(first.room.create({ name: "front" }), { kind: "conflict", message: "network with name front already exists" });
    await assert.rejects(first.room.create({ name: "over", ipam: { Config: [{ Subnet: "10.202.0.0/16" }] } }), {
      kind: "forbidden",
      message: "invalid pool request: Pool overlaps with other one on this address space",
    });
    await assert.rejects(first.room.create({ name: "odd", driver: "bogus" }), { kind: "not-found", message: 'plugin "bogus" not found' });
    await assert.rejects(first.room.create({ name: "bridge" }), {
      kind: "forbidden",
      message: "operation is not permitted on predefined bridge network ",
    });
    await assert.rejects(first.room.remove("host"), { kind: "forbidden", message: "host is a pre-defined network and cannot be removed" });
    await assert.rejects(first.room.remove("nosuch"), { kind: "not-found", message: "network nosuch not found" });
    const before = await first.room.list();
    await first.kill9();
    const second = await first.again();
    t.after(() => second.remove());
    await second.room.restore([]);
    assert.deepEqual(
      (await second.room.list()).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
      before.toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    );
    assert.deepEqual(await second.room.get(network.id.slice(0, 8)), network);
    const sandbox = await second.room.attach(plainRequest("web", { mode: "front" }));
    assert.equal(sandbox.endpoints[0]?.ipv4, "10.202.0.128");
  });
}

test("as user: a killed uplink is replaced with the next container", async (t) => {
  const { room } = await opened(t, "user");
  const first = (await room.processes())["uplink"]!;
  process.kill(first, "SIGKILL");
  while (processStartTime(first) !== undefined) await setImmediate();
  const sandbox = await room.attach(plainRequest("out"));
  assert.notEqual((await room.processes())["uplink"], first);
  assert.equal(await inside(room, sandbox, tryConnect(sandbox.hostGateway, await hostServer(t, "0.0.0.0"))), "connected");
});

/** Why pasta cannot be tried here; false when it can. Debian 12's does not even know its version. */
async function cannotRunPasta(): Promise<string | false> {
  const program = findProgram("pasta");
  const version = program ? pastaVersion((await run([program, "--version"])).stdout) : 0;
  return version < 20231204 && "needs a pasta of 2023-12-04 or later";
}

test("as user: pasta is the way out where slirp4netns does not start", { skip: await cannotRunPasta() }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-no-slirp-"));
  t.after(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  writeFileSync(join(folder, "slirp4netns"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  const { room, run: directory } = await opened(t, "user", ["env", `PATH=${folder}:${process.env["PATH"]}`]);
  assert.equal((JSON.parse(readFileSync(join(directory, "uplink.json"), "utf8")) as { kind: string }).kind, "pasta");
  const sandbox = await room.attach(plainRequest("out", { ports: { "7/tcp": [{ HostPort: "" }] } }));
  await serve(t, room, sandbox, echo(7));
  assert.equal(await throughTcp(hostPort(sandbox, "7/tcp"), "in"), "in");
  assert.equal(await inside(room, sandbox, tryConnect(sandbox.hostGateway, await hostServer(t, "0.0.0.0"))), "connected");
  const loopback = await hostServer(t, "127.0.0.1");
  for (const address of [sandbox.hostGateway, sandbox.endpoints[0]!.gateway])
    assert.notEqual(await inside(room, sandbox, tryConnect(address, loopback, REFUSED_MS)), "connected");
});

test("as user: a low port is refused with what to do about it", { skip: lowPortsAreOpen() }, async (t) => {
  const { room } = await opened(t, "user");
  await assert.rejects(room.attach(plainRequest("web", { ports: { "80/tcp": [{ HostPort: "80" }] } })), {
    message:
      /failed to bind host port 0\.0\.0\.0:80: permission denied; to allow ports from 80 on run `sudo sysctl net\.ipv4\.ip_unprivileged_port_start=80`$/,
  });
});

function lowPortsAreOpen(): string | false {
  return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8")) <= 80 && "this machine lets everybody have port 80";
}
