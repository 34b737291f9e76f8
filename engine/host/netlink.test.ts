import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import { enterNamespace, unshare } from "./namespace.ts";
import { NETLINK_ROUTE, NetlinkSocket } from "./netlink-socket.ts";
import {
  addAddress,
  addBridge,
  addRoute,
  addVeth,
  addressBytes,
  addressText,
  attribute,
  attributesOf,
  deleteAddress,
  deleteGroup,
  deleteLink,
  deleteRoute,
  getAddresses,
  getLink,
  getLinks,
  getRoutes,
  nested,
  readAddress,
  readLink,
  readRoute,
  retirePort,
  setUp,
  text,
  u32,
} from "./netlink.ts";

const skip = process.getuid!() === 0 ? undefined : "needs root";

const addresses: [string, string, string][] = [
  ["10.1.2.255", "0a0102ff", "10.1.2.255"],
  ["::1", "00000000000000000000000000000001", "0:0:0:0:0:0:0:1"],
  ["fd00::", "fd000000000000000000000000000000", "fd00:0:0:0:0:0:0:0"],
  ["2001:db8::a:b", "20010db80000000000000000000a000b", "2001:db8:0:0:0:0:a:b"],
];
for (const [written, bytes, read] of addresses)
  test(`addressBytes() reads ${written}`, () => {
    assert.equal(addressBytes(written).toString("hex"), bytes);
    assert.equal(addressText(addressBytes(written)), read);
  });

test("attributesOf() finds what attribute() and nested() packed", () => {
  const inner = attributesOf(nested(7, attribute(1, text("eth0")), attribute(2, u32(9))).subarray(4));
  assert.equal(inner.get(1)?.toString(), "eth0\0");
  assert.equal(inner.get(2)?.readUInt32LE(), 9);
});

test("attributesOf() ends at a length that cannot be", () => {
  assert.equal(attributesOf(Buffer.from([0, 0, 1, 0, 9, 9])).size, 0);
});

/** Runs `act` in a namespace of its own, where `ip -j` shows what the kernel understood. */
function inNewNetns(act: (socket: NetlinkSocket, home: number) => void): void {
  const home = openSync("/proc/thread-self/ns/net", "r");
  unshare("net");
  const here = openSync("/proc/thread-self/ns/net", "r");
  try {
    const socket = new NetlinkSocket(NETLINK_ROUTE);
    act(socket, here);
    socket.close();
  } finally {
    enterNamespace(home, "net");
    closeSync(home);
    closeSync(here);
  }
}

const ip = (...args: string[]): Record<string, unknown>[] =>
  JSON.parse(execFileSync("ip", ["-j", "-d", ...args], { encoding: "utf8" }) || "[]") as Record<string, unknown>[];

test("addBridge() and addAddress() make what ip shows", { skip }, () => {
  inNewNetns((socket) => {
    socket.run(
      addBridge({ name: "bb0", index: 10, mac: "02:42:00:00:00:01", mtu: 9000 }),
      addAddress(10, { address: "172.17.0.1", prefix: 16 }),
      addAddress(10, { address: "fd00:1::1", prefix: 64 }),
    );
    const bridge = ip("addr", "show", "bb0")[0]!;
    assert.equal(bridge["address"], "02:42:00:00:00:01");
    assert.equal(bridge["mtu"], 9000);
    assert.equal((bridge["linkinfo"] as { info_kind: string }).info_kind, "bridge");
    const shown = (bridge["addr_info"] as { local: string; prefixlen: number; broadcast?: string }[]).map(
      ({ local, prefixlen, broadcast }) => `${local}/${prefixlen} ${broadcast ?? ""}`,
    );
    assert.deepEqual(shown.slice(0, 2), ["172.17.0.1/16 172.17.255.255", "fd00:1::1/64 "]);
    assert.deepEqual(socket.query(getAddresses()).map(readAddress)[0], { index: 10, address: "172.17.0.1", prefix: 16 });
    socket.run(deleteAddress(10, { address: "172.17.0.1", prefix: 16 }));
    assert.equal(
      socket
        .query(getAddresses())
        .map(readAddress)
        .some(({ address }) => address === "172.17.0.1"),
      false,
    );
  });
});

test("addVeth(), setUp() and addRoute() make what ip shows", { skip }, () => {
  inNewNetns((socket, here) => {
    socket.run(addBridge({ name: "bb0", index: 10 }));
    socket.run(addVeth({ name: "eth0", index: 20, mac: "02:42:ac:11:00:02", mtu: 1400 }, { name: "v0", mtu: 1400 }, here));
    socket.run(addAddress(20, { address: "172.17.0.2", prefix: 16 }), setUp("v0", 10));
    socket.run(addRoute({ to: "0.0.0.0/0", via: "172.17.0.1", index: 20 }), addRoute({ to: "10.9.0.0/16", index: 10 }));
    const port = socket
      .query(getLinks())
      .map(readLink)
      .find(({ name }) => name === "v0");
    assert.deepEqual({ kind: port?.kind, master: port?.master, mtu: port?.mtu }, { kind: "veth", master: 10, mtu: 1400 });
    const routes = ip("route").map(({ dst, gateway, dev }) => [dst, gateway, dev]);
    assert.deepEqual(routes, [
      ["default", "172.17.0.1", "eth0"],
      ["10.9.0.0/16", undefined, "bb0"],
      ["172.17.0.0/16", undefined, "eth0"],
    ]);
    const read = socket.query(getRoutes()).flatMap((reply) => readRoute(reply) ?? []);
    assert.deepEqual(read[0], { to: "0.0.0.0/0", via: "172.17.0.1", index: 20 });
    socket.run(deleteRoute({ to: "0.0.0.0/0", via: "172.17.0.1", index: 20 }));
    assert.equal(ip("route").length, 2);
    socket.run(addRoute({ to: "10.8.0.0/16", via: "172.17.0.1", index: 20 }));
    socket.run(deleteRoute({ to: "10.8.0.0/16", index: 20 }));
    assert.equal(ip("route").length, 2);
    socket.run(deleteLink("v0"));
    assert.throws(() => socket.query(getLink("eth0")), { code: "ENODEV" });
  });
});

test("retirePort() cuts a port off, deleteGroup() deletes it", { skip }, () => {
  inNewNetns((socket, here) => {
    socket.run(
      addBridge({ name: "bb0", index: 10 }),
      addVeth({ name: "eth0", index: 20 }, { name: "v0", index: 21 }, here),
      setUp("v0", 10),
      setUp("eth0"),
      setUp("bb0"),
    );
    const port = (): string | undefined =>
      (JSON.parse(execFileSync("bridge", ["-j", "link"], { encoding: "utf8" })) as { ifname: string; state: string }[])[0]?.state;
    // The kernel tells the bridge of the carrier a moment later; only then is there something to cut off.
    while (port() !== "forwarding");
    socket.run(...retirePort(21, 77));
    assert.equal(port(), "disabled");
    socket.run(deleteGroup(77));
    assert.equal(
      socket
        .query(getLinks())
        .map(readLink)
        .some(({ name }) => name === "v0"),
      false,
    );
    assert.throws(() => socket.run(deleteGroup(77)), { code: "ENODEV" });
  });
});

test("run() says which of several messages failed, and why", { skip }, () => {
  inNewNetns((socket) => {
    assert.throws(
      () => socket.run(setUp("lo"), addAddress(99, { address: "10.0.0.1", prefix: 8 })),
      /Cannot set address 10\.0\.0\.1\/8: .* \(ENODEV\)/,
    );
  });
});
