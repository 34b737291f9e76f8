import assert from "node:assert/strict";
import { test } from "node:test";
import { LiveNetwork } from "./live-network.ts";
import type { Endpoint } from "./networks.ts";
import { rulesOf } from "./rules.ts";
import { embeddedDns, gatewayOf, gatewaysOf, hostsOf, linkHostsOf, netdSandboxOf, portOf, resolvConfOf } from "./sandbox.ts";
import type { NetworkRecord } from "./store.ts";

function network(name: string, subnet: string, more: Partial<NetworkRecord> = {}): LiveNetwork {
  const id = Buffer.from(name.padEnd(32, ".")).toString("hex");
  return new LiveNetwork({
    id,
    name,
    driver: "bridge",
    createdAt: "",
    internal: false,
    attachable: false,
    ipv6: false,
    ipam: { Driver: "default", Options: {}, Config: [{ Subnet: subnet }] },
    chosen: true,
    options: {},
    labels: {},
    ...more,
  });
}

const front = network("front", "10.1.0.0/24");
const back = network("back", "10.2.0.0/24");
const vault = network("vault", "10.4.0.0/24", { internal: true });
const bridge = network("bridge", "172.17.0.0/16", { chosen: false });
const all = [front, back, vault, bridge];
const networkOf = ({ networkId }: Endpoint) => all.find(({ record }) => record.id === networkId);
let count = 0;
const place = (on: LiveNetwork, settings = {}): Endpoint =>
  on.allocate({ containerId: `c${count++}`.padEnd(64, "0"), containerName: "web", hostname: "web.example", settings });

test("allocate() gives the next address, a MAC made from it, and names on user-defined networks only", () => {
  const { ipv4, prefix, gateway, macAddress, dnsNames } = place(front, { Aliases: ["www", "web"] });
  assert.deepEqual([ipv4, prefix, gateway, macAddress], ["10.1.0.2", 24, "10.1.0.1", "02:42:0a:01:00:02"]);
  assert.deepEqual(dnsNames, ["web", "www", "c00000000000", "web.example"]);
  assert.deepEqual(place(bridge).dnsNames, []);
});

test("allocate() gives no gateway on an internal network", () => {
  assert.equal(place(vault).gateway, "");
});

test("allocate() gives a released address again", () => {
  const net = network("again", "10.9.0.0/29");
  const first = place(net);
  place(net);
  net.release(first.containerId);
  assert.equal(place(net).ipv4, first.ipv4);
});

const refused: [string, LiveNetwork, object, { kind: string; message: string | RegExp }][] = [
  [
    "an address on the default bridge",
    bridge,
    { IPAMConfig: { IPv4Address: "172.17.0.9" } },
    { kind: "invalid", message: /user specified IP address is supported on user defined networks only$/ },
  ],
  [
    "an address where the subnet was picked",
    network("picked", "10.5.0.0/24", { chosen: false }),
    { IPAMConfig: { IPv4Address: "10.5.0.9" } },
    { kind: "invalid", message: /only when connecting to networks with user configured subnets$/ },
  ],
  [
    "an address of another subnet",
    back,
    { IPAMConfig: { IPv4Address: "10.1.0.9" } },
    { kind: "invalid", message: "invalid endpoint settings:\nno configured subnet or ip-range contain the IP address 10.1.0.9" },
  ],
  ["the gateway's address", back, { IPAMConfig: { IPv4Address: "10.2.0.1" } }, { kind: "forbidden", message: "Address already in use" }],
  [
    "what is no address",
    back,
    { IPAMConfig: { IPv4Address: "10.2.0.1; drop" } },
    { kind: "invalid", message: "invalid endpoint settings:\ninvalid IPv4 address: 10.2.0.1; drop" },
  ],
  ["what is no MAC address", back, { MacAddress: "02:42" }, { kind: "invalid", message: /invalid MAC address/ }],
];
for (const [what, on, settings, want] of refused)
  test(`allocate() refuses ${what}`, () => {
    assert.throws(() => place(on, settings), want);
  });

test("allocate() refuses a second place of the same container", () => {
  const request = { containerId: "d".repeat(64), containerName: "web", hostname: "", settings: {} };
  back.allocate(request);
  assert.throws(() => back.allocate(request), { kind: "forbidden", message: "endpoint with name web already exists in network back" });
});

test("gatewaysOf() gives each family its own default route", () => {
  const six = network("six", "10.5.0.0/24", {
    ipam: { Driver: "default", Options: {}, Config: [{ Subnet: "10.5.0.0/24" }, { Subnet: "fd05::/64" }] },
  });
  const [a, b] = [place(back), place(six)];
  assert.deepEqual([gatewaysOf(a, [a, b]), gatewaysOf(b, [a, b])], [["10.2.0.1"], ["fd05::1"]]);
  assert.deepEqual(gatewaysOf(b, [b]), ["10.5.0.1", "fd05::1"]);
});

test("gatewayOf() takes the highest priority, then the first name, never an internal network", () => {
  const [a, b, c] = [place(front), place(back), place(vault)];
  assert.equal(gatewayOf([a, b, c])?.networkName, "back");
  assert.equal(gatewayOf([place(front, { GwPriority: 1 }), b, c])?.networkName, "front");
  assert.equal(gatewayOf([c]), undefined);
});

test("embeddedDns() leads to a network with names, internal ones too", () => {
  assert.equal(embeddedDns([place(bridge)], networkOf), null);
  assert.equal(embeddedDns([place(bridge), place(front)], networkOf), "10.1.0.1");
  assert.equal(embeddedDns([place(vault)], networkOf), "10.4.0.1");
});

test("resolvConfOf() names 127.0.0.11 on user-defined networks, the gateway or the container's own servers otherwise", () => {
  const host = { search: [], options: [] };
  const dns = { servers: ["9.9.9.9"], search: [], options: [] };
  assert.match(resolvConfOf({ host, dns, embedded: "10.1.0.1", gateway: "" }), /^nameserver 127\.0\.0\.11\noptions ndots:0$/m);
  assert.match(resolvConfOf({ host, dns, embedded: null, gateway: "172.17.0.1" }), /^nameserver 9\.9\.9\.9$/m);
  assert.match(resolvConfOf({ host, dns: { ...dns, servers: [] }, embedded: null, gateway: "172.17.0.1" }), /^nameserver 172\.17\.0\.1$/m);
});

test("hostsOf() has the full name before the short one", () => {
  const endpoint = place(front);
  assert.deepEqual(hostsOf([endpoint], "my.example.org"), [`${endpoint.ipv4}\tmy.example.org my`]);
  assert.deepEqual(hostsOf([endpoint], "my"), [`${endpoint.ipv4}\tmy`]);
});

test("linkHostsOf() names linked containers by alias, id and name", () => {
  const web = place(bridge);
  const linked = place(bridge, { Links: ["web:w", "/gone:/app/g"] });
  assert.deepEqual(linked.links, { w: "web", g: "gone" });
  assert.deepEqual(linkHostsOf(linked, [web]), [`${web.ipv4}\tw ${web.containerId.slice(0, 12)} web`]);
});

test("netdSandboxOf() leads ports to the network with the default route and lowers names", () => {
  const endpoints = [place(front), place(back, { Aliases: ["WWW"] })];
  const told = netdSandboxOf({ containerId: "x", endpoints, dns: { servers: ["9.9.9.9"], search: [], options: [] } });
  assert.equal(told.address, endpoints[1]?.ipv4);
  assert.deepEqual(told.servers, ["9.9.9.9"]);
  assert.equal(told.endpoints[1]?.names.includes("www"), true);
});

test("names of interfaces fit the kernel's 15 characters", () => {
  assert.equal(portOf(place(front)).length <= 15, true);
  assert.equal(front.bridge.length <= 15, true);
});

test("rulesOf() lets networks out and keeps them apart, internal ones in", () => {
  const bridges = [
    { bridge: "bb1", internal: false, betweenContainers: true },
    { bridge: "bb2", internal: true, betweenContainers: false },
  ];
  const chain = rulesOf(bridges, {
    veth: { host: "169.254.64.1", inside: "169.254.64.2", device: "berth", switchedForwarding: [] },
    ipv6: null,
  }).chains.find(({ hook }) => hook === "forward");
  assert.equal(chain?.policy, "drop");
  const shown = chain.rules.map(({ iif, oif, from, verdict }) => [iif, oif, from, verdict].filter(Boolean).join(" "));
  assert.deepEqual(shown, [
    "accept",
    "drop",
    "bb1 bb1 accept",
    "bb1 uplink accept",
    "uplink bb1 169.254.64.1 accept",
    "bb2 bb2 drop",
    "bb* reject",
  ]);
});
