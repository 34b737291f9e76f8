/** Each kernel call is made once for real: a wrong signature would end this process. */
import assert from "node:assert/strict";
import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Worker } from "node:worker_threads";
import {
  closeDescriptor,
  deviceNumber,
  duplicate,
  makeEventDescriptor,
  makeFifo,
  makeNode,
  makePipe,
  O,
  openDescriptor,
  openInside,
  RESOLVE,
  S,
  setInherited,
  setPipeSize,
  setWindowSize,
  splice,
} from "./descriptor.ts";
import { EPOLL, epollAdd, epollCreate, epollModify, epollRemove, epollWait } from "./epoll.ts";
import { SystemCallError } from "./libc.ts";
import { bindMount, mount, mountPoints, parseMountInfo, pivotRoot, remountReadOnly, setPropagation, unmount } from "./mount.ts";
import { unshare } from "./namespace.ts";
import { onExit, openProcess, sendSignal, spawnProcess } from "./spawn.ts";
import { acceptUnix, connectUnix, listenUnix, receiveDescriptors, sendDescriptors, unixPair } from "./unix-socket.ts";
import { getXattr, listXattrs, removeXattr, setXattr } from "./xattr.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-kernel-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const root = process.getuid!() === 0;

/** Runs `code` in a thread, whose namespaces may be changed without harm to this one. */
async function inThread(code: string): Promise<unknown> {
  const modules = ["namespace", "mount", "descriptor"].map(
    (name) => `...await import(${JSON.stringify(join(import.meta.dirname, `${name}.ts`))})`,
  );
  const source = `const {parentPort}=require("node:worker_threads");const fs=require("node:fs");
    (async()=>{const host={${modules.join(",")}};parentPort.postMessage(await (async()=>{${code}})());})();`;
  const worker = new Worker(source, { eval: true, env: { ...process.env, FOLDER: folder } });
  return new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
}

test("SystemCallError names the action, the reason and Node's code", () => {
  assert.throws(() => openDescriptor("/nowhere", O.RDONLY | O.CLOEXEC), {
    name: "SystemCallError",
    message: 'Cannot open "/nowhere": no such file or directory (ENOENT)',
    code: "ENOENT",
    kind: "internal",
  });
  assert.equal(new SystemCallError('mount "/data"', 1).message, 'Cannot mount "/data": permission denied (EPERM)');
});

test("openInside() keeps an absolute symlink inside the directory", () => {
  const inside = join(folder, "inside");
  mkdirSync(join(inside, "etc"), { recursive: true });
  writeFileSync(join(inside, "etc/name"), "inside");
  symlinkSync("/etc/name", join(inside, "link"));
  const directory = openDescriptor(inside, O.PATH | O.DIRECTORY | O.CLOEXEC);
  const file = openInside(directory, "link", { flags: O.RDONLY | O.CLOEXEC, resolve: RESOLVE.IN_ROOT });
  assert.equal(readFileSync(file, "utf8"), "inside");
  assert.throws(() => openInside(directory, "link", { flags: O.RDONLY, resolve: RESOLVE.BENEATH }), { code: "EXDEV" });
  closeDescriptor(file);
  closeDescriptor(directory);
  assert.throws(() => closeDescriptor(directory), { code: "EBADF" });
});

test("makeNode() and makeFifo() make special files, also with names that are not UTF-8", (t) => {
  const name = Buffer.concat([Buffer.from(`${folder}/fifo-`), Buffer.from([0xff])]);
  makeFifo(name, 0o600);
  assert.equal(lstatSync(name).isFIFO(), true);
  makeNode(join(folder, "fifo2"), S.FIFO | 0o600);
  assert.equal(lstatSync(join(folder, "fifo2")).isFIFO(), true);
  if (!root) return t.skip("devices need root");
  makeNode(join(folder, "null"), S.CHAR | 0o666, deviceNumber(1, 3));
  assert.equal(lstatSync(join(folder, "null")).rdev, lstatSync("/dev/null").rdev);
});

for (const [major, minor, want] of [
  [0, 0, 0n],
  [1, 3, 0x103n],
  [259, 70000, 0x11110370n],
  [0x12345, 0x6789a, 0x120006783459an],
] as const)
  test(`deviceNumber() packs ${major}:${minor}`, () => assert.equal(deviceNumber(major, minor), want));

test("splice() moves bytes from a pipe to a file and tells end from not-now", () => {
  const { readEnd, writeEnd } = makePipe();
  assert.equal(setPipeSize(readEnd, 65536), 65536);
  const file = openSync(join(folder, "spliced"), "w");
  assert.equal(splice(readEnd, file, 100), null);
  writeSync(writeEnd, "hello");
  assert.equal(splice(readEnd, file, 100), 5);
  closeDescriptor(writeEnd);
  assert.equal(splice(readEnd, file, 100), 0);
  closeDescriptor(readEnd);
  closeSync(file);
  assert.equal(readFileSync(join(folder, "spliced"), "utf8"), "hello");
});

test("epollWait() tells which descriptor is ready, and nothing when the time is over", async () => {
  const epoll = epollCreate();
  const wake = makeEventDescriptor();
  const { readEnd, writeEnd } = makePipe();
  epollAdd(epoll, wake, { events: EPOLL.IN });
  epollAdd(epoll, readEnd, { events: EPOLL.IN, token: 7 });
  assert.deepEqual(await epollWait(epoll, { timeoutMs: 0 }), []);
  const waiting = epollWait(epoll, { timeoutMs: -1 });
  writeSync(writeEnd, "x");
  assert.deepEqual(await waiting, [{ descriptor: readEnd, events: EPOLL.IN, token: 7 }]);
  epollRemove(epoll, readEnd);
  const count = Buffer.alloc(8);
  count.writeBigUInt64LE(1n);
  writeSync(wake, count);
  assert.deepEqual(await epollWait(epoll, { timeoutMs: -1 }), [{ descriptor: wake, events: EPOLL.IN, token: 0 }]);
  epollModify(epoll, wake, { events: EPOLL.OUT | EPOLL.ET });
  assert.deepEqual(await epollWait(epoll, { timeoutMs: -1 }), [{ descriptor: wake, events: EPOLL.OUT, token: 0 }]);
  for (const fd of [epoll, wake, readEnd, writeEnd]) closeDescriptor(fd);
  await assert.rejects(epollWait(epoll, { timeoutMs: 0 }), { code: "EBADF" });
});

test("setWindowSize() refuses what is not a terminal", () => {
  const file = openSync("/dev/null", "r");
  assert.throws(() => setWindowSize(file, { rows: 24, columns: 80 }), { code: "ENOTTY" });
  closeSync(file);
});

test("setWindowSize() resizes a terminal", () => {
  const terminal = openDescriptor("/dev/ptmx", O.RDWR | O.NOCTTY | O.CLOEXEC);
  setWindowSize(terminal, { rows: 33, columns: 101 });
  closeDescriptor(terminal);
});

test("xattrs are set, read, listed and removed on the entry itself", () => {
  const file = join(folder, "attributes");
  writeFileSync(file, "");
  setXattr(file, "user.berth", Buffer.from([0, 1, 2]));
  assert.deepEqual(getXattr(file, "user.berth"), Buffer.from([0, 1, 2]));
  assert.equal(getXattr(file, "user.other"), undefined);
  assert.ok(listXattrs(file).includes("user.berth"));
  removeXattr(file, "user.berth");
  removeXattr(file, "user.berth");
  assert.deepEqual(
    listXattrs(file).filter((name) => name.startsWith("user.")),
    [],
  );
  symlinkSync(file, `${file}-link`);
  assert.throws(() => setXattr(`${file}-link`, "user.berth", Buffer.alloc(0)), { code: "EPERM" });
});

test("descriptors travel through a unix socket", () => {
  const path = join(folder, "socket");
  const listener = listenUnix(path);
  assert.equal(acceptUnix(listener), null);
  const client = connectUnix(path);
  const server = acceptUnix(listener)!;
  assert.equal(receiveDescriptors(server), null);
  const file = openSync(join(folder, "travels"), "w+");
  assert.equal(sendDescriptors(client, Buffer.from("take it"), [file, file]), 7);
  const got = receiveDescriptors(server)!;
  assert.equal(got.data.toString(), "take it");
  assert.equal(got.descriptors.length, 2);
  writeSync(got.descriptors[0]!, "from the other side");
  assert.equal(readFileSync(join(folder, "travels"), "utf8"), "from the other side");
  assert.equal(sendDescriptors(client, Buffer.from("plain"), []), 5);
  assert.deepEqual(receiveDescriptors(server), { data: Buffer.from("plain"), descriptors: [] });
  closeDescriptor(client);
  assert.equal(receiveDescriptors(server)!.data.length, 0);
  for (const fd of [file, server, listener, ...got.descriptors]) closeDescriptor(fd);
  assert.throws(() => connectUnix(path), { code: "ECONNREFUSED" });
});

test("unixPair() gives two ends", () => {
  const [a, b] = unixPair();
  sendDescriptors(a, Buffer.from("hi"), []);
  assert.equal(receiveDescriptors(b)!.data.toString(), "hi");
  for (const fd of [a, b, duplicate(a)]) closeDescriptor(fd);
});

/** Reads a pipe to its end, waiting with epoll. */
async function readAll(descriptor: number): Promise<string> {
  const epoll = epollCreate();
  epollAdd(epoll, descriptor, { events: EPOLL.IN });
  const chunk = Buffer.alloc(65536);
  let text = "";
  for (;;) {
    await epollWait(epoll, { timeoutMs: -1 });
    const size = readSync(descriptor, chunk);
    if (size === 0) break;
    text += chunk.toString("utf8", 0, size);
  }
  closeDescriptor(epoll);
  closeDescriptor(descriptor);
  return text;
}

test("spawnProcess() gives exactly the descriptors asked for, a session, an environment and clean signals", async () => {
  const { readEnd, writeEnd } = makePipe();
  const leak = openDescriptor("/", O.RDONLY | O.DIRECTORY | O.CLOEXEC);
  setInherited(leak, true);
  // In a pipeline the shell would have its ends open for a moment.
  const script = "ls -m /proc/$$/fd; echo $BERTH; pwd; cut -d' ' -f6 /proc/$$/stat; echo $$; grep SigIgn /proc/$$/status; kill -TERM $$";
  const pid = spawnProcess({
    argv: ["/bin/sh", "-c", script],
    env: { PATH: process.env["PATH"], BERTH: "yes" },
    cwd: "/usr",
    descriptors: [null, writeEnd, writeEnd],
    session: true,
  });
  const exit = onExit(pid);
  closeDescriptor(writeEnd);
  const [fds, berth, cwd, session, self, ignored] = (await readAll(readEnd)).split("\n");
  assert.equal(fds, "0, 1, 2");
  assert.deepEqual([berth, cwd, session, self], ["yes", "/usr", String(pid), String(pid)]);
  // Signals 32 and 33 belong to the C library.
  assert.equal(BigInt(`0x${ignored!.split("\t")[1]}`) & 0x7fffffffn, 0n);
  assert.deepEqual(await exit, { exitCode: 143, signal: 15 });
  closeDescriptor(leak);
});

test("spawnProcess() can swap descriptors", async () => {
  const first = makePipe();
  const pid = spawnProcess({
    argv: ["sh", "-c", "echo one >&1; echo two >&2"],
    env: process.env,
    descriptors: [null, 2, first.writeEnd],
    session: false,
  });
  closeDescriptor(first.writeEnd);
  assert.equal(await readAll(first.readEnd), "two\n");
  assert.equal((await onExit(pid)).exitCode, 0);
});

test("spawnProcess() says which program is missing", () => {
  assert.throws(() => spawnProcess({ argv: ["/no/such"], env: {}, descriptors: [null, null, null], session: false }), {
    message: 'Cannot start "/no/such": no such file or directory (ENOENT)',
  });
});

test("sendSignal() and openProcess() act on any process", async () => {
  const pid = spawnProcess({ argv: ["sleep", "100"], env: process.env, descriptors: [null, null, null], session: true });
  const epoll = epollCreate();
  const descriptor = openProcess(pid);
  epollAdd(epoll, descriptor, { events: EPOLL.IN });
  assert.equal(sendSignal(pid, 0), true);
  assert.equal(sendSignal(-pid, 9), true);
  assert.equal((await epollWait(epoll, { timeoutMs: -1 }))[0]!.descriptor, descriptor);
  assert.deepEqual(await onExit(pid), { exitCode: 137, signal: 9 });
  assert.equal(sendSignal(pid, 0), false);
  for (const fd of [epoll, descriptor]) closeDescriptor(fd);
});

test("parseMountInfo() reads escapes and optional fields", () => {
  const line = "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue";
  assert.deepEqual(parseMountInfo(line), {
    id: 36,
    target: "/mnt 2",
    options: ["rw", "noatime"],
    type: "ext3",
    source: "/dev/root",
    superOptions: ["rw", "errors=continue"],
  });
});

test("mounts are made, bound, made read-only and taken away in a namespace of their own", async (t) => {
  if (!root) return t.skip("needs root");
  const result = await inThread(`
    const at = process.env.FOLDER + "/mnt"; fs.mkdirSync(at + "/b", {recursive: true});
    host.unshare("mount"); host.setPropagation("/", "private", {recursive: true}); host.setPropagation("/", "slave", {recursive: true});
    host.mount("tmpfs", at, "tmpfs", {flags: host.MS.NOSUID, data: "size=64k"});
    fs.mkdirSync(at + "/a"); fs.mkdirSync(at + "/b"); fs.writeFileSync(at + "/a/f", "1");
    host.bindMount(at + "/a", at + "/b", {readOnly: true});
    let refused; try { fs.writeFileSync(at + "/b/g", ""); } catch (error) { refused = error.code; }
    const seen = fs.readFileSync("/proc/thread-self/mounts", "utf8").split("\\n").filter((line) => line.includes(at)).map((line) => line.split(" ")[3].split(",")[0]);
    const outside = fs.readFileSync("/proc/self/mounts", "utf8").includes(at);
    host.unmount(at + "/b"); host.unmount(at, {lazy: true});
    return {refused, seen, left: fs.readFileSync("/proc/thread-self/mounts", "utf8").includes(at), outside};`);
  assert.deepEqual(result, { refused: "EROFS", seen: ["rw", "ro"], left: false, outside: false });
});

test("pivotRoot() makes a directory the root of one thread", async (t) => {
  if (!root) return t.skip("needs root");
  const result = await inThread(`
    const at = process.env.FOLDER + "/pivot"; fs.mkdirSync(at);
    host.unshareFileSystem(); host.unshare("mount"); host.setPropagation("/", "private", {recursive: true});
    host.mount("tmpfs", at, "tmpfs"); fs.writeFileSync(at + "/here", "");
    host.pivotRoot(at, at); host.unmount("/", {lazy: true}); host.chroot("/");
    return fs.readdirSync("/");`);
  assert.deepEqual(result, ["here"]);
});

test("enterNamespacePath() moves one thread only", async (t) => {
  if (!root) return t.skip("needs root");
  const own = readlinkSync("/proc/self/ns/net");
  const result = (await inThread(`
    const read = () => fs.readlinkSync("/proc/thread-self/ns/net");
    const before = read(); host.unshare("net"); const inside = read();
    host.enterNamespacePath("/proc/self/ns/net", "net"); return [before, inside, read()];`)) as string[];
  assert.equal(result[0], own);
  assert.notEqual(result[1], own);
  assert.equal(result[2], own);
});

test("unmount() says what cannot be unmounted", () => {
  assert.throws(() => unmount(folder), { message: new RegExp(`^Cannot unmount "${folder}": `), name: "SystemCallError" });
});

test("every call that needs rights says so in one sentence", { skip: root && "needs an unprivileged user" }, () => {
  for (const call of [
    () => mount("tmpfs", folder, "tmpfs"),
    () => bindMount(folder, folder),
    () => remountReadOnly(folder),
    () => setPropagation("/", "private"),
    () => pivotRoot(folder, folder),
    () => unshare("mount"),
  ])
    assert.throws(call, /^SystemCallError: Cannot .*: permission denied \(EPERM\)$/);
  assert.ok(mountPoints().length > 0 && constants.O_RDONLY === O.RDONLY);
});
