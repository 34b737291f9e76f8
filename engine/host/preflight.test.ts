import assert from "node:assert/strict";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { enginePaths } from "./paths.ts";
import { installCommand, preflight } from "./preflight.ts";
import { firstFreeId, parseSubordinateIds } from "./subordinate-ids.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-preflight-"));
after(() => rmSync(folder, { recursive: true, force: true }));

for (const [osRelease, program, want] of [
  ["ID=debian\n", "newuidmap", "sudo apt-get install -y uidmap"],
  ['NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', "crun", "sudo apt-get install -y crun"],
  ["ID=linuxmint\nID_LIKE=ubuntu\n", "nftables", "sudo apt-get install -y nftables"],
  ["ID=fedora\n", "newuidmap", "sudo dnf install -y shadow-utils"],
  ['ID="rocky"\nID_LIKE="rhel centos fedora"\n', "slirp4netns", "sudo dnf install -y slirp4netns"],
  ["ID=arch\n", "newuidmap", "sudo pacman -S --noconfirm shadow"],
  ["ID=alpine\n", "newuidmap", "sudo apk add shadow-uidmap"],
  ['ID="opensuse-leap"\nID_LIKE="suse opensuse"\n', "crun", "sudo zypper install -y crun"],
  ["ID=plan9\n", "crun", "Install crun with your distribution's package manager"],
  ["", "crun", "Install crun with your distribution's package manager"],
] as const)
  test(`installCommand() of ${program} on ${JSON.stringify(osRelease)}`, () => assert.equal(installCommand(program, osRelease), want));

for (const [text, want] of [
  ["tester:100000:65536\n", { first: 100000, count: 65536 }],
  ["other:1:65536\n1001:200000:70000\n", { first: 200000, count: 70000 }],
  ["tester:100000:1000\ntester:300000:65536", { first: 300000, count: 65536 }],
  ["tester:100000:65535\n", undefined],
  ["tester:x:65536\nnonsense\n\n", undefined],
  ["testers:100000:65536\n", undefined],
  ["", undefined],
] as const)
  test(`parseSubordinateIds() reads ${JSON.stringify(text)}`, () =>
    assert.deepEqual(parseSubordinateIds(text, { name: "tester", uid: 1001 }), want));

test("firstFreeId() lies behind every range", () => {
  assert.equal(firstFreeId("", "# nothing\n"), 100000);
  assert.equal(firstFreeId("a:100000:65536\n", "a:100000:65536\nb:500000:65536\n"), 565536);
});

test("preflight() claims the run directory for its user alone", () => {
  const paths = enginePaths(join(folder, "root"));
  preflight(paths);
  assert.equal(statSync(paths.run).mode & 0o777, 0o700);
});

test("preflight() says which folder cannot be written", () => {
  writeFileSync(join(folder, "file"), "");
  const [problem] = preflight(enginePaths(join(folder, "file")));
  assert.equal(problem!.id, "root-not-writable");
  assert.match(problem!.message, /^Cannot write to the engine's folder ".*\/file\/storage" \(ENOTDIR\)$/);
});

test("preflight() refuses a root among the kernel's own files", () => {
  const [problem] = preflight(enginePaths("/proc/berth"));
  assert.deepEqual(problem!.message, `Cannot write to the engine's folder "/proc/berth/storage" (EROFS)`);
});
