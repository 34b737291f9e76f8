/**
 * `kill -9` of the engine in each phase of a build. Afterwards the build's record tells how far it came, nothing of it is
 * left, and what it had made is in the cache. BERTH_BUILD_KILLS=200 kills builds at so many moments picked at random as well.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, watch, writeFileSync } from "node:fs"; // oxfmt-ignore
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as passed } from "node:timers/promises";
import { pack } from "tar-stream";
import type { BuildRecord } from "../../engine/build/builder.ts";
import { berth, berthSays, importBusybox, personEnvironment } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { commandLine, processesOf } from "../support/processes.ts";
import { testPrograms } from "../support/programs.ts";
import { fakeRegistry } from "../support/registry.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const KILLS = Number(process.env["BERTH_BUILD_KILLS"] ?? 0);
const ASKED = KILLS === 0 && "BERTH_BUILD_KILLS asks for it";
const INTERRUPTED = "Interrupted: the engine was stopped while this step ran";
const BIG = Buffer.alloc(48 << 20, "x");

/** Everything that a build in progress has on the disk. */
const PLACES = ["storage/build/temporary", "storage/tmp", "storage/images/ingest", "run/tasks", "run/runtime"];

interface Started {
  readonly said: string;
  readonly stderr: NodeJS.ReadableStream;
  /** Its exit status. */
  readonly ended: Promise<number>;
}

for (const as of USERS)
  describe(`kill -9 of the engine in each phase of a build, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let folder: string;
    let count = 0;
    before(async () => {
      engine = await startEngine({ as });
      folder = mkdtempSync(join(tmpdir(), "berth-kills-"));
      chmodSync(folder, 0o755);
      await importBusybox(engine);
    });
    after(async () => {
      await engine.remove();
      rmSync(folder, { recursive: true });
      assert.deepEqual(processesOf(engine.root).map(commandLine), []);
    });

    function context(...lines: string[]): string {
      const path = join(folder, `c${count++}`);
      mkdirSync(path);
      writeFileSync(join(path, "Dockerfile"), `${lines.join("\n")}\n`);
      writeFileSync(join(path, "big"), BIG);
      return path;
    }

    function names(place: string): string[] {
      return existsSync(join(engine.root, place)) ? readdirSync(join(engine.root, place)) : [];
    }

    /** What a pull has of a blob stays for the next one. */
    function leftovers(): string[] {
      const files = PLACES.flatMap((place) => names(place).map((name) => `${place}/${name}`)).filter((path) => !path.endsWith(".partial"));
      const snapshots = names("storage/snapshots").filter((key) => key.startsWith("build-"));
      return [...files, ...snapshots, ...strays()];
    }

    function strays(): string[] {
      const processes = processesOf(engine.root).map(commandLine);
      return processes.filter((line) => /storage\/snapshots\/build-|sleep 300/.test(line));
    }

    /** The next engine serves while it ends and removes what the last one had begun. */
    const nothingLeft = (): Promise<void> => eventually(() => leftovers().join("\n"), "");

    /** `berth build`, as the engine's user. */
    async function start(...args: string[]): Promise<Started> {
      const { folder: programs, node } = await testPrograms();
      const { uid, gid } = engine.user;
      const child = spawn(join(programs, "berth"), ["build", "--progress", "plain", ...args], {
        env: { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node },
        cwd: "/",
        stdio: ["ignore", "ignore", "pipe"],
        ...(process.getuid!() === 0 && { uid, gid }),
      });
      const started = { said: "", stderr: child.stderr };
      child.stderr.setEncoding("utf8").on("data", (piece: string) => (started.said += piece));
      const ended = once(child, "close").then(([code]) => code as number);
      return Object.assign(started, { ended });
    }

    /** Resolves when `isTrue` is, looking again whenever the build says something or something in the directory changes. */
    async function until(build: Started, directory: string, isTrue: () => boolean): Promise<void> {
      const watcher = watch(directory);
      const over = build.ended.then((code) => assert.fail(`The build ended with ${code}: ${build.said}`));
      over.catch(() => undefined);
      while (!isTrue()) await Promise.race([once(watcher, "change"), once(build.stderr, "data"), over]);
      watcher.close();
    }

    async function fails({ ended, said }: Started): Promise<void> {
      assert.notEqual(await ended, 0, said);
    }

    /** Kills, starts again, and looks at what the build left. */
    async function killed(): Promise<BuildRecord> {
      await engine.kill9();
      await engine.restart();
      assert.equal(await berthSays(engine, ["ps", "-aq"]), "");
      await nothingLeft();
      return JSON.parse(await berthSays(engine, ["builds", "inspect", "--format", "json", "latest"])) as BuildRecord;
    }

    /** What a record of a killed build says of each step. */
    function told({ status, error, steps, startedMs, endedMs }: BuildRecord): Record<string, string> {
      assert.deepEqual([status, error], ["failed", "The engine was stopped"]);
      assert.ok(endedMs! >= startedMs && endedMs! <= Date.now());
      for (const step of steps) assert.equal(step.startedMs === undefined, step.endedMs === undefined, step.instruction);
      const how = (step: BuildRecord["steps"][number]): string => (step.endedMs === undefined ? "not reached" : (step.error ?? "done"));
      return Object.fromEntries(steps.map((step) => [step.instruction, how(step)]));
    }

    test("while it receives the context", async (t) => {
      const upload = request({ socketPath: engine.socketPath, path: "/build", method: "POST" });
      t.after(() => upload.destroy());
      // It fails once for what is written and once for what is read.
      upload.on("error", () => undefined);
      const answered = once(upload, "response").then(() => assert.fail("answered"));
      const failed = assert.rejects(answered, /socket hang up|ECONNRESET|EPIPE/);
      const watcher = watch(join(engine.root, "storage/tmp"));
      const tar = pack();
      tar.entry({ name: "big", size: BIG.length });
      const [header] = (await once(tar, "data")) as [Buffer];
      upload.write(Buffer.concat([header, BIG.subarray(0, 1 << 20)]));
      while (names("storage/tmp").length === 0) await Promise.race([once(watcher, "change"), answered]);
      watcher.close();
      await engine.kill9();
      await failed;
      await engine.restart();
      await nothingLeft();
    });

    test("while it pulls the base", async (t) => {
      const fake = await fakeRegistry(t);
      const asked = new Promise<void>((resolve) => {
        fake.answer = ({ url }) => url!.includes("/blobs/") && (resolve(), true);
      });
      const build = await start(context(`FROM ${fake.host}/app:1`, "RUN echo one"));
      await asked;
      assert.deepEqual(told(await killed()), { [`FROM ${fake.host}/app:1`]: INTERRUPTED, "RUN echo one": "not reached" });
      await fails(build);
    });

    for (const [phase, line, place] of [
      ["copies", "COPY big /big", "storage/build/temporary"],
      ["runs a command", "RUN echo begun && sleep 1 && sleep 300", "run/tasks"],
      ["commits what a command wrote", "RUN head -c 50000000 /dev/zero > /zeros", "storage/images/ingest"],
    ] as const)
      test(`while it ${phase}`, async () => {
        const first = `RUN echo before it ${phase}`;
        const last = "RUN sleep 300";
        const build = await start(context("FROM busybox", first, line, last));
        const begun = line.includes("begun") ? /^#\d+ [\d.]+ begun$/m : /\[3\/4\]/;
        // Who is late finds the next step running.
        await until(
          build,
          join(engine.root, place),
          () => /\[4\/4\]/.test(build.said) || (begun.test(build.said) && names(place).length > 0),
        );
        const record = await killed();
        const { [line]: here, [last]: next, ...before } = told(record);
        assert.deepEqual(before, { "FROM busybox": "done", [first]: "done" });
        // The step may be over while the kill is on its way, and the next one not yet begun.
        assert.ok(
          [`${INTERRUPTED}, not reached`, "done, not reached", `done, ${INTERRUPTED}`].includes(`${here}, ${next}`),
          `${here}, ${next}`,
        );
        const logged = await berthSays(engine, ["builds", "logs", record.id]);
        assert.match(logged, new RegExp(`before it ${phase}`));
        await fails(build);
        const again = await berth(engine, ["build", "--progress", "plain", context("FROM busybox", first, "RUN echo fine")]);
        assert.match(again.stderr, /^#\d+ \[2\/3\] RUN echo before.*\n#\d+ CACHED$/m);
      });

    test("while the image is written to a file", async () => {
      const path = context("FROM busybox", "COPY big /big");
      const out = join(folder, "out");
      mkdirSync(out);
      chmodSync(out, 0o777);
      const build = await start("-o", `type=oci,dest=${out}/image.tar`, path);
      await until(build, out, () => readdirSync(out).length > 0);
      const { status } = await killed();
      assert.equal(status, "succeeded");
      // Who notices late kills when it is written.
      const exitCode = await build.ended;
      assert.deepEqual(readdirSync(out), exitCode === 0 ? ["image.tar"] : []);
    });

    test("while the image is pushed", async (t) => {
      const fake = await fakeRegistry(t);
      const asked = new Promise<void>((resolve) => {
        fake.answer = ({ method }) => method === "POST" && (resolve(), true);
      });
      const build = await start("--push", "-t", `${fake.host}/pushed:1`, context("FROM busybox", "RUN echo pushed"));
      await asked;
      const { status } = await killed();
      assert.equal(status, "succeeded");
      await fails(build);
    });

    test("at any moment", { skip: ASKED }, async () => {
      const lines = ["FROM busybox AS one", "RUN head -c 3000000 /dev/zero > /one", "FROM busybox", "COPY big /big", "RUN sleep 0.2; echo two > /two", "COPY --from=one /one /one", "RUN rm /big"]; // oxfmt-ignore
      const layers = async (...flags: string[]): Promise<string> => {
        await berthSays(engine, ["build", "-q", "-t", "random", "--build-arg", "SOURCE_DATE_EPOCH=1", ...flags, context(...lines)]);
        return berthSays(engine, ["inspect", "-f", "{{json .RootFS.Layers}}", "random"]);
      };
      const right = await layers("--no-cache");
      for (let kill = 0; kill < KILLS; kill++) {
        const fresh = [...lines, `RUN echo ${kill}`].map((line) => line.replace("sleep 0.2", `sleep 0.2; : ${kill}`));
        await start("-t", "random", "--build-arg", "SOURCE_DATE_EPOCH=1", context(...fresh));
        await passed(Math.random() * 2500);
        const record = await killed();
        if (record.status !== "succeeded") told(record);
        if (kill % 10 === 9) assert.equal(await layers(), right, `after ${kill} kills`);
      }
      assert.equal(await layers(), right);
    });
  });
