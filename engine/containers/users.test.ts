import assert from "node:assert/strict";
import { test } from "node:test";
import { lookUpUser } from "./users.ts";

const files = {
  passwd: "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\n# comment\n12:x:50:50::/twelve:\n",
  group: "root:x:0:\nwheel:x:10:root,app\napp:x:1001:\nvideo:x:44:\n",
};

for (const [user, groupAdd, want] of [
  ["", [], { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" }],
  ["root", [], { uid: 0, gid: 0, additionalGids: [0, 10], home: "/root" }],
  ["app", ["video", "77"], { uid: 1000, gid: 1001, additionalGids: [1001, 10, 44, 77], home: "/home/app" }],
  ["1000", [], { uid: 1000, gid: 1001, additionalGids: [1001, 10], home: "/home/app" }],
  ["app:wheel", [], { uid: 1000, gid: 10, additionalGids: [10], home: "/home/app" }],
  ["12", [], { uid: 50, gid: 50, additionalGids: [50], home: "/twelve" }],
  ["99", [], { uid: 99, gid: 0, additionalGids: [0], home: "/" }],
  ["99:98", [], { uid: 99, gid: 98, additionalGids: [98], home: "/" }],
] as const)
  test(`lookUpUser() finds ${JSON.stringify(user)} with groups ${groupAdd.join() || "none"}`, () => {
    assert.deepEqual(lookUpUser(user, groupAdd, files), want);
  });

for (const [user, groupAdd, want] of [
  ["nosuchuser", [], "unable to find user nosuchuser: no matching entries in passwd file"],
  ["app:nogroup", [], "unable to find group nogroup: no matching entries in group file"],
  ["app", ["nogroup"], "unable to find group nogroup: no matching entries in group file"],
  ["4294967296", [], "uids and gids must be in range 0-2147483647"],
] as const)
  test(`lookUpUser() refuses ${user} ${groupAdd.join()}`, () => {
    assert.throws(() => lookUpUser(user, groupAdd, files), { kind: "invalid", message: want });
  });

test("lookUpUser() needs no files for root and for numbers", () => {
  assert.deepEqual(lookUpUser("", [], { passwd: "", group: "" }), { uid: 0, gid: 0, additionalGids: [0], home: "/" });
});
