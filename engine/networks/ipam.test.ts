import assert from "node:assert/strict";
import { test } from "node:test";
import type { Ipam, IpamPoolConfig } from "../api/types/network.ts";
import { formatAddress, formatPrefix, parseAddress, parsePrefix } from "../host/cidr.ts";
import { claimAddress, configOf, pickAddress, poolFrom, poolsFor, problemsOf } from "./ipam.ts";

const problems: [IpamPoolConfig, string[]][] = [
  [{ Subnet: "10.99.0.0/24" }, []],
  [{ Subnet: "10.99.0.0" }, ["invalid subnet 10.99.0.0: invalid CIDR block notation"]],
  [{ Subnet: "10.99.0.1/24" }, ["invalid subnet 10.99.0.1/24: it should be 10.99.0.0/24"]],
  [{ Subnet: "10.99.0.0/24", Gateway: "1.2.3.4" }, ["invalid gateway 1.2.3.4: parent subnet 10.99.0.0/24 doesn't contain this address"]],
  [{ Subnet: "10.99.0.0/24", Gateway: "x; drop" }, ["invalid gateway x; drop: invalid address"]],
  [
    { Subnet: "10.99.0.0/24", IPRange: "10.98.0.0/25" },
    ["invalid ip-range 10.98.0.0/25: parent subnet 10.99.0.0/24 doesn't contain ip-range"],
  ],
  [
    { Subnet: "10.99.0.0/24", IPRange: "10.99.0.0/16" },
    ["invalid ip-range 10.99.0.0/16: CIDR block is bigger than its parent subnet 10.99.0.0/24"],
  ],
  [
    { Subnet: "10.99.0.0/24", AuxiliaryAddresses: { h: "10.1.0.1" } },
    ["invalid auxiliary address h: parent subnet 10.99.0.0/24 doesn't contain this address"],
  ],
  [{ Subnet: "10.99.0.0/24", Gateway: "fd00::1" }, ["invalid gateway fd00::1: parent subnet is an IPv4 block"]],
];
for (const [config, want] of problems)
  test(`problemsOf() judges ${JSON.stringify(config)}`, () => {
    assert.deepEqual(problemsOf({ Config: [config] }, true), want);
  });

const key = "0123456789abcdef";
const taken = (networks: string[], host: string[]) => ({
  networks: networks.map((text) => parsePrefix(text)!),
  host: host.map((text) => parsePrefix(text)!),
});

const picks: [string, string[], string[], string | RegExp][] = [
  ["the first pool", [], [], "172.17.0.0/16"],
  ["the next pool after a network", ["172.17.0.0/16"], [], "172.18.0.0/16"],
  ["a pool clear of a VPN route of the host", ["172.17.0.0/16"], ["172.16.0.0/13", "10.0.0.0/8"], "172.24.0.0/16"],
  ["a pool clear of a single host address", [], ["172.17.5.5/32"], "172.18.0.0/16"],
  ["a small pool when the big ones are gone", ["172.16.0.0/12"], ["192.168.1.0/24"], "192.168.16.0/20"],
  ["nothing when all are gone", ["172.16.0.0/12", "192.168.0.0/16"], [], /all predefined address pools have been fully subnetted/],
];
for (const [what, networks, host, want] of picks)
  test(`poolsFor() picks ${what}`, () => {
    const pick = () => formatPrefix(poolsFor(undefined, { taken: taken(networks, host), ipv6: false, key })[0]!.subnet);
    if (typeof want === "string") assert.equal(pick(), want);
    else assert.throws(pick, want);
  });

test("poolsFor() refuses a subnet that overlaps another network, not one that overlaps the host", () => {
  const ipam: Ipam = { Config: [{ Subnet: "10.99.0.0/24" }] };
  assert.throws(() => poolsFor(ipam, { taken: taken(["10.99.0.0/16"], []), ipv6: false, key }), {
    kind: "forbidden",
    message: "invalid pool request: Pool overlaps with other one on this address space",
  });
  assert.equal(poolsFor(ipam, { taken: taken([], ["10.99.0.0/16"]), ipv6: false, key }).length, 1);
});

test("poolsFor() says all problems in Docker's words", () => {
  assert.throws(
    () => poolsFor({ Config: [{ Subnet: "10.99.0.0" }, { Subnet: "10.0.0.1/8" }] }, { taken: taken([], []), ipv6: false, key }),
    {
      kind: "invalid",
      message:
        "invalid network config:\ninvalid subnet 10.99.0.0: invalid CIDR block notation\ninvalid subnet 10.0.0.1/8: it should be 10.0.0.0/8",
    },
  );
});

test("poolsFor() adds a unique local IPv6 subnet when asked for IPv6", () => {
  const pools = poolsFor(undefined, { taken: taken([], []), ipv6: true, key });
  assert.deepEqual(pools.map(configOf), [
    { Subnet: "172.17.0.0/16", Gateway: "172.17.0.1" },
    { Subnet: "fd01:2345:6789::/64", Gateway: "fd01:2345:6789::1" },
  ]);
});

const configs: [IpamPoolConfig, IpamPoolConfig][] = [
  [{ Subnet: "10.99.0.0/24" }, { Subnet: "10.99.0.0/24", Gateway: "10.99.0.1" }],
  [
    { Subnet: "10.99.0.0/24", IPRange: "10.99.0.128/25", Gateway: "10.99.0.9", AuxiliaryAddresses: { h: "10.99.0.5" } },
    { Subnet: "10.99.0.0/24", IPRange: "10.99.0.128/25", Gateway: "10.99.0.9", AuxiliaryAddresses: { h: "10.99.0.5" } },
  ],
];
for (const [config, want] of configs)
  test(`configOf() shows ${JSON.stringify(config)}`, () => {
    const shown = configOf(poolFrom(config, true));
    assert.deepEqual(shown, want);
    assert.deepEqual(configOf(poolFrom(shown, true)), want);
  });

const small = poolFrom({ Subnet: "10.0.0.0/29", Gateway: "10.0.0.3", AuxiliaryAddresses: { a: "10.0.0.2" } }, true);
const used = (...texts: string[]) => new Set(texts.map((text) => parseAddress(text)!.value));

const addresses: [string, Set<bigint>, string | RegExp][] = [
  ["the lowest free one", used(), "10.0.0.1"],
  ["past gateway and auxiliary addresses", used("10.0.0.1"), "10.0.0.4"],
  ["the last before broadcast", used("10.0.0.1", "10.0.0.4", "10.0.0.5"), "10.0.0.6"],
  ["none when full", used("10.0.0.1", "10.0.0.4", "10.0.0.5", "10.0.0.6"), /no available addresses on this pool/],
];
for (const [what, set, want] of addresses)
  test(`pickAddress() takes ${what}`, () => {
    if (typeof want === "string") assert.equal(formatAddress(pickAddress(small, set)), want);
    else assert.throws(() => pickAddress(small, set), want);
  });

test("pickAddress() keeps to the range", () => {
  const pool = poolFrom({ Subnet: "10.99.0.0/24", IPRange: "10.99.0.128/25" }, true);
  assert.equal(formatAddress(pool.gateway), "10.99.0.128");
  assert.equal(formatAddress(pickAddress(pool, used())), "10.99.0.129");
});

const claims: [string, RegExp | undefined][] = [
  ["10.0.0.6", undefined],
  ["10.0.0.3", /Address already in use/],
  ["10.0.0.4", /Address already in use/],
  ["10.0.0.7", /Address already in use/],
  ["10.1.0.1", /requested address is out of range/],
];
for (const [text, want] of claims)
  test(`claimAddress() judges ${text}`, () => {
    const claim = () => claimAddress(small, parseAddress(text)!, used("10.0.0.4"));
    if (want) assert.throws(claim, want);
    else assert.equal(formatAddress(claim()), text);
  });
