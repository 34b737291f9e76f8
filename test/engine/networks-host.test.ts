/** What networks do to the host as root, and what they find there: firewalls, forwarding, other engines. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { TestContext } from "node:test";
import { run, runOrThrow } from "../../engine/host/process.ts";
import { findProgram } from "../../engine/host/programs.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { plainRequest } from "../support/networks-room.ts";
import type { RoomProcess } from "../support/networks-room.ts";
import { USERS, cannotRunAs } from "../support/user.ts";
import {
  REFUSED_MS,
  echo,
  hostPort,
  hostServer,
  inside,
  opened,
  serve,
  throughTcp,
  tryConnect,
  node,
} from "../support/networks-traffic.ts";

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
