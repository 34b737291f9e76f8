import assert from "node:assert/strict";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import type { TestContext } from "node:test";
import { EngineError } from "../errors.ts";
import type { ErrorKind } from "../errors.ts";
import { Events } from "../events.ts";
import { openVolumes } from "./local.ts";
import { parseMountOptions } from "./options.ts";
import type { Volumes } from "./volumes.ts";

async function fresh(t: TestContext): Promise<{ root: string; events: Events; open: () => Promise<Volumes> }> {
  const root = await mkdtemp(join(tmpdir(), "volumes-"));
  t.after(() => rm(root, { recursive: true, force: true }));
  const events = new Events();
  const copyTree = (from: string, path: string, target: string) => cp(join(from, path), target, { recursive: true });
  const open = () => openVolumes({ directory: join(root, "storage"), state: join(root, "state"), events, copyTree });
  return { root, events, open };
}

const refused: [options: Parameters<Volumes["create"]>[0], kind: ErrorKind, message: string][] = [
  [
    { name: "bad name" },
    "invalid",
    'create bad name: "bad name" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path',
  ],
  [{ name: "a" }, "invalid", "create a: volume name is too short, names should be at least two alphanumeric characters"],
  [{ name: "v3", driver: "bogus" }, "not-found", 'create v3: error looking up volume plugin bogus: plugin "bogus" not found'],
  [{ name: "v3", options: { bogus: "1" } }, "invalid", 'create v3: invalid option: "bogus"'],
  [{ name: "v3", options: { type: "tmpfs" } }, "invalid", 'create v3: missing required option: "device"'],
];
for (const [options, kind, message] of refused)
  test(`create() refuses ${JSON.stringify(options)}`, async (t) => {
    const volumes = await (await fresh(t)).open();
    await assert.rejects(volumes.create(options), new EngineError(kind, message));
    assert.deepEqual(await volumes.list(), []);
  });

test("create() refuses a name that leaves the directory", async (t) => {
  const volumes = await (await fresh(t)).open();
  for (const name of ["..", "../x", "a/../../x", "/etc"]) await assert.rejects(volumes.create({ name }), EngineError);
});

test("create() makes a volume once and keeps its first options", async (t) => {
  const { events, open } = await fresh(t);
  const volumes = await open();
  const [first, second] = await Promise.all([
    volumes.create({ name: "v1", labels: { a: "b" } }),
    volumes.create({ name: "v1", options: { type: "tmpfs" } }),
  ]);
  assert.deepEqual(first, second);
  assert.deepEqual(first.labels, { a: "b" });
  assert.deepEqual(
    events.recent().map(({ type, action, id, attributes }) => ({ type, action, id, attributes })),
    [{ type: "volume", action: "create", id: "v1", attributes: { driver: "local" } }],
  );
});

test("create() without a name makes an anonymous volume", async (t) => {
  const volumes = await (await fresh(t)).open();
  const volume = await volumes.create({});
  assert.match(volume.name, /^[0-9a-f]{64}$/);
  assert.deepEqual(volume.labels, { "com.docker.volume.anonymous": "" });
  assert.ok(volume.anonymous);
});

test("openVolumes() adopts volumes with their data and sweeps what was half made", async (t) => {
  const { root, open } = await fresh(t);
  const volume = await (await open()).create({ name: "kept" });
  await writeFile(join(volume.mountpoint, "file"), "data");
  await mkdir(join(root, "storage", "half", "_data"), { recursive: true });
  await writeFile(join(root, "state", "half.json.unfinished-01"), "{");
  const volumes = await open();
  assert.deepEqual(await volumes.list(), [volume]);
  assert.equal(await readFile(join(volume.mountpoint, "file"), "utf8"), "data");
  assert.deepEqual(await readdir(join(root, "storage")), ["kept"]);
  assert.deepEqual(await readdir(join(root, "state")), ["kept.json"]);
});

test("remove() refuses a volume in use, and removes it with its data otherwise", async (t) => {
  const { root, open } = await fresh(t);
  const volumes = await open();
  let users = ["c511abac"];
  volumes.addUser(async () => users);
  await volumes.create({ name: "v1" });
  const inUse = new EngineError("conflict", "remove v1: volume is in use - [c511abac]");
  await assert.rejects(volumes.remove("v1", { force: true }), inUse);
  users = [];
  await volumes.remove("v1", { force: false });
  assert.deepEqual(await readdir(join(root, "storage")), []);
  await assert.rejects(volumes.remove("v1", { force: false }), new EngineError("not-found", "get v1: no such volume"));
  await volumes.remove("v1", { force: true });
});

test("copyUp() fills an empty volume and leaves a filled one alone", async (t) => {
  const { root, open } = await fresh(t);
  const volumes = await open();
  await mkdir(join(root, "rootfs/srv"), { recursive: true });
  await writeFile(join(root, "rootfs/srv/index.html"), "image");
  const { mountpoint } = await volumes.create({ name: "web" });
  await volumes.copyUp("web", { root: join(root, "rootfs"), path: "/srv" });
  await writeFile(join(mountpoint, "index.html"), "mine");
  await volumes.copyUp("web", { root: join(root, "rootfs"), path: "/srv" });
  assert.equal(await readFile(join(mountpoint, "index.html"), "utf8"), "mine");
});

test("mount() mounts a tmpfs volume until its last container goes", async (t) => {
  if (process.getuid!() !== 0) return t.skip("needs root");
  const { open } = await fresh(t);
  const volumes = await open();
  const { mountpoint } = await volumes.create({ name: "ram", options: { type: "tmpfs", device: "tmpfs", o: "size=1m,ro" } });
  const mounts = async () => (await readFile("/proc/self/mountinfo", "utf8")).split("\n").filter((line) => line.includes(mountpoint));
  await volumes.mount("ram", "c1");
  await volumes.mount("ram", "c2");
  const lines = await mounts();
  assert.equal(lines.length, 1);
  assert.match(lines[0]!, / ro.*tmpfs.*size=1024k/);
  await volumes.unmount("ram", "c1");
  assert.equal((await mounts()).length, 1);
  await volumes.unmount("ram", "c2");
  assert.deepEqual(await mounts(), []);
});

test("mount() says why a volume cannot be mounted", async (t) => {
  if (process.getuid!() !== 0) return t.skip("needs root");
  const volumes = await (await fresh(t)).open();
  const { mountpoint } = await volumes.create({ name: "b1", options: { type: "none", device: "/no/such", o: "bind" } });
  const message = `error while mounting volume '${mountpoint}': failed to mount local volume: mount /no/such:${mountpoint}, flags: 0x1000: no such file or directory`;
  await assert.rejects(volumes.mount("b1", "c1"), new EngineError("internal", message));
});

const mountOptions: [text: string, flags: number, data: string][] = [
  ["", 0, ""],
  ["ro,size=1m,nosuid", 3, "size=1m"],
  ["bind", 4096, ""],
  ["addr=10.0.0.1,rw,nfsvers=4", 0, "addr=10.0.0.1,nfsvers=4"],
];
for (const [text, flags, data] of mountOptions)
  test(`parseMountOptions() splits "${text}"`, () => assert.deepEqual(parseMountOptions(text), { flags, data }));
