import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs"; // oxfmt-ignore
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { openSnapshots } from "./overlay.ts";
import type { Digest, Layer } from "./snapshots.ts";
import { emptyEntry, tarHeader } from "./tar-writer.ts";

import { apply, dir, digest, fresh, needsRoot, rootless, tar } from "../../test/support/layers.ts";
import type { Entry } from "../../test/support/layers.ts";

test("apply() keeps modes, owners, links, times and nothing else", needsRoot, async (t) => {
  const { open } = await fresh(t);
  const snapshots = await open();
  const archive = tar([
    dir("bin", { mtimeSeconds: 1000 }),
    [{ name: "bin/su", mode: 0o4755, uid: 1, gid: 2, mtimeSeconds: 1_700_000_000 }, "setuid"],
    [{ name: "bin/hard", type: "link", linkName: "bin/su" }],
    [{ name: "bin/sym", type: "symlink", linkName: "/bin/su", mtimeSeconds: 5 }],
    dir("tmp", { mode: 0o1777 }),
    [{ name: "pipe", type: "fifo", mode: 0o622 }],
    [{ name: "null", type: "character", major: 1, minor: 3, mode: 0o666 }],
  ]);
  const layer = await apply(snapshots, archive);
  assert.deepEqual(layer, { diffId: digest(archive), chainId: digest(archive), parent: null, sizeBytes: 6 });
  const root = await snapshots.view("v", layer.chainId);
  const su = statSync(join(root, "bin/su"));
  assert.deepEqual([su.mode & 0o7777, su.uid, su.gid, su.nlink, su.mtimeMs], [0o4755, 1, 2, 2, 1_700_000_000_000]);
  assert.equal(statSync(join(root, "bin")).mtimeMs, 1_000_000);
  assert.equal(lstatSync(join(root, "bin/sym")).mtimeMs, 5000);
  assert.equal(statSync(join(root, "tmp")).mode & 0o7777, 0o1777);
  assert.equal(statSync(join(root, "pipe")).mode & 0o7777, 0o622);
  assert.equal(existsSync(join(root, "null")), !rootless);
  await snapshots.remove("v");
});

for (const [what, pack] of [
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
] as const)
  // oxfmt-ignore
  test(`apply() reads a blob of ${what} from its path`, needsRoot, async (t) => {
    const { directory, open } = await fresh(t);
    const archive = tar([[{ name: "f" }, "x".repeat(3_000_000)]]);
    writeFileSync(join(directory, "blob"), pack(archive));
    const told: number[] = [];
    const options = { progress: (bytes: number) => void told.push(bytes) };
    const layer = await (await open()).apply({ path: join(directory, "blob") }, digest(archive), null, options);
    assert.equal(layer.sizeBytes, 3_000_000);
    assert.equal(told.at(-1), statSync(join(directory, "blob")).size);
  });

/** Name, kind, mode, owner, size, links, time and attributes of everything below a directory. */
function everything(root: string): string {
  const found = execFileSync("find", [".", "-mindepth", "1", "-printf", "%P|%y|%m|%U|%G|%n|%T@|%l|", "-type", "f", "-printf", "%s", "-o", "-printf", "\\n"], { cwd: root, encoding: "latin1", maxBuffer: 1 << 26 }); // oxfmt-ignore
  const attributes = execFileSync("getfattr", ["-R", "-h", "-d", "-m", "^(user|security)\\.", "."], { cwd: root, encoding: "latin1" });
  const contents = execFileSync("sh", ["-c", "find . -type f -exec sha256sum {} + | sort"], { cwd: root, encoding: "latin1" });
  return [...found.split("\n").toSorted((a, b) => (a < b ? -1 : 1)), ...attributes.split("\n\n").toSorted((a, b) => (a < b ? -1 : 1)), contents].join("\n"); // oxfmt-ignore
}

test("apply() makes the same tree as GNU tar, to the attribute", needsRoot, async (t) => {
  if (!existsSync("/usr/bin/getfattr") || !existsSync("/usr/sbin/setcap")) return t.skip("needs getfattr and setcap");
  const { directory, open } = await fresh(t);
  const script = `
    set -e; mkdir -p in/usr/bin in/etc in/var/lib in/tmp; cd in
    head -c 70000 /dev/urandom > usr/bin/tool; chmod 4755 usr/bin/tool; ln usr/bin/tool usr/bin/hard; chown 7:8 usr/bin/tool
    cp usr/bin/tool usr/bin/ping; setcap cap_net_raw+ep usr/bin/ping; setfattr -n user.note -v 'x y' usr/bin/ping
    ln -s ../usr/bin/tool etc/link; ln -s /nowhere etc/dangling; touch -h -d @1234567890 etc/link; mkfifo var/pipe
    long=$(printf 'directory-with-a-long-name/%.0s' 1 2 3 4 5 6 7 8); mkdir -p "$long"; echo deep > "$long/file"
    printf bytes > "$(printf 'not-utf8-\\377\\376')"; truncate -s 3M var/sparse; printf end >> var/sparse
    chmod 1777 tmp; chmod 2770 var/lib; chown 65534:65534 var/lib; touch -d @1000000000.123456789 etc; chmod 0 usr/bin/hard
    ${rootless ? "true" : "mknod etc/null c 1 3; mknod etc/sda b 8 0"}`;
  execFileSync("sh", ["-c", script], { cwd: directory });
  for (const options of [["--format=posix"], ["--format=posix", "-S"], ["--format=gnu", "-S"]]) {
    const all = [...options, ...(options[0] === "--format=posix" ? ["--xattrs", "--xattrs-include=*"] : [])];
    execFileSync("tar", ["-C", join(directory, "in"), ...all, "--numeric-owner", "-cf", join(directory, "t.tar"), "."]);
    const judge = mkdtempSync(join(directory, "gnu-"));
    execFileSync("tar", ["-C", judge, "--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf", join(directory, "t.tar")]);
    const snapshots = await open();
    const { chainId } = await snapshots.apply({ path: join(directory, "t.tar") }, digest(readFileSync(join(directory, "t.tar"))), null);
    const want = everything(judge);
    assert.equal(everything(join(directory, "layers", chainId.slice(7, 23))), want, options.join(" "));
    if (options[0] === "--format=posix") assert.match(want, /security\.capability=/);
    assert.match(want, /usr\/bin\/tool\|f\|0\|7\|8\|2\|/);
    await snapshots.removeLayer(chainId);
  }
});

const whiteouts: [what: string, upper: Entry[], want: string[]][] = [
  ["deletes a file", [[{ name: "d/.wh.a" }]], ["d", "d/b", "d/sub", "d/sub/c", "keep"]],
  ["deletes a directory", [[{ name: ".wh.d" }]], ["keep"]],
  ["empties a directory", [dir("d"), [{ name: "d/.wh..wh..opq" }], [{ name: "d/new" }]], ["d", "d/new", "keep"]],
  ["empties a directory after filling it", [dir("d"), [{ name: "d/new" }], [{ name: "d/.wh..wh..opq" }]], ["d", "d/new", "keep"]],
  ["empties a directory that it does not describe", [[{ name: "d/.wh..wh..opq" }]], ["d", "keep"]],
  ["replaces a directory by a file", [[{ name: ".wh.d" }], [{ name: "d" }]], ["d", "keep"]],
  ["replaces a directory by a new one", [[{ name: ".wh.d" }], dir("d"), [{ name: "d/x" }]], ["d", "d/x", "keep"]],
  ["replaces a directory by a new one, told afterwards", [dir("d"), [{ name: "d/x" }], [{ name: ".wh.d" }]], ["d", "d/x", "keep"]],
  ["replaces a directory that is only implied", [[{ name: ".wh.d" }], [{ name: "d/x" }]], ["d", "d/x", "keep"]],
  [
    "ignores the books of aufs",
    [[{ name: ".wh..wh.plnk" }], [{ name: ".wh..wh.orph/x" }]],
    ["d", "d/a", "d/b", "d/sub", "d/sub/c", "keep"],
  ],
  [
    "empties a directory and deletes from it",
    [dir("d"), [{ name: "d/.wh..wh..opq" }], [{ name: "d/.wh.a" }], [{ name: "d/new" }]],
    ["d", "d/new", "keep"],
  ],
  ["deletes what was never there", [[{ name: "none/.wh.x" }]], ["d", "d/a", "d/b", "d/sub", "d/sub/c", "keep", "none"]],
];
for (const [what, upper, want] of whiteouts)
  test(`apply() ${what}`, needsRoot, async (t) => {
    const snapshots = await (await fresh(t)).open();
    const base = await apply(snapshots, tar([dir("d"), [{ name: "d/a" }], [{ name: "d/b" }], dir("d/sub"), [{ name: "d/sub/c" }], [{ name: "keep" }]])); // oxfmt-ignore
    const top = await apply(snapshots, tar(upper), base.chainId);
    const root = await snapshots.view("v", top.chainId);
    assert.deepEqual(readdirSync(root, { recursive: true }).map(String).filter((name) => !name.startsWith(".wh..wh.orph")).toSorted((a, b) => (a < b ? -1 : 1)), want); // oxfmt-ignore
    await snapshots.remove("v");
  });

test("apply() gives directories that no entry describes the look of the layer below", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  const base = await apply(snapshots, tar([dir(".", { mode: 0o711 }), dir("home", { mode: 0o700, uid: 7 }), dir("home/me", { mode: 0o750, gid: 8 })])); // oxfmt-ignore
  const top = await apply(snapshots, tar([[{ name: "home/me/new/file" }]]), base.chainId);
  const root = await snapshots.view("v", top.chainId);
  const modes = ["", "home", "home/me", "home/me/new"].map((path) => (statSync(join(root, path)).mode & 0o7777).toString(8));
  assert.deepEqual(modes, ["711", "700", "750", "755"]);
  assert.deepEqual([statSync(join(root, "home")).uid, statSync(join(root, "home/me")).gid], [7, 8]);
  await snapshots.remove("v");
});

test("apply() of a first layer with whiteouts shows none of them", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  const base = await apply(snapshots, tar([[{ name: ".wh.a" }], dir("d"), [{ name: "d/.wh.b" }], [{ name: "d/.wh..wh..opq" }]]));
  await snapshots.prepare("k", base.chainId);
  assert.deepEqual(readdirSync(await snapshots.mount("k"), { recursive: true }), ["d"]);
  await snapshots.remove("k");
});

const refused: [what: string, archive: Buffer, diffId: Digest | undefined, error: RegExp][] = [
  ["another content than promised", tar([[{ name: "f" }]]), digest(Buffer.from("other")), /the image promises/],
  ["an empty whiteout", tar([[{ name: "d/.wh." }]]), undefined, /not a valid whiteout/],
  ["a whiteout of the parent", tar([[{ name: "d/.wh..." }]]), undefined, /not a valid whiteout/],
  ["an escape", tar([[{ name: "../x" }]]), undefined, /outside of the root/],
  ["a cut archive", tar([[{ name: "f" }, "x".repeat(2000)]]).subarray(0, 1500), undefined, /unexpected EOF/],
  ["a cut compressed archive", gzipSync(tar([[{ name: "f" }, "x".repeat(2000)]])).subarray(0, 40), undefined, /unexpected end of file/],
  ["a bomb", gzipSync(Buffer.concat([tarHeader({ ...emptyEntry("f"), sizeBytes: 90_000_000 }), Buffer.alloc(90_000_000)])), undefined, /larger than/], // oxfmt-ignore
];
for (const [what, archive, diffId, error] of refused)
  test(`apply() refuses ${what} and leaves nothing`, needsRoot, async (t) => {
    const { directory } = await fresh(t);
    const snapshots = await openSnapshots({ directory, rootless, maxLayerBytes: 10_000_000 });
    const good = tar([[{ name: "ok" }]]);
    await assert.rejects(snapshots.apply(Readable.from([archive]), diffId ?? digest(archive), null), error);
    await apply(snapshots, good);
    assert.deepEqual(readdirSync(join(directory, "layers")).filter((name) => name !== "empty").length, 2);
  });

test("apply() shares the work and takes layers in parallel, in any order of finishing", needsRoot, async (t) => {
  const snapshots = await (await fresh(t)).open();
  const archives = Array.from({ length: 5 }, (_, i) =>
    tar([
      [{ name: `f${i}` }, "x".repeat((5 - i) * 500_000)],
      [{ name: "same" }, String(i)],
    ]),
  );
  const start = (): Promise<Layer>[] => {
    let parent: Digest | null = null;
    return archives.map((archive) => {
      const work = apply(snapshots, archive, parent);
      parent = parent === null ? digest(archive) : digest(Buffer.from(`${parent} ${digest(archive)}`));
      return work;
    });
  };
  const [first, second] = await Promise.all([Promise.all(start()), Promise.all(start())]);
  assert.deepEqual(first, second);
  const root = await snapshots.view("v", first.at(-1)!.chainId);
  assert.equal(readFileSync(join(root, "same"), "utf8"), "4");
  assert.equal(readdirSync(root).length, 6);
  await snapshots.remove("v");
});

test("apply() does not wait for a layer whose blob comes last", needsRoot, async (t) => {
  const { directory, open } = await fresh(t);
  const snapshots = await open();
  const archives = Array.from({ length: 12 }, (_, i) => tar([[{ name: `f${i}` }]]));
  let parent: Digest | null = null;
  let bringFirst = (): void => undefined;
  const layers = archives.map((archive, i) => {
    const path = join(directory, `blob${i}`);
    writeFileSync(path, archive);
    const blob = i > 0 ? Promise.resolve({ path }) : new Promise<{ path: string }>((done) => (bringFirst = () => done({ path })));
    const layer = snapshots.apply({ begun: blob, whole: blob }, digest(archive), parent);
    parent = parent === null ? digest(archive) : digest(Buffer.from(`${parent} ${digest(archive)}`));
    return layer;
  });
  // The others are all unpacked by then, and wait for the first.
  while (readdirSync(join(directory, "layers")).length < 12) await new Promise((done) => setImmediate(done));
  bringFirst();
  assert.equal((await Promise.all(layers)).at(-1)?.chainId, parent);
});

test("apply() fails for a layer whose parent fails", needsRoot, async (t) => {
  const { directory, open } = await fresh(t);
  const snapshots = await open();
  const bad = tar([[{ name: "../x" }]]);
  const good = tar([[{ name: "x" }]]);
  const results = await Promise.allSettled([apply(snapshots, bad), apply(snapshots, good, digest(bad))]);
  assert.deepEqual(results.map(({ status }) => status), ["rejected", "rejected"]); // oxfmt-ignore
  assert.deepEqual(readdirSync(join(directory, "layers")), ["empty"]);
  await assert.rejects(apply(snapshots, good, digest(bad)), { kind: "not-found" });
});
