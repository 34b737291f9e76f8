/** `docker save | berth load` and `berth save | docker load`, with the machine's own dockerd. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { berth, berthSays, importBusybox } from "../support/berth.ts";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import type { Dockerd } from "../support/dockerd.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { USERS } from "../support/user.ts";

const MOST_BYTES = 64 << 20;
const DOCKERFILE = "FROM busybox\nRUN echo second > /second && rm /bin/vi\nRUN mkdir /d && touch /d/a && ln /d/a /d/b && chown 5:6 /d/a\nENV WHO=me\nCMD [\"cat\",\"/second\"]\n"; // oxfmt-ignore

describe("archives between Berth and dockerd", { skip: cannotRunDockerd() }, () => {
  let dockerd: Dockerd;
  let folder: string;

  const docker = (args: string[], input?: Buffer): Buffer =>
    execFileSync("docker", args, {
      env: { ...process.env, DOCKER_HOST: dockerd.socket },
      maxBuffer: MOST_BYTES,
      stdio: ["pipe", "pipe", "ignore"],
      ...(input && { input }),
    });

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "berth-dockerd-"));
    dockerd = await startDockerd(folder);
  });
  after(async () => {
    await dockerd.stop();
    rmSync(folder, { recursive: true, force: true });
  });

  for (const as of USERS)
    test(`with an engine of ${as}`, async (t) => {
      const engine: TestEngine = await startEngine({ as });
      t.after(() => engine.remove());
      const inspect = async (): Promise<unknown> =>
        JSON.parse(await berthSays(engine, ["inspect", "-f", '{"id":"{{.Id}}","layers":{{json .RootFS.Layers}},"cmd":{{json .Config.Cmd}},"env":{{json .Config.Env}}}', "made:1"])); // oxfmt-ignore
      await importBusybox(engine);
      await berthSays(engine, ["build", "-q", "-t", "made:1", "-t", "other/name:2", "-"], { input: DOCKERFILE });
      const made = await inspect();
      const path = join(engine.root, "saved.tar");
      await berthSays(engine, ["save", "-o", path, "made:1", "other/name:2"]);
      assert.match(String(docker(["load", "-i", path])), /Loaded image: made:1\n[^]*Loaded image: other\/name:2/);
      const format = '{"id":"{{.Id}}","layers":{{json .RootFS.Layers}},"cmd":{{json .Config.Cmd}},"env":{{json .Config.Env}}}';
      assert.deepEqual(JSON.parse(String(docker(["inspect", "-f", format, "made:1"]))), made);
      const saved = docker(["save", "made:1", "other/name:2"]);
      for (const archive of [saved, gzipSync(saved, { level: 1 })]) {
        await berthSays(engine, ["rmi", "-f", "made:1", "other/name:2"]);
        const { stdout } = await berth(engine, ["load"], { input: archive });
        assert.match(stdout, /Loaded image: made:1\n/);
        assert.match(stdout, /Loaded image: other\/name:2\n/);
        assert.deepEqual(await inspect(), made);
      }
      const script = "cat /second; stat -c %u:%g:%h /d/b; test ! -e /bin/vi";
      assert.equal(await berthSays(engine, ["run", "--rm", "made:1", "sh", "-c", script]), "second\n5:6:2");
      docker(["rmi", "-f", "made:1", "other/name:2"]);
    });
});
