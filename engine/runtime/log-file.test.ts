import assert from "node:assert/strict";
import { closeSync, mkdtempSync, readdirSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { makePipe, O } from "../host/descriptor.ts";
import { LogFile } from "./log-file.ts";
import { readLines } from "./log-lines.ts";
import type { LinesOptions } from "./log-lines.ts";
import { logEnd, readChunks } from "./log-reader.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let count = 0;

/** A log and a way to print into it through a pipe. */
function newLog(options: { maxBytes?: number; maxFiles?: number; directory?: string } = {}) {
  const { maxBytes = 0, maxFiles = 1, directory = join(folder, String((count += 1))) } = options;
  const log = new LogFile(directory, { maxBytes, maxFiles });
  const pipe = makePipe(O.CLOEXEC | O.NONBLOCK);
  log.begin();
  const print = (text: string, stream: "stdout" | "stderr" = "stdout"): void => {
    for (const bytes = Buffer.from(text); bytes.length > 0;) {
      writeSync(pipe.writeEnd, bytes);
      while (log.accept(pipe.readEnd, stream));
      return;
    }
  };
  const close = (): void => {
    log.end();
    closeSync(pipe.readEnd);
    closeSync(pipe.writeEnd);
  };
  return { log, print, close };
}

async function lines(log: LogFile, options: Partial<LinesOptions> = {}): Promise<string[]> {
  const all: string[] = [];
  for await (const line of readLines(log, { follow: false, ...options }))
    all.push(`${line.stream === "stderr" ? "E:" : ""}${line.data.toString().replace("\n", "")}`);
  return all;
}

const hundred = Array.from({ length: 100 }, (_, index) => `line ${index}`);

test("readLines() joins what was printed in pieces and keeps the streams apart", async () => {
  const { log, print, close } = newLog();
  print("one\ntw");
  print("bad\nwor", "stderr");
  print("o\nthree");
  print("se\n", "stderr");
  assert.deepEqual(await lines(log), ["one", "E:bad", "two", "E:worse", "three"]);
  close();
});

test("readLines() may give lines together, but the same bytes, and no line to its half", async () => {
  const { log, print, close } = newLog();
  for (const text of ["a\nb\nc", "d\n", `${"x".repeat(20000)}`, "\n", "end"]) print(text);
  close();
  let all = "";
  for await (const line of readLines(log, { follow: false, together: true })) all += line.data.toString();
  assert.equal(all, `a\nb\ncd\n${"x".repeat(20000)}\nend`);
});

test("readLines() cuts a long line where Docker does, together with others too", async () => {
  const { log, print, close } = newLog();
  const long = "x".repeat(40_000);
  for (const text of ["a\n", long.slice(0, 20_480), long.slice(20_480), "\nb\nc\n", `d\n${long}\ne`]) print(text);
  close();
  const pieces: string[] = [];
  for await (const { data } of readLines(log, { follow: false, together: true }))
    pieces.push(...(data.toString().match(/.+\n?|\n/g) ?? []));
  const cut = [long.slice(0, 16_384), long.slice(0, 16_384), `${long.slice(0, 7_232)}\n`];
  assert.deepEqual(pieces, ["a\n", ...cut, "b\n", "c\n", "d\n", ...cut, "e"]);
});

for (const [tail, want] of [
  [0, []],
  [1, hundred.slice(-1)],
  [7, hundred.slice(-7)],
  [100, hundred],
  [1000, hundred],
] as const)
  test(`readLines() gives the last ${tail} lines`, async () => {
    const { log, print, close } = newLog({ maxBytes: 300, maxFiles: 100 });
    for (const line of hundred) print(`${line}\n`);
    close();
    assert.deepEqual(await lines(log, { tail }), want);
  });

test("readLines() gives the tail of the time when it was asked", async () => {
  const { log, print, close } = newLog();
  const many = Array.from({ length: 3000 }, (_, index) => `line ${index} ${"x".repeat(40)}`);
  for (let at = 0; at < many.length; at += 500) print(`${many.slice(at, at + 500).join("\n")}\n`);
  print("half");
  for (const together of [false, true]) {
    let all = "";
    for await (const { data } of readLines(log, { follow: false, tail: 2001, together })) {
      if (all === "") print(" of it\n");
      all += data.toString();
    }
    assert.equal(all, `${many.slice(1000).join("\n")}\nhalf${together ? " of it\n" : ""}`);
  }
  close();
});

test("readLines() does not cut the line at which the tail begins", async () => {
  const { log, print, close } = newLog();
  print("a long ", "stderr");
  for (const line of hundred) print(`${line}\n`);
  print("wait\n", "stderr");
  close();
  assert.deepEqual(await lines(log, { tail: 2 }), ["line 99", "E:a long wait"]);
});

test("readLines() takes since and until", async () => {
  const { log, print, close } = newLog();
  const times: bigint[] = [];
  for (const line of ["a", "b", "c"]) {
    print(`${line}\n`);
    for await (const each of readLines(log, { follow: false, tail: 1 })) times.push(each.timeNs);
    // Lines that come within a millisecond share their time.
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  close();
  assert.deepEqual(await lines(log, { sinceNs: times[1]! }), ["b", "c"]);
  assert.deepEqual(await lines(log, { untilNs: times[1]! }), ["a", "b"]);
  assert.deepEqual(await lines(log, { sinceNs: times[1]!, untilNs: times[1]! }), ["b"]);
  assert.deepEqual(await lines(log, { tail: 2, untilNs: times[1]! }), ["b"]);
  assert.deepEqual(await lines(log, { sinceNs: times[2]! + 10_000_000n }), []);
});

test("readLines() cuts long lines at 16 KiB", async () => {
  const { log, print, close } = newLog();
  print(`${"x".repeat(40000)}\n`);
  close();
  assert.deepEqual(
    (await lines(log)).map((line) => line.length),
    [16384, 16384, 40000 - 2 * 16384],
  );
});

test("a reader follows through rotation and stops when the process ends", async () => {
  const { log, print, close } = newLog({ maxBytes: 300, maxFiles: 2 });
  print("first\n");
  const following = lines(log, { follow: true });
  for (const line of hundred) {
    print(`${line}\n`);
    await new Promise((resolve) => setImmediate(resolve));
  }
  print("unfinished");
  close();
  assert.deepEqual(await following, ["first", ...hundred, "unfinished"]);
  assert.equal(readdirSync(log.directory).filter((name) => name.endsWith(".raw")).length, 2);
  const kept = await lines(log);
  assert.deepEqual(kept, [...hundred, "unfinished"].slice(-kept.length));
});

test("a reader that came before the process sees all of it, and one that comes after a run sees the next", async () => {
  const directory = join(folder, "restarted");
  const log = new LogFile(directory, { maxBytes: 0, maxFiles: 1 });
  const read = async (chunks: ReturnType<typeof readChunks>): Promise<string> => {
    let text = "";
    for await (const chunk of chunks) text += chunk.data.toString();
    return text;
  };
  for (const word of ["one", "two"]) {
    const reading = read(readChunks(log, { from: logEnd(log), follow: true }));
    await new Promise((resolve) => setImmediate(resolve));
    log.begin();
    log.append("stdout", Buffer.from(`${word}\n`));
    log.end();
    assert.equal(await reading, `${word}\n`);
  }
  assert.deepEqual(await lines(log), ["one", "two"]);
});

test("bytes that an engine moved just before it was killed keep their stream", async () => {
  const first = newLog();
  first.print("kept\n");
  first.print("warned\n", "stderr");
  // Not ended: the process of this log was killed here.
  const second = newLog({ directory: first.log.directory });
  second.print("more\n");
  assert.deepEqual(await lines(second.log), ["kept", "E:warned", "more"]);
  second.close();
});
