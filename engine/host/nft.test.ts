import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { test } from "node:test";
import type { NftRule, NftTable } from "./nft.ts";
import { removeTable, replaceTable } from "./nft.ts";
import { enterNamespace, unshare } from "./namespace.ts";
import { NETLINK_NETFILTER, NetlinkSocket } from "./netlink-socket.ts";

/** Runs `act` in a network namespace of its own, with this process's children in it too. */
function inNewNetns(act: (socket: NetlinkSocket) => void): void {
  const home = openSync("/proc/thread-self/ns/net", "r");
  unshare("net");
  try {
    act(new NetlinkSocket(NETLINK_NETFILTER));
  } finally {
    enterNamespace(home, "net");
    closeSync(home);
  }
}

const nft = (...args: string[]): string => execFileSync("nft", args, { encoding: "utf8" });
const skip = process.getuid!() === 0 ? undefined : "needs root";

/** Each rule as Berth says it, and as nft reads it back from the kernel. */
const cases: [NftRule, string][] = [
  [{ verdict: "drop" }, "drop"],
  [{ iif: "bb0", oif: "bb0", verdict: "accept" }, 'iifname "bb0" oifname "bb0" accept'],
  [{ iif: "bb*", protocol: "udp", port: 53, verdict: "accept" }, 'iifname "bb*" udp dport 53 accept'],
  [{ iif: "bb*", protocol: "icmp", verdict: "accept" }, 'iifname "bb*" meta l4proto icmp accept'],
  [{ notOif: "lo", from: "10.128.0.0/9", verdict: "drop" }, 'oifname != "lo" ip saddr 10.128.0.0/9 drop'],
  [{ from: "169.254.7.1", to: "172.16.0.0/12", verdict: "accept" }, "ip saddr 169.254.7.1 ip daddr 172.16.0.0/12 accept"],
  [{ from: "fd00::/7", verdict: "accept" }, "ip6 saddr fd00::/7 accept"],
  [{ state: ["established", "related"], verdict: "accept" }, "ct state established,related accept"],
  [{ state: ["invalid"], verdict: "drop" }, "ct state invalid drop"],
  [{ protocol: "tcp", flagless: true, verdict: "drop" }, "tcp flags ! fin,syn,rst,ack drop"],
  [{ toLocal: true, protocol: "tcp", port: 80, verdict: "drop" }, "meta nfproto ipv4 fib daddr type local tcp dport 80 drop"],
  [{ redirected: true, verdict: "accept" }, "ct status dnat accept"],
  [{ iif: "bb0", verdict: "reject" }, 'iifname "bb0" reject'],
];

const table = (rules: readonly NftRule[]): NftTable => ({
  family: "inet",
  name: "berth",
  chains: [{ name: "b_forward", type: "filter", hook: "forward", priority: 0, policy: "drop", rules }],
});

for (const [rule, want] of cases)
  test(`replaceTable() loads ${want}`, { skip }, () => {
    inNewNetns((socket) => {
      socket.runBatch(replaceTable(table([rule])));
      const listed = nft("list", "ruleset");
      assert.match(listed, /type filter hook forward priority filter; policy drop;/);
      assert.equal(listed.split("\n")[3]?.trim(), want);
    });
  });

test("replaceTable() takes the place of the table before it", { skip }, () => {
  inNewNetns((socket) => {
    socket.runBatch(replaceTable(table([{ iif: "old", verdict: "accept" }])));
    socket.runBatch(replaceTable(table([{ iif: "new", verdict: "accept" }])));
    const listed = nft("list", "ruleset");
    assert.match(listed, /iifname "new"/);
    assert.doesNotMatch(listed, /iifname "old"/);
  });
});

test("replaceTable() rewrites addresses", { skip }, () => {
  inNewNetns((socket) => {
    const rules: NftRule[] = [{ to: "127.0.0.11", protocol: "udp", port: 53, verdict: { dnat: "172.18.0.1", port: 53 } }];
    const masquerade: NftRule[] = [{ from: "127.0.0.0/8", verdict: "masquerade" }];
    socket.runBatch(
      replaceTable({
        family: "ip",
        name: "berth_dns",
        chains: [
          { name: "b_output", type: "nat", hook: "output", priority: -100, policy: "accept", rules },
          { name: "b_postrouting", type: "nat", hook: "postrouting", priority: 100, policy: "accept", rules: masquerade },
        ],
      }),
    );
    const listed = nft("list", "ruleset");
    assert.match(listed, /ip daddr 127\.0\.0\.11 udp dport 53 dnat to 172\.18\.0\.1:53/);
    assert.match(listed, /ip saddr 127\.0\.0\.0\/8 masquerade/);
  });
});

test("replaceTable() changes nothing when one rule is refused", { skip }, () => {
  inNewNetns((socket) => {
    socket.runBatch(replaceTable(table([{ iif: "kept", verdict: "accept" }])));
    assert.throws(
      () => socket.runBatch(replaceTable(table([{ verdict: "accept" }, { verdict: "masquerade" }]))),
      /Cannot add a rule to chain b_forward: .*\(E[A-Z]+\)/,
    );
    assert.match(nft("list", "ruleset"), /iifname "kept"/);
  });
});

test("removeTable() leaves nothing, also the second time", { skip }, () => {
  inNewNetns((socket) => {
    socket.runBatch(replaceTable(table([])));
    for (let turn = 0; turn < 2; turn++) socket.runBatch(removeTable(table([])));
    assert.equal(nft("list", "ruleset"), "");
  });
});
