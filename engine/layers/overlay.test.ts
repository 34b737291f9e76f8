import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs"; // oxfmt-ignore
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import { mountPoints } from "../host/mount.ts";
import { openSnapshots } from "./overlay.ts";
import type { Digest, Snapshots } from "./snapshots.ts";

import { apply, collect, dir, digest, fresh, listing, needsRoot, rootless, tar } from "../../test/support/layers.ts";

async function changed(snapshots: Snapshots, key: string, mountpoints: string[] = []): Promise<string[]> {
  const lines: string[] = [];
  for await (const { path, kind } of snapshots.changes(key, { mountpoints })) lines.push(`${kind[0]} ${path}`);
  return lines;
}

test("changes(), diff() and commit() agree on what was written", needsRoot, async (t) => {
  const { directory, open } = await fresh(t);
  const snapshots = await open();
  const base = await apply(
    snapshots,
    tar([
      dir("etc"),
      [{ name: "etc/a" }, "a"],
      [{ name: "etc/b" }, "b"],
      dir("srv"),
      [{ name: "srv/x" }],
      dir("var"),
      [{ name: "var/log" }],
    ]),
  );
  await snapshots.prepare("k", base.chainId);
  const root = await snapshots.mount("k");
  assert.equal(await snapshots.mount("k"), root);
  writeFileSync(join(root, "etc/a"), "changed");
  rmSync(join(root, "etc/b"));
  rmSync(join(root, "srv"), { recursive: true });
  mkdirSync(join(root, "srv"));
  writeFileSync(join(root, "srv/new"), "new", { mode: 0o600 });
  mkdirSync(join(root, "opt/deep"), { recursive: true });
  chmodSync(join(root, "var"), 0o700);
  symlinkSync("nowhere", join(root, "opt/link"));
  assert.deepEqual(await changed(snapshots, "k"), [
    "m /etc",
    "m /etc/a",
    "d /etc/b",
    "a /opt",
    "a /opt/deep",
    "a /opt/link",
    "m /srv",
    "a /srv/new",
    "m /var",
  ]);
  const archive = await collect(snapshots.diff("k"));
  assert.deepEqual(archive, await collect(snapshots.diff("k")));
  const names = execFileSync("tar", ["-t"], { input: archive, encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(names, ["etc/", "etc/a", "etc/.wh.b", "opt/", "opt/deep/", "opt/link", "srv/", "srv/.wh..wh..opq", "srv/new", "var/"]);
  const before = listing(root);
  let stored: Buffer | undefined;
  const layer = await snapshots.commit("k", async (stream) => void (stored = await collect(stream)));
  assert.deepEqual(stored, archive);
  assert.equal(layer.diffId, digest(archive));
  assert.deepEqual(await snapshots.keys(), []);
  const view = await snapshots.view("v", layer.chainId);
  assert.deepEqual(listing(view), before);
  await snapshots.remove("v");

  // The same tar, unpacked elsewhere, gives the same tree.
  const other = await openSnapshots({ directory: mkdtempSync(join(directory, "other-")), rootless });
  const base2 = await apply(other, tar([dir("etc"), [{ name: "etc/a" }, "a"], [{ name: "etc/b" }, "b"], dir("srv"), [{ name: "srv/x" }], dir("var"), [{ name: "var/log" }]])); // oxfmt-ignore
  const again = await apply(other, archive, base2.chainId);
  assert.equal(again.chainId, layer.chainId);
  const view2 = await other.view("v", again.chainId);
  const seconds = (lines: string[]) => lines.map((line) => line.replace(/(\d+)\.\d+$/, "$1"));
  assert.deepEqual(seconds(listing(view2)), seconds(before));
  await other.remove("v");
});

test("commit() of nothing is everybody's empty layer, and a failing write changes nothing", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  await snapshots.prepare("k", null);
  writeFileSync(join(await snapshots.mount("k"), "f"), "");
  await assert.rejects(
    snapshots.commit("k", async () => Promise.reject(new Error("disk full"))),
    /disk full/,
  );
  assert.deepEqual(await changed(snapshots, "k"), ["a /f"]);
  rmSync(join(await snapshots.mount("k"), "f"));
  const layer = await snapshots.commit("k", async (stream) => void (await collect(stream)));
  assert.equal(layer.diffId, "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
});

test("mount points of the runtime are not changes", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  const base = await apply(snapshots, tar([dir("etc"), [{ name: "etc/passwd" }], dir("data")]));
  const mountpoints = ["/proc", "/dev", "/etc/hosts", "/etc/resolv.conf", "/run/secrets/key", "/data/v", "/mine"];
  await snapshots.prepare("k", base.chainId);
  const root = await snapshots.mount("k");
  for (const path of ["proc", "dev", "run/secrets", "data/v", "mine"]) mkdirSync(join(root, path), { recursive: true });
  for (const path of ["etc/hosts", "run/secrets/key"]) writeFileSync(join(root, path), "");
  writeFileSync(join(root, "mine/own"), "content of the container");
  writeFileSync(join(root, "etc/resolv.conf"), "written by the container");
  assert.deepEqual(await changed(snapshots, "k", mountpoints), ["m /etc", "a /etc/resolv.conf", "a /mine", "a /mine/own"]);
  const archive = await collect(snapshots.diff("k", { mountpoints }));
  const names = (data: Buffer) => execFileSync("tar", ["-t"], { input: data, encoding: "utf8" }).trim().split("\n");
  assert.deepEqual(names(archive), ["etc/", "etc/resolv.conf", "mine/", "mine/own"]);
  let stored: Buffer | undefined;
  await snapshots.commit("k", async (stream) => void (stored = await collect(stream)), { mountpoints });
  assert.deepEqual(stored, archive);
});

test("commit() takes several mount points of one directory along with it", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  const base = await apply(snapshots, tar([dir("etc"), [{ name: "etc/passwd" }]]));
  await snapshots.prepare("k", base.chainId);
  const root = await snapshots.mount("k");
  for (const name of ["hosts", "hostname", "resolv.conf"]) writeFileSync(join(root, "etc", name), "");
  writeFileSync(join(root, "built"), "");
  const mountpoints = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"];
  let names = "";
  await snapshots.commit(
    "k",
    async (stream) => void (names = execFileSync("tar", ["-t"], { input: await collect(stream), encoding: "utf8" })),
    {
      mountpoints,
    },
  );
  assert.equal(names, "built\n");
});

test("openSnapshots() adopts mounted snapshots, and sweeps what was half made", needsRoot, async (t) => {
  const { directory, open } = await fresh(t);
  const first = await open();
  const base = await apply(first, tar([[{ name: "f" }, "lower"]]));
  await first.prepare("running", base.chainId);
  const root = await first.mount("running");
  writeFileSync(join(root, "f"), "upper");
  mkdirSync(join(directory, "layers/tmp-0123"));
  mkdirSync(join(directory, "snapshots/half/upper"), { recursive: true });
  mkdirSync(join(directory, "trash/old"));
  const second = await open();
  assert.deepEqual(await second.keys(), ["running"]);
  assert.deepEqual(await second.layer(base.chainId), base);
  assert.equal(await second.mount("running"), root);
  assert.equal(mountPoints().filter(({ target }) => target === root).length, 1);
  assert.equal(readFileSync(join(root, "f"), "utf8"), "upper");
  symlinkSync("/proc/mounts", join(root, "mtab"));
  assert.equal(await second.usage("running"), 5 + "/proc/mounts".length);
  assert.equal(await second.usage("running", { mountpoints: ["/mtab"] }), 5);
  await second.unmount("running");
  assert.equal(readFileSync(join(await second.mount("running"), "f"), "utf8"), "upper");
  await second.remove("running");
  await second.remove("running");
  await second.removeLayer(base.chainId);
  assert.equal(await second.layer(base.chainId), undefined);
  assert.deepEqual(readdirSync(join(directory, "layers")), ["empty"]);
  assert.deepEqual(readdirSync(join(directory, "snapshots")), []);
});

test("mount() takes 127 layers", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  let parent: Digest | null = null;
  for (let i = 0; i < 127; i++) parent = (await apply(snapshots, tar([[{ name: `f${i}` }]]), parent)).chainId;
  await snapshots.prepare("c".repeat(64), parent, { volatile: true });
  const root = await snapshots.mount("c".repeat(64));
  assert.equal(readdirSync(root).length, 127);
  await snapshots.unmount("c".repeat(64));
  await snapshots.mount("c".repeat(64));
  await snapshots.remove("c".repeat(64));
});

test("prepare() refuses keys that are no names", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  for (const key of ["", "..", "a/b", ".hidden", "a,b"]) await assert.rejects(snapshots.prepare(key, null), { kind: "invalid" });
  await snapshots.prepare("k", null);
  await assert.rejects(snapshots.prepare("k", null), { kind: "conflict" });
  await assert.rejects(snapshots.prepare("l", `sha256:${"0".repeat(64)}`), { kind: "not-found" });
  await assert.rejects(snapshots.mount("nope"), { kind: "not-found" });
});

test("a layer that was not sealed is not believed after the machine went down", needsRoot, async (t) => {
  const { directory, open } = await fresh(t);
  const snapshots = await open();
  const one = await snapshots.add(Readable.from([tar([[{ name: "one" }]])]), null);
  const two = await snapshots.add(Readable.from([tar([[{ name: "two" }]])]), one.chainId);
  const lost = await snapshots.add(Readable.from([tar([[{ name: "lost" }]])]), null);
  await snapshots.seal([one.chainId, two.chainId]);
  assert.equal((await (await openSnapshots({ directory, rootless })).layers()).length, 3);
  const record = join(directory, "layers", `${lost.chainId.slice(7, 23)}.json`);
  const { boot, ...rest } = JSON.parse(readFileSync(record, "utf8")) as { boot: string };
  assert.match(boot, /^[0-9a-f-]{36}$/);
  writeFileSync(record, JSON.stringify({ ...rest, boot: "another" }));
  const next = await openSnapshots({ directory, rootless });
  assert.deepEqual(new Set((await next.layers()).map(({ chainId }) => chainId)), new Set([one.chainId, two.chainId]));
  assert.equal(existsSync(record.slice(0, -".json".length)), false);
});

test("a difference that fails while nobody reads it ends nothing", needsRoot, async (t) => {
  const { directory, open } = await fresh(t);
  const snapshots = await open();
  await snapshots.prepare("broken", null);
  rmSync(join(directory, "snapshots/broken/upper"), { recursive: true });
  const stream = snapshots.diff("broken");
  await new Promise((done) => stream.once("close", done));
  assert.match(stream.errored?.message ?? "", /ENOENT|No such file/i);
  await assert.rejects(
    snapshots.commit("broken", async () => undefined),
    /ENOENT|No such file/i,
  );
});
