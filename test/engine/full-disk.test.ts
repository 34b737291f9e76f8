/** An engine whose disk is too small: what fails says why, leaves nothing, and the engine goes on. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { berth, berthSays, importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { fakeRegistry, realRegistry, sha256, tar } from "../support/registry.ts";
import { cannotRunAs } from "../support/user.ts";

const MB = 1 << 20;

describe("an engine on a disk of 40 MB", { skip: cannotRunAs("root") }, () => {
  let folder: string;
  let engine: TestEngine;

  const used = (): number => {
    const { blocks, bfree, bsize } = statfsSync(folder);
    return (blocks - bfree) * bsize;
  };
  /** The trash is emptied while the engine serves. */
  const untilFree = (most: number): Promise<void> => eventually(() => Math.max(used() - most, 0), 0);
  /** Nothing of a failed attempt is left, once the next engine has emptied the trash. */
  const nothingLeft = async (before: number): Promise<void> => {
    assert.equal(await berthSays(engine, ["images", "-aq"]), "");
    await berthSays(engine, ["image", "prune", "-f"]);
    await engine.stop();
    await engine.restart();
    // What Node keeps of compiled programs is written when the first engine ends.
    await untilFree(before + 4 * MB);
  };

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-full-"));
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=40m", "tmpfs", folder]);
    engine = await startEngine({ as: "root", root: join(folder, "engine") });
  });
  after(async () => {
    await engine.remove();
    execFileSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true });
  });

  // Zeros compress to nothing: the layer does not fit. Random bytes do not: already the blob does not.
  const contents = { "a layer": Buffer.alloc(60 * MB), "a blob": randomBytes(60 * MB) };
  for (const [what, content] of Object.entries(contents)) {
    test(`pull of ${what} that does not fit`, async (t) => {
      const fake = await fakeRegistry(t, [tar("small", Buffer.from("x")), tar("large", content)]);
      const before = used();
      const failed = await berth(engine, ["pull", `${fake.host}/app:1`]);
      assert.equal(failed.exitCode, 1);
      assert.match(failed.stderr, /no space left on device/);
      await nothingLeft(before);
    });
    test(`import of ${what} that does not fit`, async () => {
      const before = used();
      const archive = gzipSync(tar("large", content), { level: 1 });
      const failed = await berth(engine, ["import", "-", "too:large"], { input: archive });
      assert.notEqual(failed.exitCode, 0);
      assert.match(failed.stderr, /no space left on device/);
      await nothingLeft(before);
    });
  }

  test("load of an archive whose second image does not fit", async () => {
    const before = used();
    const files = ["small", "large"].map((name) => ({
      name,
      layer: tar(name, name === "large" ? randomBytes(30 * MB) : Buffer.from("x")),
    }));
    const table = files.map(({ name }) => ({ Config: `${name}.json`, RepoTags: [`${name}:1`], Layers: [`${name}.tar`] }));
    const configs = files.map(({ layer }) => JSON.stringify({ os: "linux", rootfs: { type: "layers", diff_ids: [sha256(layer)] } }));
    const entries = files.flatMap(({ name, layer }, i) => [tar(`${name}.json`, Buffer.from(configs[i]!)), tar(`${name}.tar`, layer)]);
    const archive = Buffer.concat(
      [...entries, tar("manifest.json", Buffer.from(JSON.stringify(table)))].map((each) => each.subarray(0, -1024)),
    );
    const failed = await berth(engine, ["load"], { input: Buffer.concat([archive, Buffer.alloc(1024)]) });
    assert.notEqual(failed.exitCode, 0);
    assert.match(failed.stderr, /no space left on device/);
    await nothingLeft(before);
  });

  test("what fits is pulled afterwards", async (t) => {
    const fake = await fakeRegistry(t);
    await berthSays(engine, ["pull", "-q", `${fake.host}/app:1`]);
    assert.equal(await berthSays(engine, ["images", "--format", "{{.Tag}}"]), "1");
  });

  test("a build that does not fit says so and leaves room for the next one", async () => {
    await importBusybox(engine);
    const build = (command: string) => berth(engine, ["build", "-q", "-"], { input: `FROM busybox\nRUN ${command}\n` });
    const before = used();
    const filled = await build("dd if=/dev/zero of=/f bs=1M count=60");
    assert.match(filled.stderr, /No space left on device[^]*returned a non-zero code: 1/);
    const committed = await build("dd if=/dev/urandom of=/f bs=1M count=20");
    assert.match(committed.stderr, /no space left on device: make room where the engine keeps its data/);
    assert.equal((await build("echo fine")).exitCode, 0);
    await engine.stop();
    await engine.restart();
    await untilFree(before + 4 * MB);
  });

  test("an image that a full disk keeps from being written or pushed", async (t) => {
    const build = (...args: string[]) =>
      berth(engine, ["build", "-q", ...args, "-"], { input: "FROM busybox\nRUN dd if=/dev/urandom of=/f bs=1M count=5\n" });
    assert.equal((await build("-t", "large")).exitCode, 0);
    const out = join(folder, "out");
    mkdirSync(out);
    const before = used();
    // All but three megabytes.
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(join(folder, "filler"), Buffer.alloc(bavail * bsize - 3 * MB));
    for (const output of [`type=oci,dest=${out}/image.tar`, `type=tar,dest=${out}/files.tar`, `${out}/files`]) {
      const failed = await build("-o", output);
      assert.equal(failed.exitCode, 1);
      assert.match(failed.stderr, /^Cannot write ".*": no space left on device$/m);
      assert.deepEqual(readdirSync(out), []);
    }
    // The registry's own disk is another one; what is pushed is compressed here first.
    const directory = mkdtempSync(join(tmpdir(), "berth-full-registry-"));
    t.after(() => rmSync(directory, { recursive: true }));
    const host = await realRegistry(t, directory);
    if (host !== undefined) {
      const pushed = await build("--push", "-t", `${host}/large:1`);
      assert.equal(pushed.exitCode, 1);
      assert.match(pushed.stderr, /no space left on device: make room where the engine keeps its data/);
    }
    rmSync(join(folder, "filler"));
    await engine.stop();
    await engine.restart();
    // The base layer as it was compressed for the registry is kept for the next push; of the large one nothing is.
    await untilFree(before + 2 * MB);
  });
});
