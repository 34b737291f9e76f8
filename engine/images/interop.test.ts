import assert from "node:assert/strict";
import { execFile, execFileSync } from "node:child_process";
import { createReadStream, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createWriteStream } from "node:fs";
import { promisify } from "node:util";
import test from "node:test";
import type { TestContext } from "node:test";
import { fakeRegistry, fresh, imageOf, needsRoot, OCI, realRegistry, sha256, tar } from "../../test/support/registry.ts";
import { generator } from "../../test/support/random.ts";
import type { JsonMessage } from "../api/types/image.ts";
import type { Fixture } from "../../test/support/registry.ts";

function podman(t: TestContext, directory: string): ((...args: string[]) => string) | undefined {
  const base = ["--root", join(directory, "podman"), "--runroot", join(directory, "podman-run")];
  const run = (...args: string[]): string => execFileSync("podman", [...base, ...args], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }); // oxfmt-ignore
  try {
    run("images");
    return run;
  } catch {
    t.skip("needs podman");
    return undefined;
  }
}

async function saved({ images, directory }: Fixture, name: string): Promise<string> {
  const path = join(directory, "saved.tar");
  await pipeline(await images.save([name]), createWriteStream(path));
  return path;
}

test("podman loads what save() writes, and load() what podman saves, in both formats", needsRoot, async (t) => {
  const fixture = await fresh(t);
  const run = podman(t, fixture.directory);
  if (!run) return;
  const image = await fixture.images.importTar(Readable.from([tar("file", Buffer.from("hello"))]), { reference: "localhost/app:1", changes: [], message: "" }); // oxfmt-ignore
  run("load", "-i", await saved(fixture, "localhost/app:1"));
  assert.equal(run("image", "inspect", "--format", "{{.Id}}", "localhost/app:1").trim(), image.id.slice(7));
  for (const format of ["docker-archive", "oci-archive"]) {
    const path = join(fixture.directory, `${format}.tar`);
    run("save", "--format", format, "-o", path, "localhost/app:1");
    const other = await fresh(t);
    const { ids } = await other.images.load(createReadStream(path));
    assert.deepEqual((await other.images.get(ids[0]!)).config.rootfs, image.config.rootfs);
    assert.deepEqual((await other.images.get(ids[0]!)).repoTags, ["localhost/app:1"]);
  }
});

test("an index with all its platforms is loaded, saved and pushed whole", needsRoot, async (t) => {
  const fake = await fakeRegistry(t);
  const manifests = ["amd64", "arm64"].map((architecture) => {
    const { data, digest } = imageOf(fake, [tar(architecture, Buffer.from(architecture))], { os: "linux", architecture });
    return { mediaType: `${OCI}.manifest.v1+json`, digest, size: data.length, platform: { os: "linux", architecture } };
  });
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests }));
  fake.manifests.set("multi", index);
  fake.manifests.set(sha256(index), index);
  const fixture = await fresh(t);
  const path = join(fixture.directory, "multi.tar");
  const source = `docker://${fake.host}/app:multi`;
  // Not execFileSync: the registry lives in this process.
  await promisify(execFile)("skopeo", [
    "copy",
    "-q",
    "--all",
    "--insecure-policy",
    "--src-tls-verify=false",
    source,
    `oci-archive:${path}:app:multi`,
  ]);
  await fixture.images.load(createReadStream(path));
  await fixture.images.prune(() => false);
  const again = await saved(fixture, "app:multi");
  const raw = execFileSync("skopeo", ["inspect", "--raw", `oci-archive:${again}`], { encoding: "utf8" });
  assert.deepEqual((JSON.parse(raw) as { manifests: { digest: string }[] }).manifests.map(({ digest }) => digest), manifests.map(({ digest }) => digest)); // oxfmt-ignore
  const arm = join(fixture.directory, "arm");
  execFileSync("skopeo", ["copy", "-q", "--insecure-policy", "--override-arch", "arm64", `oci-archive:${again}`, `dir:${arm}`]);

  const pulled = await fresh(t);
  await pulled.images.pull(`${fake.host}/app:multi`, { platform: { os: "linux", architecture: "amd64" } });
  const part = await saved(pulled, `${fake.host}/app:multi`);
  const other = await fresh(t);
  const { ids } = await other.images.load(createReadStream(part), { platform: { os: "linux", architecture: "amd64" } });
  assert.equal((await other.images.get(ids[0]!)).config.architecture, "amd64");

  const host = await realRegistry(t, fixture.directory);
  if (!host) return;
  await fixture.images.tag("app:multi", `${host}/whole:1`);
  await fixture.images.push(`${host}/whole:1`, {});
  const there = execFileSync("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${host}/whole:1`]);
  assert.equal(sha256(there), sha256(index));
  // Of what was pulled only one platform is here: that is pushed, and said in Docker's words.
  await pulled.images.tag(`${fake.host}/app:multi`, `${host}/part:1`);
  const said: JsonMessage[] = [];
  await pulled.images.push(`${host}/part:1`, { progress: (message) => said.push(message) });
  const note = said.map(({ aux }) => aux as { manifestPushedInsteadOfIndex?: boolean; selectedManifest?: { digest: string } } | undefined);
  assert.equal(note.find((aux) => aux?.manifestPushedInsteadOfIndex)?.selectedManifest?.digest, manifests[0]!.digest);
});

const rounds = Number(process.env["BERTH_FUZZ"]) || 40;

test(`load() of ${rounds} damaged archives ends, shows nothing half and leaves nothing`, needsRoot, async (t) => {
  const fixture = await fresh(t);
  await fixture.images.importTar(Readable.from([tar("file", Buffer.alloc(3000, "x"))]), { reference: "app:1", changes: [], message: "" });
  const chunks: Buffer[] = [];
  for await (const chunk of await fixture.images.save(["app:1"])) chunks.push(chunk as Buffer);
  const archive = Buffer.concat(chunks);
  const other = await fresh(t);
  for (let seed = 1; seed <= rounds; seed++) {
    const next = generator(seed);
    const damaged = Buffer.from(archive.subarray(0, next(4) === 0 ? next(archive.length) : archive.length));
    for (let i = next(12); i >= 0 && damaged.length > 0; i--) damaged[next(damaged.length)] = next(256);
    writeFileSync(join(fixture.directory, "damaged.tar"), damaged);
    await other.images.load(createReadStream(join(fixture.directory, "damaged.tar"))).catch((error: Error) => {
      assert.ok(["EngineError", "Error"].includes(error.constructor.name), `seed ${seed}: ${error.stack}`);
    });
    for (const image of await other.images.list()) await other.images.remove(image.id, { force: true, prune: true });
  }
  await other.images.prune(() => true);
  assert.deepEqual(await other.images.list(), []);
});
