import assert from "node:assert/strict";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makeFifo } from "../host/descriptor.ts";
import { kindInside, linkMountTable, markRoot, readTextInside, resolveInside, ROOT_MARK } from "./rootfs.ts";

const root = mkdtempSync(join(tmpdir(), "berth-rootfs-"));
after(() => rmSync(root, { recursive: true, force: true }));
for (const path of ["etc", "a/b", "proc"]) mkdirSync(join(root, path), { recursive: true });
writeFileSync(join(root, "etc/passwd"), "inside");
makeFifo(join(root, "etc/fifo"));
for (const [target, path] of [
  ["/etc", "abs"],
  ["../../../../etc", "up"],
  ["b", "a/rel"],
  ["/proc/self/fd/7", "leak"],
  ["leak", "leak2"],
  ["loop", "loop"],
  ["/etc/passwd", "etc/link"],
  ["/dev/zero", "etc/zero"],
] as const)
  symlinkSync(target, join(root, path));

for (const [path, want] of [
  ["/", "/"],
  ["/a/b", "/a/b"],
  ["/a/rel/x", "/a/b/x"],
  ["/abs/passwd", "/etc/passwd"],
  ["/up", "/etc"],
  ["/up/../..", "/"],
  ["/leak", "/proc/self/fd/7"],
  ["/leak2/etc", "/proc/self/fd/7/etc"],
  ["/missing/x", "/missing/x"],
] as const)
  test(`resolveInside() takes ${path} to ${want}`, () => assert.equal(resolveInside(root, path), want));

test("resolveInside() ends in a loop of links", () => assert.match(resolveInside(root, "/loop"), /^\/loop/));

for (const [path, want] of [
  ["/etc/passwd", "inside"],
  ["/etc/link", "inside"],
  ["/up/passwd", "inside"],
  ["/etc/fifo", ""],
  ["/etc/zero", ""],
  ["/etc", ""],
  ["/none", ""],
] as const)
  test(`readTextInside() of ${path}`, () => assert.equal(readTextInside(root, path), want));

for (const [path, want] of [
  ["/etc", "directory"],
  ["/abs", "directory"],
  ["/etc/passwd", "file"],
  ["/etc/fifo", "other"],
  ["/leak", undefined],
  ["/loop", undefined],
] as const)
  test(`kindInside() of ${path} is ${want}`, () => assert.equal(kindInside(root, path), want));

test("linkMountTable() links /etc/mtab inside the root, and leaves what has its name", () => {
  const path = join(root, "etc/mtab");
  linkMountTable(root);
  assert.equal(readlinkSync(path), "/proc/mounts");
  rmSync(path);
  writeFileSync(path, "own");
  linkMountTable(root);
  assert.equal(readFileSync(path, "utf8"), "own");
  linkMountTable(mkdtempSync(join(root, "without-etc-")));
});

test("markRoot() makes an empty file, and leaves what has its name", () => {
  markRoot(root);
  markRoot(root);
  assert.equal(statSync(join(root, ROOT_MARK)).size, 0);
  rmSync(join(root, ROOT_MARK));
  symlinkSync("/made", join(root, ROOT_MARK));
  markRoot(root);
  assert.ok(lstatSync(join(root, ROOT_MARK)).isSymbolicLink() && !existsSync(join(root, "made")));
});
