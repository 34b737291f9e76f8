import assert from "node:assert/strict";
import { test } from "node:test";
import { formatPrefix, overlaps, parsePrefix } from "./cidr.ts";
import { pastaVersion } from "./uplink-process.ts";
import { freeIpv6Ends } from "./uplink-ipv6.ts";
import { freeSubnet } from "./uplink-veth.ts";

const versions: [string, number][] = [
  ["pasta 2023_12_04.b86afe3\nCopyright", 20231204],
  ["pasta 0.0~git20240906.6b38f07-1\n", 20240906],
  ["pasta unknown version\n", 0],
  ["", 0],
];
for (const [text, want] of versions)
  test(`pastaVersion() reads ${JSON.stringify(text)}`, () => {
    assert.equal(pastaVersion(text), want);
  });

test("freeSubnet() is the same for the same engine, another for others, and clear of what is taken", () => {
  const first = freeSubnet("berth-1", []);
  assert.equal(formatPrefix(freeSubnet("berth-1", [])), formatPrefix(first));
  assert.notEqual(formatPrefix(freeSubnet("berth-2", [])), formatPrefix(first));
  const next = freeSubnet("berth-1", [first]);
  assert.equal(overlaps(next, first), false);
  assert.equal(overlaps(next, parsePrefix("169.254.64.0/18")!), true);
  assert.throws(() => freeSubnet("berth-1", [parsePrefix("169.254.0.0/16")!]), /is in use/);
});

test("freeIpv6Ends() is the same for the same engine, another for others, and clear of what is taken", () => {
  const first = freeIpv6Ends("berth-1", ["10.0.0.0/8"]);
  assert.deepEqual(freeIpv6Ends("berth-1", []), first);
  assert.notDeepEqual(freeIpv6Ends("berth-2", []), first);
  assert.notDeepEqual(freeIpv6Ends("berth-1", [`${first.host}/64`]), first);
  assert.match(first.host, /^fd62:/);
});
