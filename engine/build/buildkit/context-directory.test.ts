/** The engine receives files from a client that speaks fsutil's protocol, over a real HTTP/2 connection in this process. */
import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { performServerHandshake } from "node:http2";
import type { ServerHttp2Stream } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { test } from "node:test";
import type { TestContext } from "node:test";
import { ContextDirectories } from "./context-directory.ts";
import { DATA, ERR, FIN, goMode, receiveFiles, REQ, STAT } from "./file-sync.ts";
import { Deframer, frame, readMetadata } from "./grpc.ts";
import { Packet } from "./messages.ts";
import type { Stat } from "./messages.ts";
import { openSession } from "./session.ts";
import type { Session } from "./session.ts";

interface ClientFile extends Partial<Stat> {
  readonly path: string;
  readonly content?: string;
}

/** A client with these files; `asked` are the paths whose contents it had to send. */
function client(t: TestContext, files: readonly ClientFile[], refusal?: string): { session: Session; asked: string[] } {
  const [engine, own] = duplexPair();
  const asked: string[] = [];
  const server = performServerHandshake(own);
  server.on("error", () => undefined);
  server.on("stream", (stream: ServerHttp2Stream) => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" })).on("error", () => undefined);
    const send = (packet: Parameters<typeof Packet.encode>[0]): void => void stream.write(frame(Packet.encode(packet)));
    if (refusal !== undefined) {
      send({ type: ERR, data: Buffer.from(refusal) });
      return void stream.end();
    }
    for (const { content, ...stat } of files) send({ type: STAT, stat: { size: content?.length ?? 0, ...stat } });
    send({ type: STAT });
    const deframer = new Deframer();
    stream.on("data", (chunk: Buffer) => {
      for (const data of deframer.push(chunk)) {
        const { type, ID } = Packet.decode(data);
        if (type === REQ) {
          asked.push(files[ID]!.path);
          for (const piece of files[ID]!.content?.match(/.{1,4}/gs) ?? []) send({ type: DATA, ID, data: Buffer.from(piece) });
          send({ type: DATA, ID });
        } else if (type === FIN) {
          send({ type: FIN });
          stream.end();
        }
      }
    });
  });
  t.after(() => server.destroy());
  return { session: openSession(engine, "id", readMetadata([])), asked };
}

function file(path: string, content: string, more: Partial<Stat> = {}): ClientFile {
  return { path, content, mode: goMode("file", 0o644), modTime: 1_700_000_000_123_456_789n, ...more };
}

function directory(path: string): ClientFile {
  return { path, mode: goMode("directory", 0o755), modTime: 1_600_000_000_000_000_000n };
}

function folder(t: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), "berth-contexts-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Receives into the context of this name. @returns its directory and what had to be sent */
async function receive(
  t: TestContext,
  store: ContextDirectories,
  files: readonly ClientFile[],
): Promise<{ root: string; asked: string[] }> {
  const { session, asked } = client(t, files);
  const taken = await store.take("key");
  try {
    await receiveFiles(session, { directory: "context" }, { sink: taken.sink, signal: new AbortController().signal });
    await taken.keep();
    return { root: taken.directory, asked };
  } finally {
    await taken.release();
  }
}

test("a context arrives with modes, times, symlinks and hard links", async (t) => {
  const { root } = await receive(t, new ContextDirectories(folder(t)), [
    file("a", "content of a"),
    file("b", "", { linkname: "a", mode: goMode("file", 0o644) }),
    directory("d"),
    file("d/empty", ""),
    file("d/s", "x", { mode: goMode("file", 0o4755) }),
    { path: "l", mode: goMode("symlink", 0o777), linkname: "/etc/passwd", modTime: 1n },
    { path: "pipe", mode: goMode("fifo", 0o644) },
    file("\xff.txt", "bytes"),
  ]);
  assert.equal(readFileSync(join(root, "a"), "utf8"), "content of a");
  assert.equal(Math.floor(lstatSync(join(root, "a")).mtimeMs), 1_700_000_000_123);
  assert.equal(lstatSync(join(root, "a")).ino, lstatSync(join(root, "b")).ino);
  assert.equal(lstatSync(join(root, "d/s")).mode & 0o7777, 0o4755);
  assert.equal(lstatSync(join(root, "d")).mtimeMs, 1_600_000_000_000);
  assert.equal(readFileSync(join(root, "d/empty"), "utf8"), "");
  assert.equal(readlinkSync(join(root, "l")), "/etc/passwd");
  assert.deepEqual(readdirSync(root, { encoding: "latin1" }).toSorted(), ["a", "b", "d", "l", "\xff.txt"]);
});

test("the next build sends only what changed, and what is gone goes", async (t) => {
  const store = new ContextDirectories(folder(t));
  const before = [file("a", "1"), file("b", "2"), directory("c"), file("c/x", "3"), file("gone", "4")];
  assert.deepEqual((await receive(t, store, before)).asked, ["a", "b", "c/x", "gone"]);
  assert.deepEqual((await receive(t, store, before)).asked, []);
  const after = [
    file("a", "1"),
    file("b", "5", { modTime: 1_700_000_000_123_456_790n }),
    { path: "c", mode: goMode("symlink", 0o777), linkname: "a" },
    directory("gone"),
    file("gone/y", "6"),
  ];
  const { root, asked } = await receive(t, store, after);
  assert.deepEqual(asked, ["b", "gone/y"]);
  assert.equal(readFileSync(join(root, "b"), "utf8"), "5");
  assert.equal(readFileSync(join(root, "c"), "utf8"), "1");
  assert.deepEqual(readdirSync(join(root, "gone")), ["y"]);
});

test("kept contexts are counted and can go, but not under a build", async (t) => {
  const root = folder(t);
  await receive(t, new ContextDirectories(root), [file("a", "12345"), directory("c"), file("c/x", "678")]);
  const store = new ContextDirectories(root);
  assert.equal(store.sizeBytes, 0, "nobody has asked yet");
  const [kept] = await store.list();
  assert.deepEqual([kept!.sizeBytes, store.sizeBytes, kept!.inUse], [8, 8, false]);
  const taken = await store.take("other");
  const isUsed = (await store.list()).find(({ inUse }) => inUse)!;
  assert.equal(await store.remove(isUsed.name), false);
  assert.equal(await store.remove(kept!.name), true);
  await taken.release();
  assert.deepEqual([readdirSync(root), store.sizeBytes], [[], 0]);
});

test("a context that is in use is left alone by the next build, and a broken transfer starts anew", async (t) => {
  const store = new ContextDirectories(folder(t));
  const first = await store.take("key");
  const second = await store.take("key");
  assert.notEqual(first.directory, second.directory);
  await second.release();
  assert.equal(existsSync(second.directory), false);
  await first.release();
  await receive(t, store, [file("a", "1")]);
  await (await store.take("key")).release();
  assert.deepEqual((await receive(t, store, [file("a", "1")])).asked, ["a"]);
});

for (const [what, files] of [
  ["a path that leaves the directory", [file("../x", "1")]],
  ["an absolute path", [file("/x", "1")]],
  ["a path below a symlink", [{ path: "l", mode: goMode("symlink", 0o777), linkname: "/tmp" }, file("l/x", "1")]],
  ["a path below nothing", [file("no/x", "1")]],
  ["a path that comes twice", [file("a", "1"), file("a", "2")]],
  ["a hard link to outside", [file("a", "", { linkname: "/etc/passwd" })]],
  [
    "a hard link through a symlink",
    [{ path: "l", mode: goMode("symlink", 0o777), linkname: "/etc/passwd" }, file("m", "", { linkname: "l" })],
  ],
] as const)
  test(`${what} is refused`, async (t) => {
    const root = folder(t);
    await assert.rejects(receive(t, new ContextDirectories(join(root, "in")), files), { kind: "invalid" });
    assert.deepEqual(readdirSync(root), ["in"]);
  });

test("what the client says instead of files is the error", async (t) => {
  const { session } = client(t, [], "no such directory");
  const sink = { list: () => [], write: () => undefined, close: () => undefined };
  await assert.rejects(receiveFiles(session, { directory: "context" }, { sink, signal: new AbortController().signal }), {
    message: "error from sender: no such directory",
  });
});
