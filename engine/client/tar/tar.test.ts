import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { after, test } from "node:test";
import { makeSpecialFile } from "../../host/special-file.ts";
import { bufferEntry, packPath } from "./pack.ts";
import { readTar } from "./read.ts";
import { unpack } from "./unpack.ts";
import { writeTar } from "./write.ts";
import type { TarEntry, TarHeader } from "./write.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-tar-"));
after(() => rmSync(directory, { recursive: true, force: true }));

const byName = (a: string | Buffer, b: string | Buffer): number => (String(a) < String(b) ? -1 : 1);

function sample(): string {
  const root = mkdtempSync(join(directory, "in-"));
  mkdirSync(join(root, "sub/deep"), { recursive: true });
  writeFileSync(join(root, "a.txt"), "hello\n");
  chmodSync(join(root, "a.txt"), 0o750);
  writeFileSync(join(root, "sub/deep/ü-long-".concat("x".repeat(150))), "long name");
  writeFileSync(join(root, "big"), Buffer.alloc(700_001, 7));
  symlinkSync("../a.txt", join(root, "sub/link"));
  return root;
}

test("writeTar() is read by GNU tar", async () => {
  const root = sample();
  const archive = await buffer(Readable.from(writeTar(packPath(root, "top", { keepOwner: false }))));
  const out = mkdtempSync(join(directory, "gnu-"));
  execFileSync("tar", ["-x", "-C", out], { input: archive });
  assert.deepEqual(
    readdirSync(join(out, "top"), { recursive: true }).toSorted(byName),
    readdirSync(root, { recursive: true }).toSorted(byName),
  );
  assert.equal(readFileSync(join(out, "top/a.txt"), "utf8"), "hello\n");
  assert.equal(statSync(join(out, "top/a.txt")).mode & 0o777, 0o750);
  assert.equal(readlinkSync(join(out, "top/sub/link")), "../a.txt");
  assert.equal(statSync(join(out, "top/big")).size, 700_001);
});

test("readTar() reads GNU tar's archives however they are cut", async () => {
  const root = sample();
  for (const format of ["gnu", "pax", "ustar"]) {
    if (format === "ustar") rmSync(join(root, "sub/deep"), { recursive: true });
    const archive = execFileSync("tar", ["-c", `--format=${format}`, "-C", root, "."], { maxBuffer: 1 << 24 });
    for (const size of [archive.length, 1000]) {
      const seen: Record<string, number> = {};
      for await (const { header, content } of readTar(cut(archive, size)))
        seen[header.name] = (await buffer(Readable.from(content))).length;
      assert.equal(seen["./big"], 700_001);
      assert.equal(Object.keys(seen).length, format === "ustar" ? 5 : 7);
    }
  }
});

async function* cut(archive: Buffer, size: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < archive.length; at += size) yield archive.subarray(at, at + size);
}

test("unpack() restores what packPath() took", async () => {
  const root = sample();
  const out = mkdtempSync(join(directory, "out-"));
  await unpack(writeTar(packPath(root, "", { keepOwner: false })), { root: out, rename: (name) => name, keepOwner: false });
  execFileSync("diff", ["-r", root, out]);
  assert.equal(statSync(join(out, "a.txt")).mode & 0o777, 0o750);
});

test("unpack() makes the FIFOs that packPath() took, and neither takes one unless asked", async () => {
  const root = sample();
  execFileSync("mkfifo", ["-m", "0622", join(root, "sub/pipe")]);
  const sockets: string[] = [];
  const server = createServer().listen(join(root, "socket"));
  await once(server, "listening");
  for (const asked of [true, false]) {
    const out = mkdtempSync(join(directory, "out-"));
    const tar = writeTar(packPath(root, "", { keepOwner: false, ...(asked && { onSocket: (path: string) => sockets.push(path) }) }));
    const makeNode = (path: string): Promise<void> => makeSpecialFile(path, "fifo");
    await unpack(tar, { root: out, rename: (name) => name, keepOwner: false, makeNode });
    const made = lstatSync(join(out, "sub/pipe"), { throwIfNoEntry: false });
    assert.deepEqual([made?.isFIFO(), made && made.mode & 0o777], asked ? [true, 0o622] : [undefined, undefined]);
    assert.deepEqual(readdirSync(out).toSorted(), ["a.txt", "big", "sub"]);
  }
  server.close();
  assert.deepEqual(sockets, [join(root, "socket")]);
});

test("packPath() writes a device as tar does", async () => {
  const archive = await buffer(Readable.from(writeTar(packPath("/dev/null", "null", { keepOwner: false, onSocket: () => undefined }))));
  assert.match(execFileSync("tar", ["-tv"], { input: archive }).toString(), /^crw-rw-rw- .* 1,3 .* null$/m);
  for await (const { header } of readTar(Readable.from([archive])))
    assert.deepEqual([header.type, header.device], ["character", { major: 1, minor: 3 }]);
});

test("packPath() leaves out what is not selected", async () => {
  const names: string[] = [];
  const select = (path: string): { take: boolean; enter: boolean } => ({ take: path !== "sub" && path !== "big", enter: path === "sub" });
  for await (const { header } of packPath(sample(), "", { keepOwner: false, select })) names.push(header.name.slice(0, 12));
  assert.deepEqual(names, ["a.txt", "sub/deep/", "sub/deep/ü-l", "sub/link"]);
});

const entry = (header: Partial<TarHeader>): TarEntry => ({
  header: { name: "x", type: "file", mode: 0o644, size: 0, mtime: new Date(0), uid: 0, gid: 0, ...header },
});

for (const [what, entries] of [
  ["a name that goes up", [entry({ name: "../escape" })]],
  ["a way through a link", [entry({ name: "link", type: "symlink", linkName: directory }), entry({ name: "link/escape" })]],
  ["a hard link that goes up", [entry({ name: "escape", type: "link", linkName: "../../secret" })]],
] as const)
  test(`unpack() refuses ${what}`, async () => {
    const out = mkdtempSync(join(directory, "safe-"));
    await assert.rejects(
      unpack(writeTar(Readable.from(entries)), { root: out, rename: (name) => name, keepOwner: false }),
      /leaves the destination|no directory/,
    );
    assert.ok(!existsSync(join(directory, "escape")));
  });

test("readTar() refuses what is no archive", async () => {
  await assert.rejects(async () => {
    for await (const _entry of readTar(Readable.from([Buffer.alloc(1024, 65)])));
  }, /invalid tar header/);
});

test("bufferEntry() carries its content", async () => {
  const archive = await buffer(Readable.from(writeTar(Readable.from([bufferEntry("Dockerfile", Buffer.from("FROM x\n"))]))));
  assert.equal(execFileSync("tar", ["-xO"], { input: archive }).toString(), "FROM x\n");
});
