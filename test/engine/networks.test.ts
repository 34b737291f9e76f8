/** Networks with real processes in real namespaces, as root and as an unprivileged user. */
import assert from "node:assert/strict";
import dns from "node:dns/promises";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { createServer, connect } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { TestContext } from "node:test";
import { processStartTime, run, runOrThrow } from "../../engine/host/process.ts";
import { findProgram } from "../../engine/host/programs.ts";
import { pastaVersion } from "../../engine/host/uplink-process.ts";
import type { Sandbox } from "../../engine/networks/networks.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { openRoom, plainRequest } from "../support/networks-room.ts";
import type { NetworksRoom, RoomProcess } from "../support/networks-room.ts";
import { sendKill } from "../support/processes.ts";
import { testPrograms } from "../support/programs.ts";
import { USERS, cannotRunAs } from "../support/user.ts";
import type { As } from "../support/user.ts";

const { node } = await testPrograms();

/** A program for `node -e` that echoes what it gets, over TCP and UDP. */
const echo = (port: number): string => `
  const udp = require("dgram").createSocket("udp4").on("message", (bytes, from) => udp.send(bytes, from.port, from.address));
  const tcp = require("net").createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket));
  udp.bind(${port}, () => tcp.listen(${port}, "0.0.0.0", () => console.log("up")));`;

/** How long nobody's answer is waited for where none should come, and where one should. */
const [REFUSED_MS, REACHED_MS] = [1500, 60_000];

/** A program for `node -e` that prints what a connection says: `connected` or the error's code. */
const tryConnect = (host: string, port: number, patienceMs = REACHED_MS): string => `
  const socket = require("net").connect({ host: "${host}", port: ${port} });
  socket.setTimeout(${patienceMs}, () => { console.log("ETIMEDOUT"); process.exit(); });
  socket.on("connect", () => { console.log("connected"); process.exit(); }).on("error", (error) => console.log(error.code));`;

/** A program for `node -e` that prints whether a datagram is answered by whom it was sent to. */
const askUdp = (host: string, port: number): string => `
  const socket = require("dgram").createSocket("udp4");
  setTimeout(() => { console.log("silence"); process.exit(); }, ${REACHED_MS});
  socket.on("message", () => { console.log("heard"); process.exit(); }).on("error", (error) => { console.log(error.code); process.exit(); });
  socket.connect(${port}, "${host}", () => socket.send("hello"));`;

/** IPv4 addresses that others reach this machine by. */
const hostAddresses = (): string[] =>
  ["eth", "en", "wl"].flatMap((kind) =>
    Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
      name.startsWith(kind) ? addresses.filter(({ family }) => family === "IPv4").map(({ address }) => address) : [],
    ),
  );

/** Asks a resolver and prints the answer as JSON, or the error's code. */
const lookUp = (server: string, method: string, name: string): string => `
  const resolver = new (require("dns").promises.Resolver)({ timeout: 20_000, tries: 3 });
  resolver.setServers(["${server}"]);
  resolver.${method}("${name}").then((found) => console.log(JSON.stringify(found)), (error) => console.log(error.code));`;

async function inside(room: NetworksRoom, sandbox: Sandbox, program: string): Promise<string> {
  const { stdout, stderr } = await room.inside(sandbox.netnsPath, [node, "-e", program]);
  assert.equal(stderr, "");
  return stdout.trim();
}

async function serve(t: TestContext, room: NetworksRoom, sandbox: Sandbox, program: string): Promise<void> {
  const pid = await room.serve(sandbox.netnsPath!, [node, "-e", program]);
  t.after(() => sendKill(pid));
}

/** Sends text and its end, and returns all that comes back. */
async function throughTcp(port: number, text: string, host = "127.0.0.1"): Promise<string> {
  const socket = connect({ host, port, allowHalfOpen: true });
  let heard = "";
  socket.on("data", (chunk: Buffer) => (heard += chunk.toString()));
  socket.end(text);
  await once(socket, "close");
  return heard;
}

async function throughUdp(port: number, text: string): Promise<string> {
  const socket = createSocket("udp4");
  socket.send(text, port, "127.0.0.1");
  const [bytes] = (await once(socket, "message")) as [Buffer];
  socket.close();
  return bytes.toString();
}

async function hostServer(t: TestContext, host: string): Promise<number> {
  const server: Server = createServer((socket) => socket.end()).listen(0, host);
  await once(server, "listening");
  t.after(() => server.close());
  return (server.address() as AddressInfo).port;
}

const hostPort = ({ ports }: Sandbox, key: string): number => Number(ports[key]?.[0]?.HostPort);

async function opened(t: TestContext, as: As, within: readonly string[] = []): Promise<RoomProcess> {
  const room = await openRoom(as, within);
  t.after(() => room.remove());
  return room;
}

/** The interfaces in R besides those that are always there. */
async function linksIn(room: NetworksRoom): Promise<string[]> {
  const { stdout } = await room.inside(null, ["ip", "-j", "link"]);
  return (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname).filter((name) => name !== "lo" && name !== "uplink");
}

/** The kernel takes interfaces away in the background; netd's own sweep follows after two seconds at most. */
async function untilNoPorts(room: NetworksRoom, deadline = Date.now() + 120_000): Promise<void> {
  const ports = (await linksIn(room)).filter((name) => name.startsWith("v"));
  if (ports.length === 0) return;
  assert.ok(Date.now() < deadline, `these interfaces stay: ${ports.join(" ")}`);
  await untilNoPorts(room, deadline);
}

function isReached(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: 10_000 });
    const end = (reached: boolean): void => (socket.destroy(), resolve(reached));
    socket
      .once("connect", () => end(true))
      .once("error", () => end(false))
      .once("timeout", () => end(false));
  });
}

function mirror(): string | undefined {
  const files = globSync("/etc/apt/sources.list{,.d/*}").filter((path) => /list$|sources$/.test(path));
  const text = files.map((path) => readFileSync(path, "utf8")).join("\n");
  return /^(?:deb |URIs:).*?https?:\/\/([^/\s:]+)/m.exec(text)?.[1];
}

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

test("as root: the host reaches containers, and keeps no trace of the engine", { skip: cannotRunAs("root") }, async (t) => {
  // A host where nobody else comes and goes.
  const onHost = await makeHost(t);
  const traces = async (): Promise<string> => {
    const looks = ["ip -br link", "ip route", "nft list tables", "cat /proc/sys/net/ipv4/ip_forward"];
    return (await Promise.all(looks.map((look) => runOrThrow(onHost(...look.split(" ")))))).join("");
  };
  const before = await traces();
  const room = await opened(t, "root", onHost());
  const sandbox = await room.room.attach(plainRequest("web"));
  await serve(t, room.room, sandbox, echo(7));
  const { stdout } = await run(onHost(node, "-e", tryConnect(sandbox.endpoints[0]!.ipv4, 7)));
  assert.equal(stdout.trim(), "connected");
  const with1 = await traces();
  await room.room.create({ name: "front" });
  assert.notEqual(await traces(), with1);
  await room.room.remove("front");
  assert.equal(await traces(), with1);
  await room.room.close({ everything: true });
  assert.equal(await traces(), before);
});

test(
  "as root: the kernel carries the host's connections to published ports, and netd does when its rules are gone",
  { skip: cannotRunAs("root") },
  async (t) => {
    const first = await opened(t, "root");
    const { room, run: directory } = first;
    const sandbox = await room.attach(plainRequest("web", { ports: { "7/tcp": [{ HostIp: "127.0.0.1" }], "8/tcp": [{}] } }));
    await serve(t, room, sandbox, echo(7));
    await serve(t, room, sandbox, echo(8));
    const { veth } = JSON.parse(readFileSync(join(directory, "uplink.json"), "utf8")) as { veth: { device: string } };
    const table = ["inet", veth.device.replaceAll("-", "_")];
    const rules = async (): Promise<string> => (await run(["nft", "list", "table", ...table])).stdout;
    assert.match(
      await rules(),
      new RegExp(`ip daddr 127\\.0\\.0\\.1 tcp dport ${hostPort(sandbox, "7/tcp")} dnat ip to ${sandbox.endpoints[0]!.ipv4}:7`),
    );
    for (const key of ["7/tcp", "8/tcp"]) assert.equal(await throughTcp(hostPort(sandbox, key), "kernel"), "kernel");
    await run(["nft", "delete", "table", ...table]);
    for (const key of ["7/tcp", "8/tcp"]) assert.equal(await throughTcp(hostPort(sandbox, key), "netd"), "netd");
    await first.kill9();
    const next = await first.again();
    t.after(() => next.remove());
    // The next engine hears of the end while it still takes in what there was.
    await Promise.all([next.room.restore([sandbox]), next.room.detach(sandbox.containerId)]);
    assert.doesNotMatch(await rules(), /dport/);
  },
);

test("as root: a host that did not forward does not when the engine's root was deleted", { skip: cannotRunAs("root") }, async (t) => {
  const host = spawn("unshare", ["--net", "sh", "-c", "echo up && exec sleep infinity"]);
  t.after(() => host.kill("SIGKILL"));
  await once(host.stdout, "data");
  const onHost = ["nsenter", `--net=/proc/${host.pid}/ns/net`];
  const forwarding = (): Promise<string> => runOrThrow([...onHost, "cat", "/proc/sys/net/ipv4/ip_forward"]);
  await runOrThrow([...onHost, "sh", "-c", "echo 0 >/proc/sys/net/ipv4/ip_forward"]);
  const first = await opened(t, "root", onHost);
  assert.equal((await forwarding()).trim(), "1");
  const netd = (await first.room.processes())["netd"]!;
  await first.kill9();
  await runOrThrow(["rm", "-rf", first.root]);
  await run(["tail", `--pid=${netd}`, "-f", "/dev/null"]);
  assert.equal((await forwarding()).trim(), "0");
  assert.doesNotMatch(await runOrThrow([...onHost, "ip", "-br", "link"]), /berth/);
});

test("as root: the kernel carries hundreds of published ports", { skip: cannotRunAs("root") }, async (t) => {
  const { room } = await opened(t, "root");
  const sandbox = await room.attach(
    plainRequest("many", { ports: { "7/tcp": Array.from({ length: 400 }, () => ({ HostIp: "127.0.0.1" })) } }),
  );
  await serve(t, room, sandbox, echo(7));
  const last = sandbox.ports["7/tcp"]!.at(-1)!;
  const { stdout } = await run(["nft", "list", "tables"]);
  const listed = await Promise.all(
    stdout.split("\n").flatMap((line) => (line.includes("inet berth_") ? [run(["nft", "list", ...line.split(" ")])] : [])),
  );
  assert.ok(
    listed.some((table) => table.stdout.includes(`dport ${last.HostPort} dnat`)),
    "the table has the last port",
  );
  assert.equal(await throughTcp(Number(last.HostPort), "last"), "last");
});

test("as root: two engines side by side", { skip: cannotRunAs("root") }, async (t) => {
  const [one, two] = [await opened(t, "root"), await opened(t, "root")];
  const [a, b] = [await one.room.attach(plainRequest("a")), await two.room.attach(plainRequest("b"))];
  assert.notEqual(a.endpoints[0]?.gateway, b.endpoints[0]?.gateway);
  await serve(t, two.room, b, echo(7));
  assert.equal(await throughTcp(7, "second", b.endpoints[0]!.ipv4), "second");
  assert.equal(await inside(one.room, a, tryConnect(a.hostGateway, await hostServer(t, "0.0.0.0"))), "connected");
  assert.notEqual(await inside(one.room, a, tryConnect(b.endpoints[0]!.ipv4, 7, REFUSED_MS)), "connected", "containers of another engine");
});

test("as root: engines never share a subnet, when they start at the same time or again", { skip: cannotRunAs("root") }, async (t) => {
  const subnetOf = async ({ room }: RoomProcess): Promise<unknown> => (await room.get("bridge")).ipam.Config?.[0]?.Subnet;
  const rooms = await Promise.all([1, 2, 3, 4].map(() => opened(t, "root")));
  const [first, ...others] = rooms;
  assert.equal(new Set(await Promise.all(rooms.map(subnetOf))).size, 4);
  // The one that was stopped comes back to a host where another may have its subnet.
  await first!.room.close({ everything: true });
  await first!.kill9();
  const later = await opened(t, "root");
  const again = await first!.again();
  t.after(() => again.remove());
  assert.equal(new Set(await Promise.all([again, later, ...others].map(subnetOf))).size, 5);
});

/**
 * A host of its own behind a veth pair, with another behind it that answers on port 80 of IPv4 and IPv6: namespaces, so that
 * firewalls can be set up without harm.
 */
async function makeHost(t: TestContext): Promise<(...argv: string[]) => string[]> {
  const [host, world] = [spawn("unshare", ["--net", "sleep", "infinity"]), spawn("unshare", ["--net", "sleep", "infinity"])];
  t.after(() => [host, world].forEach((child) => child.kill("SIGKILL")));
  const own = readlinkSync("/proc/self/ns/net");
  for (const { pid } of [host, world]) while (readlinkSync(`/proc/${pid}/ns/net`) === own) await setImmediate();
  const on = (pid: number | undefined, argv: string[]): string[] => ["nsenter", `--net=/proc/${pid}/ns/net`, ...argv];
  const ip = (pid: number | undefined, line: string): Promise<string> => runOrThrow(on(pid, ["ip", ...line.split(" ")]));
  await ip(host.pid, `link add w0 type veth peer name w1 netns ${world.pid}`);
  for (const line of ["addr add 198.51.100.1/24 dev w0", "link set w0 up", "link set lo up", "route add default via 198.51.100.2"])
    await ip(host.pid, line);
  for (const line of ["addr add 198.51.100.2/24 dev w1", "link set w1 up"]) await ip(world.pid, line);
  for (const [pid, line] of [
    [host.pid, "2001:db8::1/64 dev w0"],
    [world.pid, "2001:db8::2/64 dev w1"],
  ] as const)
    await ip(pid, `-6 addr add ${line} nodad`);
  const program = `require("net").createServer((socket) => socket.end()).listen(80, () => console.log("up"))`;
  const [command = "", ...args] = on(world.pid, [node, "-e", program]);
  const server = spawn(command, args);
  t.after(() => server.kill("SIGKILL"));
  await once(server.stdout, "data");
  return (...argv) => on(host.pid, argv);
}

test(
  "as root: behind a firewall of nftables that drops, the way through is said, and it is one",
  { skip: cannotRunAs("root") || (!findProgram("nft") && "needs nft") },
  async (t) => {
    const onHost = await makeHost(t);
    const rules = "table inet filter { chain forward { type filter hook forward priority 0; policy drop; }; }";
    await runOrThrow(onHost("nft", rules));
    const first = await opened(t, "root", onHost());
    const { room } = first;
    const fix = /To let them: (.*)$/.exec(await room.problem())?.[1];
    assert.ok(fix, await room.problem());
    for (const command of fix.split("; ")) await runOrThrow(onHost("sh", "-c", command.replace("sudo ", "")));
    const sandbox = await room.attach(plainRequest("out"));
    assert.equal(await inside(room, sandbox, tryConnect("198.51.100.2", 80)), "connected");
    // As a firewall's own restart does.
    await runOrThrow(onHost("nft", "flush", "ruleset"));
    assert.equal(await inside(room, sandbox, tryConnect("198.51.100.2", 80)), "connected");
    await first.kill9();
    const next = await first.again();
    t.after(() => next.remove());
    assert.equal(await next.room.problem(), "");
  },
);

/** Every switch of IPv6 that Berth might touch. */
const ipv6Switches = (onHost: (...argv: string[]) => string[]): Promise<string> =>
  runOrThrow(onHost("sh", "-c", "cd /proc/sys/net/ipv6/conf && grep -H . */forwarding */accept_ra | grep -v ^berth"));

for (const as of USERS)
  test(
    `as ${as}: IPv6 goes out as soon as the host has a way, and the host is as it was afterwards`,
    { skip: cannotRunAs("root") || cannotRunAs(as) || (as === "user" && !findProgram("slirp4netns") && "needs slirp4netns") },
    async (t) => {
      const onHost = await makeHost(t);
      const isRoot = as === "root";
      const reach = tryConnect("2001:db8::2", 80);
      if (!isRoot) await runOrThrow(onHost("ip", "-6", "route", "add", "default", "via", "2001:db8::2"));
      const before = await ipv6Switches(onHost);
      const { room } = await opened(t, as, onHost());
      assert.equal(await ipv6Switches(onHost), before, "before a network wants it");
      await room.create({ name: "six", ipv6: true });
      await room.create({ name: "vault", ipv6: true, internal: true });
      const sandbox = await room.attach(plainRequest("a", { mode: "six" }));
      if (isRoot) {
        assert.match(await inside(room, sandbox, reach), /^E(HOST|NET)UNREACH$/, "refused at once while the host has none");
        assert.equal(await ipv6Switches(onHost), before, "before there is a way");
        await runOrThrow(onHost("ip", "-6", "route", "add", "default", "via", "2001:db8::2"));
        await room.create({ name: "seven", ipv6: true });
      }
      assert.equal(await inside(room, sandbox, reach), "connected");
      const [program = "", ...rest] = onHost(node, "-e", `require("net").createServer().listen(81, "::1", () => console.log("up"))`);
      const loopback = spawn(program, rest);
      t.after(() => loopback.kill("SIGKILL"));
      await once(loopback.stdout, "data");
      for (const address of ["fd00::2", "::1", "2001:db8::1"])
        assert.notEqual(await inside(room, sandbox, tryConnect(address, 81)), "connected", `the host's loopback as ${address}`);
      const shut = await room.attach(plainRequest("b", { mode: "vault" }));
      assert.notEqual(await inside(room, shut, reach), "connected", "an internal network");
      if (isRoot) {
        await serve(
          t,
          room,
          sandbox,
          `require("net").createServer((socket) => socket.on("error", () => 0).end()).listen(7, "::", () => console.log("up"))`,
        );
        const [command = "", ...args] = onHost(node, "-e", tryConnect(sandbox.endpoints[0]!.ipv6, 7));
        assert.equal((await runOrThrow([command, ...args])).trim(), "connected", "the host reaches the container");
        assert.match(await ipv6Switches(onHost), /^all\/forwarding:1$/m);
        // An interface of the host is no router's for it, and still listens to routers.
        assert.match(await ipv6Switches(onHost), /^w0\/forwarding:0$/m);
      }
      // With a pair of interfaces that is not ours, forwarding may be wanted by somebody else.
      await runOrThrow(onHost("ip", "link", "del", "w0"));
      await room.close({ everything: true });
      assert.equal(await ipv6Switches(onHost), before.replaceAll(/^w0.*\n/gm, ""));
    },
  );

const firewalls: [what: string, rules: string[]][] = [
  ["lets everything through", []],
  [
    "drops what it forwards and what comes in, as ufw does",
    ["-P FORWARD DROP", "-P INPUT DROP", "-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT"],
  ],
  [
    "drops what it forwards, as Docker does",
    ["-N DOCKER-USER", "-A DOCKER-USER -j RETURN", "-A FORWARD -j DOCKER-USER", "-P FORWARD DROP"],
  ],
];
for (const [what, rules] of firewalls)
  test(
    `as root: out of a host that ${what}`,
    { skip: cannotRunAs("root") || (!findProgram("iptables") && "needs iptables") },
    async (t) => {
      const onHost = await makeHost(t);
      for (const rule of rules) await runOrThrow(onHost("iptables", ...rule.split(" ")));
      const before = await runOrThrow(onHost("iptables", "-S"));
      const { room } = await opened(t, "root", onHost());
      const sandbox = await room.attach(plainRequest("out", { ports: { "7/tcp": [{}] } }));
      await serve(t, room, sandbox, echo(7));
      assert.equal(await inside(room, sandbox, tryConnect("198.51.100.2", 80)), "connected");
      assert.equal(await inside(room, sandbox, tryConnect("198.51.100.1", hostPort(sandbox, "7/tcp"))), "connected");
      await room.close({ everything: true });
      assert.equal(await runOrThrow(onHost("iptables", "-S")), before);
    },
  );

test("as root: beside a dockerd, which goes on as it was", { skip: cannotRunAs("root") || cannotRunDockerd() }, async (t) => {
  const onHost = await makeHost(t);
  const base = mkdtempSync(join(tmpdir(), "berth-dockerd-"));
  const dockerd = await startDockerd(base, onHost());
  t.after(async () => {
    await dockerd.stop();
    rmSync(base, { recursive: true, force: true });
  });
  // It answers once it has its rules.
  await runOrThrow(["docker", "-H", dockerd.socket, "version"]);
  // Counters and comments aside.
  const rules = async (): Promise<string> => (await runOrThrow(onHost("iptables-save"))).replaceAll(/^#.*\n|\[.*?\]/gm, "");
  const before = await rules();
  const { room } = await opened(t, "root", onHost());
  assert.equal(await room.problem(), "");
  const sandbox = await room.attach(plainRequest("out", { ports: { "7/tcp": [{}] } }));
  await serve(t, room, sandbox, echo(7));
  const peer = await room.attach(plainRequest("peer"));
  assert.equal(await inside(room, peer, tryConnect("198.51.100.2", 80)), "connected");
  assert.equal(await inside(room, peer, tryConnect(sandbox.endpoints[0]!.ipv4, 7)), "connected");
  assert.equal(await inside(room, peer, tryConnect("198.51.100.1", hostPort(sandbox, "7/tcp"))), "connected");
  assert.deepEqual(
    (await room.list())
      .flatMap(({ ipam }) => (ipam.Config ?? []).map(({ Subnet }) => Subnet))
      .filter((subnet) => subnet === "172.17.0.0/16"),
    [],
    "dockerd's own subnet is left to it",
  );
  await room.close({ everything: true });
  assert.equal(await rules(), before);
});
