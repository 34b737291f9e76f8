import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { TestContext } from "node:test";
import { EngineError } from "../errors.ts";
import { parseRecords, parseTime } from "./tar-header.ts";
import type { TarEntry } from "./tar-header.ts";
import { TarReader } from "./tar-reader.ts";
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "./tar-writer.ts";

interface Read {
  entry: TarEntry;
  content: Buffer;
}

/** Reads an archive in pieces of `step` bytes. */
function read(archive: Buffer, step = archive.length): Read[] {
  const seen: Read[] = [];
  const reader = new TarReader({
    entry: (entry) => seen.push({ entry, content: Buffer.alloc(entry.sizeBytes) }),
    data: (bytes, offset) => void bytes.copy(seen.at(-1)!.content, offset),
    end: () => undefined,
  });
  for (let at = 0; at < archive.length; at += step) reader.push(archive.subarray(at, at + step));
  reader.finish();
  return seen;
}

function write(entries: [entry: Partial<TarEntry> & { name: string }, content?: string][]): Buffer {
  const parts = entries.flatMap(([entry, text = ""]) => {
    const content = Buffer.from(text);
    return [tarHeader({ ...emptyEntry(entry.name), sizeBytes: content.length, ...entry }), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), "tar-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

const roundTrips: [what: string, entry: Partial<TarEntry> & { name: string }][] = [
  ["a plain file", { name: "etc/passwd", mode: 0o4755, uid: 33, gid: 34, mtimeSeconds: 1_700_000_000 }],
  ["a name of 100 bytes", { name: "n".repeat(100) }],
  ["a name of 101 bytes", { name: "n".repeat(101) }],
  ["a long deep name", { name: `${"directory/".repeat(40)}file` }],
  ["a name that is not UTF-8", { name: "caf\xe9/\xff\xfe" }],
  ["a long name that is not UTF-8", { name: "\xff".repeat(200) }],
  ["a long link", { name: "l", type: "symlink", linkName: `/${"target/".repeat(30)}` }],
  ["a device", { name: "dev/sda", type: "block", major: 8, minor: 70_000 }],
  ["large ids", { name: "f", uid: 4_294_967_294, gid: 2_097_152 }],
  ["a time before 1970", { name: "f", mtimeSeconds: -86_400 }],
  ["a time after 2242", { name: "f", mtimeSeconds: 9_000_000_000 }],
  ["attributes", { name: "f", xattrs: new Map([["user.note", Buffer.from("a=b\n\0\xff", "latin1")]]) }],
];
for (const [what, entry] of roundTrips)
  test(`TarReader reads ${what} as tarHeader() writes it`, () => {
    const archive = write([[entry], [{ name: "next" }, "content"]]);
    const want = { ...emptyEntry(entry.name), ...entry };
    for (const step of [archive.length, 1000, 7]) {
      const [first, second] = read(archive, step);
      for (const [key, value] of Object.entries(want)) assert.deepEqual(first!.entry[key as keyof TarEntry], value, key);
      assert.equal(second!.entry.name, "next");
      assert.equal(second!.content.toString(), "content");
    }
  });

test("tarHeader() writes the same bytes whatever the order of attributes", () => {
  const [a, b] = [Buffer.from("1"), Buffer.from("2")];
  const one = tarHeader({ ...emptyEntry("f"), xattrs: new Map([["user.a", a], ["user.b", b]]) }); // oxfmt-ignore
  const two = tarHeader({ ...emptyEntry("f"), xattrs: new Map([["user.b", b], ["user.a", a]]) }); // oxfmt-ignore
  assert.deepEqual(one, two);
});

test("an archive without entries is what everybody's empty layer is", async () => {
  const { createHash } = await import("node:crypto");
  const digest = createHash("sha256").update(TAR_END).digest("hex");
  assert.equal(digest, "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
});

for (const format of ["v7", "oldgnu", "gnu", "ustar", "posix"])
  test(`TarReader reads what GNU tar writes as ${format}`, (t) => {
    const directory = scratch(t);
    const long = format === "v7" || format === "ustar" ? "short" : `${"long-directory-name/".repeat(12)}file`;
    mkdirSync(join(directory, "in", long, ".."), { recursive: true });
    writeFileSync(join(directory, "in", long), "content of it");
    symlinkSync("short", join(directory, "in/link"));
    execFileSync("tar", ["-C", directory, `--format=${format}`, "--mtime=@1700000000", "-cf", join(directory, "t.tar"), "in"]);
    const archive = execFileSync("cat", [join(directory, "t.tar")], { maxBuffer: 1 << 26 });
    const entries = read(archive, 1000);
    const file = entries.find(({ entry }) => entry.name === `in/${long}`);
    assert.equal(file?.content.toString(), "content of it");
    assert.equal(file?.entry.mtimeSeconds, 1_700_000_000);
    assert.equal(entries.find(({ entry }) => entry.name === "in/link")?.entry.linkName, "short");
    assert.equal(entries[0]?.entry.type, "directory");
  });

for (const options of [
  ["--format=gnu", "-S"],
  ["--format=posix", "-S", "--sparse-version=0.0"],
  ["--format=posix", "-S", "--sparse-version=0.1"],
  ["--format=posix", "-S", "--sparse-version=1.0"],
])
  test(`TarReader reads the sparse file of tar ${options.join(" ")}`, (t) => {
    const directory = scratch(t);
    const want = Buffer.alloc(1 << 20);
    for (let i = 0; i < 30; i++) want.write(`piece ${i}`, i * 32768);
    writeFileSync(join(directory, "sparse"), "");
    truncateSync(join(directory, "sparse"), want.length);
    const python = `import sys\nf=open(sys.argv[1],'r+b')\nfor i in range(30):\n f.seek(i*32768); f.write(b'piece %d'%i)`;
    execFileSync("python3", ["-c", python, join(directory, "sparse")]);
    const archive = execFileSync("tar", ["-C", directory, ...options, "-cf", "-", "sparse"], { maxBuffer: 1 << 26 });
    assert.ok(archive.length < 400_000, "the archive itself is sparse");
    const [file] = read(archive, 777);
    assert.equal(file?.entry.name, "sparse");
    assert.ok((file?.entry.segments?.length ?? 0) > 10);
    assert.deepEqual(file?.content, want);
  });

function damaged(change: (archive: Buffer) => void): Buffer {
  const archive = write([[{ name: "file" }, "x".repeat(1000)]]);
  change(archive);
  return archive;
}
const bad: [what: string, archive: Buffer, message: string][] = [
  ["junk", Buffer.alloc(3000, "junk"), "archive/tar: invalid tar header"],
  ["a wrong checksum", damaged((archive) => archive.write("X", 0)), "archive/tar: invalid tar header"],
  ["a number that is none", damaged((archive) => archive.write("zzz", 124)), "archive/tar: invalid tar header"],
  ["a cut header", write([[{ name: "file" }]]).subarray(0, 300), "unexpected EOF"],
  ["cut content", write([[{ name: "file" }, "x".repeat(1000)]]).subarray(0, 1000), "unexpected EOF"],
  ["a long name without its file", write([[{ name: "n".repeat(200) }]]).subarray(0, 1024), "unexpected EOF"],
];
test("TarReader takes an archive that ends in or before the padding of its last file", () => {
  const archive = write([[{ name: "file" }, "x".repeat(1000)]]);
  for (const end of [1512, 1513, 1535, 1536]) assert.equal(read(archive.subarray(0, end))[0]!.content.length, 1000);
});

for (const [what, archive, message] of bad)
  test(`TarReader refuses ${what}`, () => assert.throws(() => read(archive), new EngineError("invalid", message)));

test("TarReader survives noise", () => {
  const good = write([
    [{ name: "n".repeat(150), xattrs: new Map([["user.a", Buffer.from("b")]]) }, "content"],
    [{ name: "b" }, "c"],
  ]);
  let seed = 1;
  const random = (below: number): number => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 3000; round++) {
    const archive = Buffer.from(good);
    for (let i = random(4); i >= 0; i--) archive[random(archive.length)] = random(256);
    try {
      read(archive.subarray(0, random(archive.length) + 1), random(600) + 1);
    } catch (error) {
      assert.ok(error instanceof EngineError, String(error));
    }
  }
});

const records: [text: string, want: [string, string][] | undefined][] = [
  ["12 path=abc\n", [["path", "abc"]]],
  ["11 path=ab\n8 a=b\n", undefined],
  ["6 a=b\n6 c==\n", [["a", "b"], ["c", "="]]], // oxfmt-ignore
  ["5 a=\n", [["a", ""]]],
  ["99 path=abc\n", undefined],
  ["-1 a=b\n", undefined],
  ["0 a=b\n", undefined],
  ["6 a=bX", undefined],
  ["6 abc\n", undefined],
  ["path", undefined],
];
for (const [text, want] of records)
  test(`parseRecords() reads ${JSON.stringify(text)}`, () => {
    if (want) assert.deepEqual(parseRecords(Buffer.from(text)), want);
    else assert.throws(() => parseRecords(Buffer.from(text)), EngineError);
  });

const times: [text: string, seconds: number, nanoseconds: number][] = [
  ["1350244992.023960108", 1350244992, 23960108],
  ["0", 0, 0],
  ["1.5", 1, 500000000],
  ["-1.5", -2, 500000000],
  ["-2", -2, 0],
  ["7.1234567891", 7, 123456789],
];
for (const [text, seconds, nanoseconds] of times)
  test(`parseTime() reads ${text}`, () => assert.deepEqual(parseTime(text), { seconds, nanoseconds }));
