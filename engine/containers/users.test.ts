import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveUser } from "./users.ts";

const files = {
  passwd: "root:x:0:0:root:/root:/bin/sh\nweb:x:33:33::/var/www:/bin/false\n# comment\n",
  group: "root:x:0:\nweb:x:33:\nstaff:x:50:web,root\n",
};

const cases: [string, string[], [number, number, number[], string]][] = [
  ["", [], [0, 0, [0, 50], "/root"]],
  ["web", [], [33, 33, [33, 50], "/var/www"]],
  ["33", [], [33, 33, [33, 50], "/var/www"]],
  ["web:staff", [], [33, 50, [50], "/var/www"]],
  ["1000", [], [1000, 0, [0], "/"]],
  ["1000:7", ["staff", "9"], [1000, 7, [7, 50, 9], "/"]],
];
for (const [wanted, groupAdd, [uid, gid, additionalGids, home]] of cases)
  test(`resolveUser() reads ${JSON.stringify(wanted)}`, () =>
    assert.deepEqual(resolveUser(wanted, groupAdd, files), { uid, gid, additionalGids, home }));

const bad: [string, string[], string][] = [
  ["nobody", [], "unable to find user nobody: no matching entries in passwd file"],
  ["web:none", [], "Unable to find group none: no matching entries in group file"],
  ["99999999999", [], "uids and gids must be in range 0-2147483647"],
];
for (const [wanted, groupAdd, message] of bad)
  test(`resolveUser() refuses ${wanted}`, () => assert.throws(() => resolveUser(wanted, groupAdd, files), { message }));
