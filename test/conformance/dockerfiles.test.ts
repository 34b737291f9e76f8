/**
 * Dockerfiles as people write them, built here and by Debian's docker: the same settings, the same files. What docker made is
 * kept beside each; BERTH_RECORD=all (or names with commas) makes it again. BERTH_CORPUS=all builds all of
 * them, those on Debian too, and as both users; otherwise some.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createReadStream, mkdtempSync, rmSync, chmodSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, describe, test } from "node:test";
import { connect } from "../../engine/client/client.ts";
import type { DockerClient } from "../../engine/client/client.ts";
import { findBusybox } from "../support/busybox.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { debianTar } from "../support/debian.ts";
import { difference, expectedOf, keepExpected, makeContext, readThemes, settingsOf, treeOf } from "../support/dockerfile-corpus.ts";
import type { Made, Theme } from "../support/dockerfile-corpus.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import { berth } from "../support/berth.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { cannotRunAs } from "../support/user.ts";

const isWhole = process.env["BERTH_CORPUS"] === "all";
const themes = readThemes().filter(({ base }) => isWhole || base === "busybox");
const noBusybox = findBusybox() ? false : "needs busybox-static";

/** Puts the bases into an engine. */
async function importBases(client: DockerClient): Promise<Bases> {
  const bases: Record<string, Map<string, string>> = { "": new Map() };
  const add = async (name: string, tar: () => Readable): Promise<void> => {
    for await (const { error } of client.images.import({ source: "-", tar: tar(), repo: name, tag: "latest", changes: ["ENV PATH=/bin:/sbin:/usr/bin:/usr/sbin", 'CMD ["sh"]'] })) assert.equal(error, undefined); // oxfmt-ignore
    bases[name] = await fileTree(client, `${name}:latest`);
  };
  const busybox = await busyboxTar();
  await add("busybox", () => Readable.from([busybox]));
  if (!isWhole) return bases;
  const found = await debianTar();
  if ("path" in found) await add("debian", () => createReadStream(found.path));
  return bases;
}

type Bases = Readonly<Record<string, ReadonlyMap<string, string>>>;

async function fileTree(client: DockerClient, image: string): Promise<Map<string, string>> {
  const { Id } = await client.containers.create({ Image: image, Cmd: ["none"], Entrypoint: [] });
  try {
    return await treeOf(await client.containers.export(Id));
  } finally {
    await client.containers.remove(Id, { force: true, volumes: true });
  }
}

async function madeBy(client: DockerClient, { theme, bases }: { theme: Theme; bases: Bases }): Promise<Made> {
  const image = `corpus/${theme.name}:latest`;
  const { Config } = await client.images.inspect(image);
  const tree = await fileTree(client, image);
  const base = tree.has("bin/busybox") || theme.base === "debian" ? bases[theme.base]! : bases[""]!;
  return { config: settingsOf({ ...Config }), files: difference(base, tree) };
}

function flags(theme: Theme, directory: string): string[] {
  const secrets = Object.entries(theme.secrets).flatMap(([id, text]) => {
    writeFileSync(`${directory}.${id}`, text, { mode: 0o644 });
    return ["--secret", `id=${id},src=${directory}.${id}`];
  });
  return ["-t", `corpus/${theme.name}`, ...secrets, ...theme.args];
}

async function buildHere(engine: TestEngine, theme: Theme, directory: string): Promise<Result> {
  makeContext(theme, directory);
  // A person's files are the person's: some of them only the owner can read.
  execFileSync("chown", ["-R", `${engine.user.uid}:${engine.user.gid}`, directory]);
  return berth(engine, ["build", "--progress=plain", ...flags(theme, directory), directory]);
}

for (const as of ["root", "user"] as const)
  describe(`Dockerfiles of all kinds, built by ${as}`, { skip: noBusybox || cannotRunAs(as), timeout: 300_000 }, () => {
    let engine: TestEngine;
    let client: DockerClient;
    let bases: Bases;
    let folder: string;
    before(async () => {
      folder = mkdtempSync(join(tmpdir(), "berth-corpus-"));
      chmodSync(folder, 0o755);
      engine = await startEngine({ as });
      client = connect(engine.socket);
      bases = await importBases(client);
    });
    after(async () => {
      await client.close();
      await engine.remove();
      rmSync(folder, { recursive: true });
    });
    // An unprivileged user's engine does the same by other means: a few of them show it.
    const every = isWhole ? 1 : as === "root" ? 2 : 12;
    for (const theme of themes.filter((_, index) => index % every === 0))
      test(theme.name, async (t) => {
        const expected = expectedOf(theme);
        if (!expected) return t.skip("docker's result is not recorded");
        if (theme.base === "debian" && !bases["debian"]) return t.skip("needs debootstrap");
        const built = await buildHere(engine, theme, join(folder, theme.name));
        assert.equal(built.exitCode, 0, built.stderr);
        const { by: _, ...made } = expected;
        assert.deepEqual(await madeBy(client, { theme, bases }), made);
      });
  });

const wanted = process.env["BERTH_RECORD"]?.split(",") ?? [];
const recording = wanted.length > 0 ? cannotRunDockerd() : "only with BERTH_RECORD=all";

test("docker's results are recorded", { skip: recording, timeout: 900_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-corpus-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const dockerd = await startDockerd(join(folder, "dockerd"));
  t.after(() => dockerd.stop());
  const client = connect(dockerd.socket);
  t.after(() => client.close());
  const bases = await importBases(client);
  for (const theme of themes.filter(({ name }) => wanted.includes("all") || wanted.includes(name)))
    await t.test(theme.name, async () => {
      const directory = join(folder, "contexts", theme.name);
      makeContext(theme, directory);
      if (theme.plain) writeFileSync(join(directory, "Dockerfile"), theme.plain);
      const results: Record<string, Made | string> = {};
      for (const [builder, buildkit] of [
        ["BuildKit", "1"],
        ["legacy", "0"],
      ] as const) {
        const env = { ...process.env, DOCKER_HOST: dockerd.socket, DOCKER_BUILDKIT: buildkit, DOCKER_CONFIG: folder };
        const { exitCode, stderr, stdout } = await runProgram(["/usr/bin/docker", "build", ...flags(theme, directory), directory], { env });
        results[builder] = exitCode === 0 ? await madeBy(client, { theme, bases }) : (stderr || stdout).trim().split("\n").at(-1)!;
      }
      const { BuildKit, legacy } = results;
      const made = typeof BuildKit === "object" ? BuildKit : legacy;
      assert.ok(typeof made === "object", `neither builds it: ${String(BuildKit)}; ${String(legacy)}`);
      const both = JSON.stringify(BuildKit) === JSON.stringify(legacy);
      const by = both
        ? "both builders of docker 20.10"
        : typeof BuildKit === "object"
          ? "BuildKit of docker 20.10"
          : "the classic builder of docker 20.10";
      if (!both)
        console.log(
          `${theme.name}: ${typeof BuildKit === "string" ? `BuildKit: ${BuildKit}` : ""} ${typeof legacy === "string" ? `legacy: ${legacy}` : differs(made, legacy)}`,
        );
      keepExpected(theme, { by, ...made });
    });
});

function differs(a: Made, b: Made | string | undefined): string {
  if (typeof b !== "object") return "";
  const keys = (kind: "config" | "files") =>
    [...new Set([...Object.keys(a[kind]), ...Object.keys(b[kind])])].filter(
      (key) => JSON.stringify(a[kind][key]) !== JSON.stringify(b[kind][key]),
    );
  return JSON.stringify([
    ...keys("config").map((key) => [key, a.config[key], b.config[key]]),
    ...keys("files").map((key) => [key, a.files[key], b.files[key]]),
  ]);
}
