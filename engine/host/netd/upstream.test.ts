import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { HostResolvers, nameServersOf } from "./upstream.ts";

const cases: [string, string[]][] = [
  ["nameserver 10.0.0.1\nnameserver fd00::1\n", ["10.0.0.1", "fd00::1"]],
  ["# nameserver 1.1.1.1\n  nameserver\t127.0.0.53 # stub\nsearch x\n", ["127.0.0.53"]],
  ["nameserver fe80::1%eth0\nnameserver nonsense\n", []],
  ["", []],
];
for (const [text, want] of cases)
  test(`nameServersOf() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(nameServersOf(text), want);
  });

test("HostResolvers follows the file", (t) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-resolv-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const path = join(directory, "resolv.conf");
  const resolvers = new HostResolvers(path);
  assert.deepEqual(resolvers.servers(), ["127.0.0.1"]);
  writeFileSync(path, "nameserver 10.0.0.1\n");
  assert.deepEqual(resolvers.servers(), ["10.0.0.1"]);
  writeFileSync(join(directory, "new"), "nameserver 10.0.0.2\n");
  renameSync(join(directory, "new"), path);
  assert.deepEqual(resolvers.servers(), ["10.0.0.2"]);
  rmSync(path);
  assert.deepEqual(resolvers.servers(), ["10.0.0.2"]);
});
