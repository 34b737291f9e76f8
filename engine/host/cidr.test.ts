import assert from "node:assert/strict";
import { test } from "node:test";
import { contains, formatAddress, formatPrefix, masked, overlaps, parseAddress, parsePrefix } from "./cidr.ts";

const spellings: [string, string | undefined][] = [
  ["10.0.0.1", "10.0.0.1"],
  ["255.255.255.255", "255.255.255.255"],
  ["010.0.0.1", undefined],
  ["10.0.0", undefined],
  ["10.0.0.256", undefined],
  ["", undefined],
  ["::", "::"],
  ["::1", "::1"],
  ["fd00::", "fd00::"],
  ["2001:DB8:0:0:1:0:0:1", "2001:db8::1:0:0:1"],
  ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"],
  ["10:0:0:20::1", "10:0:0:20::1"],
  ["::ffff:1.2.3.4", "::ffff:102:304"],
  ["fe80::1%eth0", undefined],
  ["1::2::3", undefined],
];
for (const [text, want] of spellings)
  test(`parseAddress() reads ${text || "nothing"}`, () => {
    const address = parseAddress(text);
    assert.equal(address && formatAddress(address), want);
  });

const prefixes: [string, string | undefined][] = [
  ["10.1.2.3/8", "10.0.0.0/8"],
  ["10.1.2.3/32", "10.1.2.3/32"],
  ["10.1.2.3/0", "0.0.0.0/0"],
  ["10.1.2.3/33", undefined],
  ["10.1.2.3", undefined],
  ["10.1.2.3/-1", undefined],
  ["fd00:1:2:3::9/64", "fd00:1:2:3::/64"],
  ["fd00::/129", undefined],
];
for (const [text, want] of prefixes)
  test(`parsePrefix() reads ${text}`, () => {
    const prefix = parsePrefix(text);
    assert.equal(prefix && formatPrefix(masked(prefix)), want);
  });

const pairs: [string, string, boolean][] = [
  ["172.17.0.0/16", "172.17.9.0/24", true],
  ["172.17.9.0/24", "172.17.0.0/16", true],
  ["172.17.0.0/16", "172.18.0.0/16", false],
  ["10.0.0.5/24", "10.0.0.200/32", true],
  ["0.0.0.0/0", "10.0.0.0/8", true],
  ["::/0", "10.0.0.0/8", false],
];
for (const [a, b, want] of pairs)
  test(`overlaps() compares ${a} with ${b}`, () => {
    assert.equal(overlaps(parsePrefix(a)!, parsePrefix(b)!), want);
  });

test("contains() takes the edges", () => {
  const prefix = parsePrefix("10.0.0.0/30")!;
  const inside = ["9.255.255.255", "10.0.0.0", "10.0.0.3", "10.0.0.4"].map((text) => contains(prefix, parseAddress(text)!));
  assert.deepEqual(inside, [false, true, true, false]);
});
