import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
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
import { Events } from "../events.ts";
import { mountPoints } from "../host/mount.ts";
import { openSnapshots } from "../layers/overlay.ts";
import type { Snapshots } from "../layers/snapshots.ts";
import { emptyEntry, tarHeader, tarPadding, TAR_END } from "../layers/tar-writer.ts";
import type { Images } from "./images.ts";
import { topLayer } from "./images.ts";
import { openImages } from "./store.ts";

const needsRoot = process.getuid!() === 0 ? {} : { skip: "needs root" };
const rootless = !/^\s*0\s+0\s/.test(readFileSync("/proc/self/uid_map", "utf8"));

interface Fixture {
  directory: string;
  events: Events;
  images: Images;
  snapshots: Snapshots;
}

async function fresh(t: TestContext): Promise<Fixture> {
  const directory = mkdtempSync(join(tmpdir(), "images-"));
  t.after(() => {
    for (const { target } of mountPoints()) if (target.startsWith(directory)) execFileSync("umount", ["-l", target]);
    rmSync(directory, { recursive: true });
  });
  return reopen(directory);
}

async function reopen(directory: string): Promise<Fixture> {
  const events = new Events();
  const snapshots = await openSnapshots({ directory, rootless });
  return { directory, events, snapshots, images: await openImages({ directory: join(directory, "images"), snapshots, events }) };
}

function tar(files: Record<string, string>): Buffer {
  const parts = Object.entries(files).flatMap(([name, text]) => {
    const content = Buffer.from(text);
    return [tarHeader({ ...emptyEntry(name), sizeBytes: content.length }), content, tarPadding(content.length)];
  });
  return Buffer.concat([...parts, TAR_END]);
}

function imported(images: Images, reference: string, content = "hello"): ReturnType<Images["importTar"]> {
  return images.importTar(Readable.from([tar({ file: content })]), { reference, changes: [], message: "" });
}

async function collect(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

function told(events: Events): string[] {
  return events.recent().map(({ type, action, attributes }) => `${type} ${action} ${attributes["name"]}`);
}

test("importTar() makes an image that is there after a restart, and that skopeo and umoci read", needsRoot, async (t) => {
  const { directory, images, events, snapshots } = await fresh(t);
  const image = await images.importTar(Readable.from([gzipSync(tar({ "etc/motd": "hello" }))]), {
    reference: "my/app",
    changes: ['CMD ["sh", "-c", "true"]', "ENV A=1 B='two words'", "EXPOSE 80 53/udp"],
    message: "",
  });
  assert.deepEqual(image.repoTags, ["my/app:latest"]);
  assert.equal(image.sizeBytes, 5);
  assert.equal(image.config.comment, "Imported from -");
  assert.deepEqual(image.config.config, {
    Cmd: ["sh", "-c", "true"],
    Env: ["A=1", "B=two words"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
  });
  assert.deepEqual(told(events), ["image tag my/app:latest", `image import ${image.id}`]);
  const root = await snapshots.view("v", topLayer(image)!);
  assert.equal(readFileSync(join(root, "etc/motd"), "utf8"), "hello");
  await snapshots.remove("v");
  assert.deepEqual(await (await reopen(directory)).images.list(), [image]);

  const layout = join(directory, "images");
  const seen = JSON.parse(execFileSync("skopeo", ["inspect", `oci:${layout}:docker.io/my/app:latest`], { encoding: "utf8" })) as object;
  assert.deepEqual((seen as { Digest: string }).Digest, image.manifest.digest);
  assert.match(execFileSync("umoci", ["ls", "--layout", layout], { encoding: "utf8" }), /docker.io\/my\/app:latest/);
});

test("importTar() of junk leaves nothing", needsRoot, async (t) => {
  const { directory, images } = await fresh(t);
  const junk = Readable.from([Buffer.alloc(3000, "junk")]);
  await assert.rejects(images.importTar(junk, { changes: [], message: "" }), new EngineError("invalid", "archive/tar: invalid tar header"));
  await assert.rejects(imported(images, "UPPER"), /must be lowercase/);
  assert.deepEqual(readdirSync(join(directory, "images/blobs/sha256")), []);
  assert.deepEqual(readdirSync(join(directory, "layers")), ["empty"]);
});

test("get() finds images as docker does", needsRoot, async (t) => {
  const { images } = await fresh(t);
  const image = await imported(images, "nginx");
  await images.tag("nginx", "127.0.0.1:5000/x/nginx:v1");
  const names = ["nginx", "nginx:latest", "docker.io/library/nginx", image.id, image.id.slice(7), image.id.slice(0, 19), image.id.slice(7, 19), "127.0.0.1:5000/x/nginx:v1", `nginx@${image.manifest.digest}`]; // oxfmt-ignore
  for (const name of names) assert.equal((await images.get(name)).id, image.id, name);
  assert.deepEqual((await images.get("nginx")).repoTags, ["127.0.0.1:5000/x/nginx:v1", "nginx:latest"]);
  const missing: [string, string][] = [
    ["nosuch", "No such image: nosuch:latest"],
    ["nginx:2", "No such image: nginx:2"],
    ["127.0.0.1:5000/x/nginx", "No such image: 127.0.0.1:5000/x/nginx:latest"],
    [`sha256:${"0".repeat(64)}`, `No such image: sha256:${"0".repeat(64)}`],
  ];
  for (const [name, message] of missing) {
    await assert.rejects(images.get(name), new EngineError("not-found", message));
    assert.equal(await images.find(name), undefined);
  }
  await assert.rejects(images.get("UPPER"), {
    kind: "invalid",
    message: "invalid reference format: repository name (library/UPPER) must be lowercase",
  });
});

test("tag() moves a name; what loses its last name dangles", needsRoot, async (t) => {
  const { images, directory } = await fresh(t);
  const one = await imported(images, "app", "one");
  const two = await imported(images, "app", "two");
  assert.notEqual(one.id, two.id);
  assert.equal((await images.get("app")).id, two.id);
  assert.deepEqual((await images.get(one.id)).repoTags, []);
  const again = await reopen(directory);
  assert.deepEqual((await again.images.list()).map(({ repoTags }) => repoTags.join()).toSorted((a, b) => (a < b ? -1 : 1)), ["", "app:latest"]); // oxfmt-ignore
  await assert.rejects(images.tag("app", "x:bad tag"), new EngineError("invalid", "invalid reference format"));
  await assert.rejects(images.tag("nosuch", "x"), new EngineError("not-found", "No such image: nosuch:latest"));
  await assert.rejects(images.tag("app", `x@${one.id}`), /digest reference/);
});

test("remove() untags first and deletes with the last name, with Docker's records", needsRoot, async (t) => {
  const { images, directory, events } = await fresh(t);
  const image = await imported(images, "app");
  await images.tag("app", "app:2");
  await images.tag("app", "other");
  const options = { force: false, prune: true };
  assert.deepEqual(await images.remove("app:2", options), [{ untagged: "app:2" }]);
  const shortId = image.id.slice(7, 19);
  await assert.rejects(
    images.remove(shortId, options),
    new EngineError("conflict", `conflict: unable to delete ${shortId} (must be forced) - image is referenced in multiple repositories`),
  );
  assert.deepEqual(await images.remove("other", options), [{ untagged: "other:latest" }]);
  const [gone] = image.layers;
  assert.deepEqual(await images.remove("app", options), [{ untagged: "app:latest" }, { deleted: image.id }, { deleted: gone!.chainId }]);
  assert.deepEqual(readdirSync(join(directory, "images/blobs/sha256")), []);
  assert.deepEqual(readdirSync(join(directory, "layers")), ["empty"]);
  assert.deepEqual(told(events).slice(-3), [`image untag ${image.id}`, `image untag ${image.id}`, `image delete ${image.id}`]);
  await assert.rejects(images.remove("app", options), new EngineError("not-found", "No such image: app:latest"));
});

const conflicts: [what: string, running: boolean, by: "name" | "id", force: boolean, message: RegExp | undefined][] = [
  ["a running container, by name", true, "name", false, /^conflict: unable to remove repository reference "app" \(must force\) - container 0123456789ab is using its referenced image [0-9a-f]{12}$/], // oxfmt-ignore
  ["a stopped container, by name", false, "name", false, /^conflict: unable to remove repository reference "app" \(must force\) - container 0123456789ab/], // oxfmt-ignore
  ["a running container, by id", true, "id", true, /^conflict: unable to delete [0-9a-f]{12} \(cannot be forced\) - image is being used by running container 0123456789ab$/], // oxfmt-ignore
  ["a stopped container, by id", false, "id", false, /^conflict: unable to delete [0-9a-f]{12} \(must be forced\) - image is being used by stopped container 0123456789ab$/], // oxfmt-ignore
  ["a stopped container, by id and force", false, "id", true, undefined],
];
for (const [what, running, by, force, message] of conflicts)
  test(`remove() respects ${what}`, needsRoot, async (t) => {
    const { images, snapshots } = await fresh(t);
    const image = await imported(images, "app");
    await snapshots.prepare("container", topLayer(image));
    images.addUser(async ({ id }) => (id === image.id ? { describe: "container 0123456789ab", running } : undefined));
    const removing = images.remove(by === "name" ? "app" : image.id, { force, prune: true });
    if (message) await assert.rejects(removing, (error: Error) => message.test(error.message));
    else assert.deepEqual(await removing, [{ untagged: "app:latest" }, { deleted: image.id }]);
    const root = await snapshots.mount("container");
    assert.equal(readFileSync(join(root, "file"), "utf8"), "hello");
    await snapshots.remove("container");
    await images.prune(() => false);
    assert.equal((await snapshots.layers()).length, message ? 1 : 0);
  });

test("prune() takes what is selected and unused, and every blob and layer that nothing needs", needsRoot, async (t) => {
  const { images, directory, snapshots } = await fresh(t);
  const one = await imported(images, "app", "one");
  const two = await imported(images, "app", "two!");
  const orphan = await snapshots.add(Readable.from([tar({ orphan: "x" })]), null);
  writeFileSync(join(directory, "images/blobs/sha256", "f".repeat(64)), "old");
  const kept = await snapshots.add(Readable.from([tar({ kept: "x" })]), null);
  images.addKeeper(async () => [kept.chainId]);
  const { removed, spaceReclaimed } = await images.prune(({ repoTags }) => repoTags.length === 0);
  assert.deepEqual(removed, [{ deleted: one.id }, { deleted: one.layers[0]!.chainId }]);
  assert.equal(spaceReclaimed, 4);
  assert.equal(await snapshots.layer(orphan.chainId), undefined);
  assert.deepEqual(await snapshots.layer(kept.chainId), kept);
  assert.equal(existsSync(join(directory, "images/blobs/sha256", "f".repeat(64))), false);
  assert.deepEqual((await images.list()).map(({ id }) => id), [two.id]); // oxfmt-ignore
});

for (const [what, pack] of [
  ["plain", (data: Buffer) => data],
  ["gzip", gzipSync],
  ["zstd", zstdCompressSync],
] as const)
  // oxfmt-ignore
  test(`save() and load() (${what}) bring an image elsewhere, the same to the byte`, needsRoot, async (t) => {
    const { images } = await fresh(t);
    const image = await imported(images, "my/app:1");
    await images.tag("my/app:1", "my/app:2");
    const archive = await collect(await images.save(["my/app"]));
    assert.deepEqual(archive, await collect(await images.save(["my/app:1", "my/app:2"])));
    const other = await fresh(t);
    const said: string[] = [];
    const loaded = await other.images.load(Readable.from([pack(archive)]), { progress: ({ stream }) => said.push(stream!) });
    assert.deepEqual(loaded, { names: ["my/app:1", "my/app:2"], ids: [image.id] });
    assert.deepEqual(said, ["Loaded image: my/app:1\n", "Loaded image: my/app:2\n"]);
    assert.equal((await other.images.get("my/app:2")).manifest.digest, image.manifest.digest);
    assert.deepEqual(readdirSync(join(other.directory, "images/ingest")), []);
    await assert.rejects(images.save(["nosuch"]), new EngineError("not-found", "reference does not exist"));
    const byId = await collect(await images.save([image.id.slice(7, 19)]));
    assert.deepEqual((await (await fresh(t)).images.load(Readable.from([byId]))).names, [image.id]);
  });

test("load() reads what skopeo writes, as docker-archive and as OCI archive", needsRoot, async (t) => {
  const { images, directory } = await fresh(t);
  const image = await imported(images, "app:1");
  const layout = `oci:${join(directory, "images")}:docker.io/library/app:1`;
  for (const kind of ["docker-archive", "oci-archive"]) {
    const file = join(directory, `${kind}.tar`);
    execFileSync("skopeo", ["copy", "-q", "--insecure-policy", layout, `${kind}:${file}:docker.io/library/copied:${kind}`]);
    const other = await fresh(t);
    const loaded = await other.images.load(createReadStream(file));
    assert.deepEqual(loaded.names, [`copied:${kind}`]);
    assert.deepEqual((await other.images.get(`copied:${kind}`)).config.rootfs, image.config.rootfs);
  }
});

test("load() reads archives of old, with links among their layers", needsRoot, async (t) => {
  const { images, directory } = await fresh(t);
  const layer = tar({ file: "content" });
  const { createHash } = await import("node:crypto");
  const diffId = `sha256:${createHash("sha256").update(layer).digest("hex")}`;
  const old = join(directory, "old");
  mkdirSync(join(old, "aaa"), { recursive: true });
  mkdirSync(join(old, "bbb"));
  writeFileSync(join(old, "aaa/layer.tar"), gzipSync(layer));
  symlinkSync("../aaa/layer.tar", join(old, "bbb/layer.tar"));
  writeFileSync(
    join(old, "c.json"),
    JSON.stringify({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: [diffId, diffId] } }),
  );
  writeFileSync(
    join(old, "manifest.json"),
    JSON.stringify([{ Config: "c.json", RepoTags: ["old:1"], Layers: ["aaa/layer.tar", "bbb/layer.tar"] }]),
  );
  execFileSync("tar", ["-C", old, "-cf", join(directory, "old.tar"), "."]);
  assert.deepEqual((await images.load(createReadStream(join(directory, "old.tar")))).names, ["old:1"]);
  assert.equal((await images.get("old:1")).layers.length, 2);
});

const badArchives: [what: string, files: Record<string, string> | string, error: RegExp][] = [
  ["junk", "j".repeat(3000), /archive\/tar: invalid tar header/],
  ["an archive of something else", { readme: "hello" }, /neither manifest.json nor index.json/],
  ["a table that is no list", { "manifest.json": "{}" }, /not a list/],
  ["a table that is no JSON", { "manifest.json": "{" }, /not JSON/],
  ["a missing config", { "manifest.json": '[{"Config":"c.json","Layers":[]}]' }, /it has no "c.json"/],
  ["a config outside", { "manifest.json": '[{"Config":"../../../etc/passwd","Layers":[]}]' }, /it has no|Cannot read/],
  ["a missing layer", { "manifest.json": '[{"Config":"c","Layers":["l"]}]', c: '{"rootfs":{"type":"layers","diff_ids":["sha256:' + "0".repeat(64) + '"]}}' }, /it has no "l"/], // oxfmt-ignore
  ["a wrong layer", { "manifest.json": '[{"Config":"c","Layers":["l"]}]', l: tar({ a: "b" }).toString("latin1"), c: '{"rootfs":{"type":"layers","diff_ids":["sha256:' + "0".repeat(64) + '"]}}' }, /the image promises/], // oxfmt-ignore
  ["fewer layers than promised", { "manifest.json": '[{"Config":"c","Layers":[]}]', c: '{"rootfs":{"type":"layers","diff_ids":["sha256:' + "0".repeat(64) + '"]}}' }, /layers length mismatch/], // oxfmt-ignore
];
for (const [what, files, error] of badArchives)
  test(`load() refuses ${what} and leaves nothing`, needsRoot, async (t) => {
    const { images, directory } = await fresh(t);
    await assert.rejects(images.load(Readable.from([typeof files === "string" ? Buffer.from(files) : tar(files)])), error);
    assert.deepEqual(await images.list(), []);
    assert.deepEqual(readdirSync(join(directory, "images/blobs/sha256")), []);
    assert.deepEqual(readdirSync(join(directory, "images/ingest")), []);
  });

test("create() makes an image of a committed snapshot", needsRoot, async (t) => {
  const { images, snapshots } = await fresh(t);
  const base = await imported(images, "base");
  await snapshots.prepare("step", topLayer(base));
  writeFileSync(join(await snapshots.mount("step"), "new"), "added");
  const descriptors = base.layers.map(({ descriptor }) => descriptor);
  const layer = await snapshots.commit("step", async (stream) => {
    descriptors.push(await images.putBlob(stream, "application/vnd.oci.image.layer.v1.tar"));
  });
  const rootfs = { type: "layers" as const, diff_ids: [...base.config.rootfs.diff_ids, layer.diffId] };
  const made = await images.create({ ...base.config, rootfs }, descriptors, { names: ["made:1", "made:2"] });
  assert.deepEqual(made.repoTags, ["made:1", "made:2"]);
  assert.equal(topLayer(made), layer.chainId);
  assert.equal(made.sizeBytes, 10);
  // The base stays while the other needs its layers.
  await images.remove("base", { force: false, prune: true });
  const root = await snapshots.view("v", layer.chainId);
  assert.deepEqual(readdirSync(root), ["file", "new"]);
  await snapshots.remove("v");
});
