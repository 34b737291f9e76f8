import assert from "node:assert/strict";
import test from "node:test";
import { firewallInTheWay } from "./foreign-firewall.ts";

const chain = (table: string, policy: string, hook = "forward"): string =>
  `table ${table} {\n\tchain f {\n\t\ttype filter hook ${hook} priority filter; policy ${policy};\n\t}\n}\n`;

const cases: [what: string, listing: string, fix: string | undefined][] = [
  ["nothing", "", undefined],
  ["a chain that accepts", chain("inet filter", "accept"), undefined],
  ["a chain for what comes in", chain("inet filter", "drop", "input"), undefined],
  ["iptables, where our own rules stand first", chain("ip filter", "drop"), undefined],
  [
    "nftables that drop",
    chain("inet other", "accept") + chain("inet filter", "drop"),
    "sudo nft insert rule inet filter f iifname berth accept; sudo nft insert rule inet filter f oifname berth accept",
  ],
  [
    "firewalld",
    chain("inet firewalld", "accept"),
    "sudo firewall-cmd --permanent --zone=trusted --add-interface=berth; sudo firewall-cmd --reload",
  ],
];
for (const [what, listing, fix] of cases)
  test(`firewallInTheWay() sees ${what}`, () => assert.equal(firewallInTheWay(listing, "berth")?.fix, fix));
