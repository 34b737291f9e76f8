import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import test from "node:test";
import type { TestContext } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { EngineError } from "../errors.ts";
import { copyInto, extractInto, makeDirectoryIn, measureIn, packFrom, readFileIn, statIn } from "./jail.ts";
import type { TarEntry } from "./tar-header.ts";
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "./tar-writer.ts";

const needsRoot = process.getuid!() === 0 ? {} : { skip: "needs root" };

/** `root` is the jail; `outside` beside it holds a secret that nothing may touch. */
function scratch(t: TestContext): { root: string; outside: string } {
  const directory = mkdtempSync(join(tmpdir(), "jail-"));
  t.after(() => rmSync(directory, { recursive: true }));
  mkdirSync(join(directory, "root"));
  mkdirSync(join(directory, "outside"));
  writeFileSync(join(directory, "outside/secret"), "original");
  return { root: join(directory, "root"), outside: join(directory, "outside") };
}

type Entry = [entry: Partial<TarEntry> & { name: string }, content?: string];

function tar(entries: Entry[]): Buffer {
  const parts = entries.flatMap(([entry, text = ""]) => {
    const content = Buffer.from(text);
    return [tarHeader({ ...emptyEntry(entry.name), sizeBytes: content.length, ...entry }), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

const hostile: [what: string, entries: (outside: string) => Entry[], wants: string | ((root: string) => void)][] = [
  ["a name that climbs", () => [[{ name: "../outside/secret" }, "pwned"]], /lies outside of the root/.source],
  ["a name that climbs later", () => [[{ name: "a/../../outside/secret" }, "pwned"]], /lies outside of the root/.source],
  ["an absolute name", (outside) => [[{ name: `${outside}/secret` }, "pwned"]], () => undefined],
  [
    "an absolute symlink to a directory, and a file through it",
    (outside) => [[{ name: "link", type: "symlink", linkName: outside }], [{ name: "link/secret" }, "pwned"]],
    "ENOENT|no such file|EEXIST",
  ],
  [
    "a climbing symlink, and a file through it",
    () => [[{ name: "link", type: "symlink", linkName: "../../../../../outside" }], [{ name: "link/secret" }, "pwned"]],
    "ENOENT|no such file|EEXIST",
  ],
  [
    "a symlink to the root itself, and a file through it",
    () => [[{ name: "link", type: "symlink", linkName: "../../.." }], [{ name: "link/inside" }, "content"]],
    (root) => assert.equal(readFileSync(join(root, "inside"), "utf8"), "content"),
  ],
  [
    "a symlink over which a file is written",
    (outside) => [[{ name: "link", type: "symlink", linkName: `${outside}/secret` }], [{ name: "link" }, "content"]],
    (root) => assert.ok(lstatSync(join(root, "link")).isFile()),
  ],
  [
    "a hard link to an absolute path",
    (outside) => [[{ name: "hard", type: "link", linkName: `${outside}/secret` }]],
    "no such file in the archive",
  ],
  ["a hard link that climbs", () => [[{ name: "hard", type: "link", linkName: "../outside/secret" }]], "lies outside of the root"],
  [
    "a hard link through a symlink",
    (outside) => [[{ name: "link", type: "symlink", linkName: outside }], [{ name: "hard", type: "link", linkName: "link/secret" }]],
    "no such file in the archive",
  ],
  ["a hard link to a directory", () => [[{ name: "d/", type: "directory" }], [{ name: "h", type: "link", linkName: "d" }]], "no such file in the archive"], // oxfmt-ignore
  ["an endless name", () => [[{ name: "n/".repeat(3000) }]], "the name is too long"],
  ["a component of 256 bytes", () => [[{ name: "n".repeat(256) }]], "the name is too long"],
  ["an empty name", () => [[{ name: "" }, "x"]], () => undefined],
  ["a name of dots", () => [[{ name: "./." }, "x"]], () => undefined],
];
for (const [what, entries, wants] of hostile)
  test(`extractInto() keeps ${what} inside`, needsRoot, async (t) => {
    const { root, outside } = scratch(t);
    const work = extractInto(root, "/", Readable.from([tar(entries(outside))]));
    if (typeof wants === "string") await assert.rejects(work, new RegExp(wants));
    else {
      await work;
      wants(root);
    }
    assert.deepEqual(readdirSync(outside), ["secret"]);
    assert.equal(readFileSync(join(outside, "secret"), "utf8"), "original");
    assert.equal(statSync(join(outside, "secret")).nlink, 1);
  });

test("extractInto() resolves the target path's links inside the root", needsRoot, async (t) => {
  const { root } = scratch(t);
  mkdirSync(join(root, "real"));
  symlinkSync("/../../real", join(root, "alias"));
  const done = await extractInto(root, "/alias", Readable.from([tar([[{ name: "file", mode: 0o600, uid: 7 }, "hello"]])]));
  assert.deepEqual(done, { entries: 1, bytes: 5 });
  assert.equal(readFileSync(join(root, "real/file"), "utf8"), "hello");
  assert.equal(statSync(join(root, "real/file")).uid, 7);
});

for (const [what, pack] of [
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
  ["two gzip members", (data: Buffer) => Buffer.concat([gzipSync(data.subarray(0, 300)), gzipSync(data.subarray(300))])],
] as const)
  test(`extractInto() unpacks ${what} that arrives byte by byte`, needsRoot, async (t) => {
    const { root } = scratch(t);
    const archive = pack(tar([[{ name: "file" }, "x".repeat(5000)]]));
    await extractInto(root, "/", Readable.from([...archive].map((byte) => Buffer.of(byte))));
    assert.equal(statSync(join(root, "file")).size, 5000);
  });

const refusals: [what: string, archive: Buffer, options: Parameters<typeof extractInto>[3], error: RegExp][] = [
  ["junk", Buffer.alloc(3000, "j"), {}, /archive\/tar: invalid tar header/],
  ["damaged gzip", gzipSync(tar([[{ name: "f" }, "x"]])).fill(0, 40, 60), {}, /Cannot unpack/],
  ["cut gzip", gzipSync(tar([[{ name: "f" }, "x".repeat(9999)]])).subarray(0, 60), {}, /Cannot unpack: unexpected end of file/],
  [
    "a file behind a link that leads nowhere",
    tar([[{ name: "a", type: "symlink", linkName: "/gone" }], [{ name: "a/f" }, "x"]]),
    {},
    /^EngineError: open \/a\/f: no such file or directory$/,
  ],
  ["bzip2", Buffer.from("425a6839314159265359", "hex"), {}, /bzip2/],
  ["a bomb", gzipSync(tar([[{ name: "f" }, "\0".repeat(5_000_000)]])), { maxBytes: 1_000_000 }, /larger than 1000000 bytes/],
  ["very many entries", tar(Array.from({ length: 100 }, (_, i) => [{ name: `f${i}` }])), { maxBytes: 10_000 }, /larger than 10000 bytes/],
  [
    "a directory over a file, if asked to",
    tar([[{ name: "there/", type: "directory" }]]),
    { keepKinds: true },
    /cannot overwrite non-directory/,
  ],
];
for (const [what, archive, options, error] of refusals)
  test(`extractInto() refuses ${what}`, needsRoot, async (t) => {
    const { root } = scratch(t);
    writeFileSync(join(root, "there"), "");
    await assert.rejects(extractInto(root, "/", Readable.from([archive]), options), error);
  });

test("extractInto() says what is wrong with the target", needsRoot, async (t) => {
  const { root } = scratch(t);
  writeFileSync(join(root, "file"), "");
  const archive = () => Readable.from([tar([])]);
  await assert.rejects(extractInto(root, "/file", archive()), new EngineError("invalid", "extraction point is not a directory"));
  await assert.rejects(extractInto(root, "/no", archive()), /Cannot find/);
  await extractInto(root, "/no/such", archive(), { makeParents: true });
  assert.ok(existsSync(join(root, "no/such")));
});

test("extractInto() stops when it is aborted", needsRoot, async (t) => {
  const { root } = scratch(t);
  const abort = new AbortController();
  const endless = Readable.from(
    (function* () {
      yield tarHeader({ ...emptyEntry("endless"), sizeBytes: 1 << 30 });
      for (let i = 0; ; i++) {
        if (i === 20) abort.abort(new Error("enough"));
        yield Buffer.alloc(65536);
      }
    })(),
  );
  await assert.rejects(extractInto(root, "/", endless, { signal: abort.signal }), /enough/);
  assert.ok(endless.destroyed);
});

test("packFrom() writes what GNU tar reads, the same bytes every time", needsRoot, async (t) => {
  const { root } = scratch(t);
  mkdirSync(join(root, "d/deep"), { recursive: true });
  writeFileSync(join(root, "d/file"), "content", { mode: 0o640 });
  chownSync(join(root, "d/file"), 12, 34);
  linkSync(join(root, "d/file"), join(root, "d/hard"));
  symlinkSync("/etc/passwd", join(root, "d/link"));
  writeFileSync(Buffer.concat([Buffer.from(join(root, "d/")), Buffer.from([0xff, 0xfe])]), "bytes");
  execFileSync("mkfifo", [join(root, "d/fifo")]);
  chmodSync(join(root, "d/deep"), 0o1777);
  const archive = await collect(packFrom(root, "/d"));
  assert.deepEqual(archive, await collect(packFrom(root, "/d")));
  const listing = execFileSync("tar", ["--numeric-owner", "-tvf", "-"], { input: archive, encoding: "utf8" });
  const lines = listing.trimEnd().split("\n").map((line) => line.replace(/\s+[\d-]+ \d\d:\d\d /, " ").replace(/\s+/g, " ")); // oxfmt-ignore
  assert.deepEqual(lines, [
    "drwxr-xr-x 0/0 0 d/",
    "drwxrwxrwt 0/0 0 d/deep/",
    "prw-r--r-- 0/0 0 d/fifo",
    "-rw-r----- 12/34 7 d/file",
    "hrw-r----- 12/34 0 d/hard link to d/file",
    "lrwxrwxrwx 0/0 0 d/link -> /etc/passwd",
    "-rw-r--r-- 0/0 5 d/\\377\\376",
  ]);
});

test("packFrom() names what it packs as asked", needsRoot, async (t) => {
  const { root } = scratch(t);
  mkdirSync(join(root, "d"));
  writeFileSync(join(root, "d/file"), "content");
  symlinkSync("d", join(root, "link"));
  const names = async (...args: Parameters<typeof packFrom>) =>
    execFileSync("tar", ["-t"], { input: await collect(packFrom(...args)), encoding: "utf8" }).trim().split("\n"); // oxfmt-ignore
  assert.deepEqual(await names(root, "/d"), ["d/", "d/file"]);
  assert.deepEqual(await names(root, "/d", { name: "" }), ["file"]);
  assert.deepEqual(await names(root, "/d", { name: "other" }), ["other/", "other/file"]);
  assert.deepEqual(await names(root, "/link"), ["link"]);
  assert.deepEqual(await names(root, "/link", { followLink: true }), ["d/", "d/file"]);
  await assert.rejects(collect(packFrom(root, "/none")), { kind: "not-found" });
});

test("packFrom() lets go when its stream is destroyed", needsRoot, async (t) => {
  const { root } = scratch(t);
  writeFileSync(join(root, "big"), Buffer.alloc(64 << 20));
  for (let round = 0; round < 3; round++) {
    const stream = packFrom(root, "/");
    for await (const chunk of stream) if ((chunk as Buffer).length > 0) break;
    assert.ok(stream.destroyed);
  }
  assert.equal((await statIn(root, "/big"))?.sizeBytes, 64 << 20);
});

test("statIn() sees what the container would see", needsRoot, async (t) => {
  const { root } = scratch(t);
  mkdirSync(join(root, "usr/lib"), { recursive: true });
  writeFileSync(join(root, "usr/lib/x"), "12345");
  symlinkSync("/usr/lib", join(root, "lib"));
  symlinkSync("../../../../etc/nowhere", join(root, "usr/dangling"));
  symlinkSync("loop", join(root, "loop"));
  const seen = async (path: string) => {
    const stat = await statIn(root, path);
    return stat && [stat.name, stat.path, (stat.mode & 0o170000).toString(8), stat.linkTarget];
  };
  assert.deepEqual(await seen("/lib"), ["lib", "/lib", "120000", "/usr/lib"]);
  assert.deepEqual(await seen("/lib/"), ["lib", "/usr/lib", "40000", ""]);
  assert.deepEqual(await seen("/lib/."), ["lib", "/usr/lib", "40000", ""]);
  assert.deepEqual(await seen("/lib/x"), ["x", "/usr/lib/x", "100000", ""]);
  assert.deepEqual(await seen("../../lib/x"), ["x", "/usr/lib/x", "100000", ""]);
  assert.deepEqual(await seen("/usr/dangling"), ["dangling", "/usr/dangling", "120000", "/etc/nowhere"]);
  assert.deepEqual(await seen("/"), ["/", "/", "40000", ""]);
  assert.equal(await seen("/none"), undefined);
  assert.equal(await seen("/usr/lib/x/y"), undefined);
  await assert.rejects(statIn(root, "/loop/x"), /too many levels of symbolic links/);
});

test("readFileIn() reads inside the root only", needsRoot, async (t) => {
  const { root, outside } = scratch(t);
  writeFileSync(join(root, "passwd"), "root:x:0:0");
  symlinkSync("../../../passwd", join(root, "link"));
  symlinkSync(join(outside, "secret"), join(root, "out"));
  assert.equal((await readFileIn(root, "/link"))?.toString(), "root:x:0:0");
  assert.equal(await readFileIn(root, "/out"), undefined);
  assert.equal(await readFileIn(root, "/"), undefined);
});

test("makeDirectoryIn() makes parents with owner and mode", needsRoot, async (t) => {
  const { root } = scratch(t);
  await makeDirectoryIn(root, "/a/b", { owner: { uid: 5, gid: 6 }, mode: 0o2770 });
  assert.equal(statSync(join(root, "a/b")).mode & 0o7777, 0o2770);
  assert.equal(statSync(join(root, "a")).uid, 5);
});

test("copyInto() copies trees as they are", needsRoot, async (t) => {
  const { root: from } = scratch(t);
  const { root: to } = scratch(t);
  mkdirSync(join(from, "src/d"), { recursive: true });
  writeFileSync(join(from, "src/d/file"), "content", { mode: 0o4755 });
  chownSync(join(from, "src/d/file"), 9, 9);
  chmodSync(join(from, "src/d/file"), 0o4755);
  linkSync(join(from, "src/d/file"), join(from, "src/hard"));
  symlinkSync("/etc/passwd", join(from, "src/link"));
  execFileSync("setcap", ["cap_net_raw+ep", join(from, "src/hard")]);
  symlinkSync("/../src", join(from, "alias"));
  const done = await copyInto({ root: from, path: "/alias" }, { root: to, path: "/srv/x" });
  assert.equal(done.bytes, 7);
  const copy = statSync(join(to, "srv/x/d/file"));
  assert.deepEqual([copy.mode & 0o7777, copy.uid, copy.nlink], [0o4755, 9, 2]);
  assert.equal(readlinkSync(join(to, "srv/x/link")), "/etc/passwd");
  assert.match(execFileSync("getcap", [join(to, "srv/x/hard")], { encoding: "utf8" }), /cap_net_raw=ep/);
  assert.equal(await measureIn(to, "/srv"), 7 + "/etc/passwd".length);
});

test("copyInto() copies one file, or only what is listed, with another owner and mode", needsRoot, async (t) => {
  const { root: from } = scratch(t);
  const { root: to, outside } = scratch(t);
  mkdirSync(join(from, "a/b"), { recursive: true });
  for (const name of ["a/1", "a/2", "a/b/3"]) writeFileSync(join(from, name), name);
  symlinkSync(outside, join(to, "escape"));
  const options = { owner: { uid: 3, gid: 4 }, mode: 0o600 };
  await copyInto({ root: from, path: "/a/1" }, { root: to, path: "/x/one" }, options);
  await copyInto({ root: from, path: "/a" }, { root: to, path: "/only" }, { only: ["2", "b/3"] });
  await copyInto({ root: from, path: "/a/1" }, { root: to, path: "/escape/1" });
  const one = statSync(join(to, "x/one"));
  assert.deepEqual([one.uid, one.gid, one.mode & 0o777], [3, 4, 0o600]);
  assert.deepEqual(
    readdirSync(join(to, "only"), { recursive: true }).toSorted((a, b) => (a < b ? -1 : 1)),
    ["2", "b", "b/3"],
  );
  assert.deepEqual(readdirSync(outside), ["secret"]);
  await assert.rejects(copyInto({ root: from, path: "/none" }, { root: to, path: "/" }), { kind: "not-found" });
});
