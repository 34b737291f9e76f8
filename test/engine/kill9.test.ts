/**
 * `kill -9` of the engine while it works: what runs goes on, what was printed is there, what was half made is gone.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, globSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { berth, berthSays, importBusybox, personEnvironment } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { commandLine, gone, processesOf, sendKill } from "../support/processes.ts";
import { engineName, enginePaths } from "../../engine/host/paths.ts";
import { testPrograms } from "../support/programs.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

/** Of containers and build steps nothing stays below the run directory; the engine serves while it sweeps. */
async function noTasks(engine: TestEngine): Promise<void> {
  await eventually(() => readdirSync(join(engine.root, "run", "tasks")).join(" "), "");
}

for (const as of USERS)
  describe(`kill -9 of the engine, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
    });
    after(async () => {
      await engine.remove();
      assert.deepEqual(processesOf(engine.root), []);
      assert.equal(existsSync(engine.root), false);
    });

    /** Starts `berth` and resolves once its output shows `wanted`; the caller kills it. */
    async function startBerth(args: string[], wanted: RegExp): Promise<() => void> {
      const { folder, node } = await testPrograms();
      const { uid, gid } = engine.user;
      const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node };
      const child = spawn(join(folder, "berth"), args, {
        env,
        cwd: "/",
        stdio: ["ignore", "pipe", "pipe"],
        ...(process.getuid!() === 0 && { uid, gid }),
      });
      let said = "";
      await new Promise<void>((resolve, reject) => {
        const look = (data: Buffer): void => {
          said += data.toString();
          if (wanted.test(said)) resolve();
        };
        child.stdout.on("data", look);
        child.stderr.on("data", look);
        child.once("close", () => reject(new Error(`berth ${args.join(" ")} ended early: ${said}`)));
      });
      return () => child.kill("SIGKILL");
    }

    test("a container that prints loses no line and keeps its exit code", async () => {
      const script = 'i=0; while [ $i -lt 2000 ]; do echo "line $i"; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.1; done; exit 42';
      const id = await berthSays(engine, ["run", "-d", "--name", "printer", "busybox", "sh", "-c", script]);
      for (let round = 0; round < 3; round++) {
        (await startBerth(["logs", "-f", "printer"], new RegExp(`line ${round * 300 + 50}\n`)))();
        await engine.kill9();
        await engine.restart();
      }
      assert.equal(await berthSays(engine, ["wait", "printer"]), "42");
      const lines = (await berthSays(engine, ["logs", id])).split("\n");
      assert.deepEqual(
        lines,
        Array.from({ length: 2000 }, (_, index) => `line ${index}`),
      );
      await berthSays(engine, ["rm", "printer"]);
    });

    test("a container that ends while no engine is there has its exit code and its output", async () => {
      const script = "trap 'echo last; exit 9' TERM; echo first; while :; do sleep 0.05; done";
      await berthSays(engine, ["run", "-d", "--name", "brief", "-i", "busybox", "sh", "-c", script]);
      const pid = Number(await berthSays(engine, ["inspect", "-f", "{{.State.Pid}}", "brief"]));
      while ((await berthSays(engine, ["logs", "brief"])) !== "first");
      await engine.kill9();
      process.kill(pid, "SIGTERM");
      await gone(pid);
      await engine.restart();
      assert.equal(await berthSays(engine, ["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "brief"]), "exited 9");
      assert.equal(await berthSays(engine, ["logs", "brief"]), "first\nlast");
      await berthSays(engine, ["rm", "brief"]);
    });

    test("a published port answers on while no engine is there", async () => {
      const serve = "mkdir -p /www && echo hello > /www/index.html && exec httpd -f -p 80 -h /www";
      await berthSays(engine, ["run", "-d", "--name", "web", "-p", "127.0.0.1::80", "busybox", "sh", "-c", serve]);
      const url = `http://${await berthSays(engine, ["port", "web", "80/tcp"])}/`;
      await berthSays(engine, ["exec", "web", "sh", "-c", "until wget -qO- http://127.0.0.1/; do sleep 0.05; done"]);
      await engine.kill9();
      assert.equal(await (await fetch(url)).text(), "hello\n");
      await engine.restart();
      assert.equal(await (await fetch(url)).text(), "hello\n");
      assert.match(await berthSays(engine, ["ps"]), /web/);
      await berthSays(engine, ["rm", "-f", "web"]);
      await assert.rejects(fetch(url));
    });

    test("a build that was running leaves nothing behind and builds again", async () => {
      const folder = mkdtempSync(join(tmpdir(), "berth-context-"));
      writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo one > /one\nRUN echo begins && sleep 6000\n");
      chmodSync(folder, 0o755);
      const stop = await startBerth(["build", "--progress", "plain", "-t", "never", folder], /\bbegins$/m);
      await engine.kill9();
      stop();
      await engine.restart();
      assert.equal(await berthSays(engine, ["images", "-q", "never"]), "");
      assert.equal(await berthSays(engine, ["ps", "-aq"]), "");
      await noTasks(engine);
      // They have been killed; when they are gone is the kernel's matter.
      for (const pid of processesOf(engine.root)) if (commandLine(pid).includes("sleep 6000")) await gone(pid);
      writeFileSync(join(folder, "Dockerfile"), "FROM busybox\nRUN echo one > /one\nRUN echo again > /two\n");
      const again = await berth(engine, ["build", "--progress", "plain", "-t", "again", folder]);
      assert.equal(again.exitCode, 0, again.stderr);
      assert.match(again.stderr + again.stdout, /CACHED/);
      assert.equal(await berthSays(engine, ["run", "--rm", "again", "cat", "/one", "/two"]), "one\nagain");
      rmSync(folder, { recursive: true });
    });

    /** Resolves when this engine has told of a container's event, be it since it started. */
    async function heard(container: string, wanted: RegExp, event = wanted.source): Promise<void> {
      const filters = ["-f", `container=${container}`, "-f", `event=${event}`];
      (await startBerth(["events", "--since", "0", ...filters, "--format", "{{.Action}}"], wanted))();
    }
    const again = async (): Promise<void> => void (await engine.kill9(), await engine.restart());
    const shown = (name: string, field: string): Promise<string> => berthSays(engine, ["inspect", "-f", `{{${field}}}`, name]);
    const run = (name: string, ...words: string[]): Promise<string> => berthSays(engine, ["run", "-d", "--name", name, ...words]);

    test("restart policies go on under the next engine, and what was stopped stays so", async () => {
      await run("flaps", "--restart", "always", "busybox", "sh", "-c", "exit 3");
      await run("stays", "--restart", "unless-stopped", "busybox", "sleep", "300");
      await run("failed", "--restart", "on-failure:2", "busybox", "false");
      await run("quiet", "--restart", "unless-stopped", "--stop-timeout", "0", "busybox", "sleep", "300");
      await berthSays(engine, ["stop", "quiet"]);
      await heard("flaps", /(start\n){3}/, "start");
      await heard("failed", /(die\n){3}/, "die");
      const pid = Number(await shown("stays", ".State.Pid"));
      await engine.kill9();
      process.kill(pid, "SIGKILL");
      await gone(pid);
      await engine.restart();
      await heard("flaps", /start/);
      await heard("stays", /start/);
      assert.equal(await shown("stays", ".State.Status"), "running");
      assert.equal(await shown("failed", ".State.Status"), "exited");
      assert.equal(await shown("failed", ".RestartCount"), "2");
      assert.equal(await shown("quiet", ".State.Status"), "exited");
      await berthSays(engine, ["stop", "flaps"]);
      assert.equal(await shown("flaps", ".State.Status"), "exited");
      await again();
      assert.equal(await shown("quiet", ".State.Status"), "exited");
      await berthSays(engine, ["rm", "-f", "flaps", "stays", "failed", "quiet"]);
    });

    test("a paused container stays paused under the next engine, also when the last one had not written it down", async () => {
      await run("frozen", "busybox", "sh", "-c", "trap 'exit 7' TERM; while :; do echo tick; sleep 0.05; done");
      while (!(await berthSays(engine, ["logs", "frozen"])).includes("tick"));
      await berthSays(engine, ["pause", "frozen"]);
      await again();
      assert.equal(await shown("frozen", ".State.Status"), "paused");
      const printed = await berthSays(engine, ["logs", "frozen"]);
      await engine.kill9();
      const record = join(engine.root, globSync("state/containers/*.json", { cwd: engine.root }).find((name) => readFileSync(join(engine.root, name), "utf8").includes('"paused"'))!); // oxfmt-ignore
      writeFileSync(record, readFileSync(record, "utf8").replace('"paused"', '"running"'));
      await engine.restart();
      assert.equal(await shown("frozen", ".State.Status"), "paused");
      assert.equal(await berthSays(engine, ["logs", "frozen"]), printed);
      await berthSays(engine, ["unpause", "frozen"]);
      await berthSays(engine, ["stop", "frozen"]);
      assert.equal(await shown("frozen", ".State.ExitCode"), "7");
      await berthSays(engine, ["rm", "frozen"]);
    });

    test("health checks go on under the next engine, with what was known before", async () => {
      const fast = ["--health-interval", "100ms", "--health-retries", "2"];
      await run("checked", "--health-cmd", "test -e /ok", ...fast, "busybox", "sleep", "300");
      const early = ["--health-start-period", "1h", "--health-start-interval", "100ms", "--health-interval", "1h", "--health-retries", "1"];
      await run("early", "--health-cmd", "test -e /ok", ...early, "busybox", "sleep", "300");
      await heard("checked", /health_status: unhealthy/, "health_status");
      await again();
      assert.match(await berthSays(engine, ["ps", "-f", "name=checked"]), /\(unhealthy\)/);
      await berthSays(engine, ["exec", "checked", "touch", "/ok"]);
      await heard("checked", /health_status: healthy/, "health_status");
      await again();
      assert.match(await berthSays(engine, ["ps", "-f", "health=healthy"]), /checked/);
      await berthSays(engine, ["exec", "checked", "rm", "/ok"]);
      await heard("checked", /health_status: unhealthy/, "health_status");
      // What fails in the beginning does not count, and is looked at more often.
      assert.match(await berthSays(engine, ["ps", "-f", "name=early"]), /\(health: starting\)/);
      await berthSays(engine, ["exec", "early", "touch", "/ok"]);
      await heard("early", /health_status: healthy/, "health_status");
      await berthSays(engine, ["rm", "-f", "checked", "early"]);
    });

    /** As after a reboot: no process and no mount is left, nothing below run, and the machine has another boot id. */
    async function reboot(): Promise<void> {
      for (let pids = processesOf(engine.root); pids.length > 0; pids = processesOf(engine.root)) {
        for (const pid of pids) sendKill(pid);
        for (const file of globSync(`/sys/fs/cgroup/freezer/${engineName(enginePaths(engine.root))}/*/freezer.state`)) writeFileSync(file, "THAWED"); // oxfmt-ignore
        for (const pid of pids) await gone(pid);
      }
      rmSync(join(engine.root, "run"), { recursive: true, force: true });
      const before = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
      const after = randomUUID();
      for (const name of globSync("{state,storage}/**/*.json", { cwd: engine.root })) {
        const path = join(engine.root, name);
        const text = readFileSync(path, "utf8");
        if (text.includes(before)) writeFileSync(path, text.replaceAll(before, after));
      }
    }

    test("after a reboot states are true, and what has to run does", async () => {
      await run("always", "--restart", "always", "busybox", "sh", "-c", "echo up; exec sleep 300");
      await run("unless", "--restart", "unless-stopped", "-v", "kept:/kept", "busybox", "sh", "-c", "date >>/kept/starts; exec sleep 300");
      await run("stopped", "--restart", "unless-stopped", "--stop-timeout", "0", "busybox", "sleep", "300");
      await berthSays(engine, ["stop", "stopped"]);
      await run("plain", "busybox", "sleep", "300");
      await run("frozen", "busybox", "sleep", "300");
      await berthSays(engine, ["pause", "frozen"]);
      await run("brief", "--rm", "busybox", "sleep", "300");
      await run("ended", "busybox", "sh", "-c", "exit 4");
      assert.equal(await berthSays(engine, ["wait", "ended"]), "4");
      await reboot();
      await engine.restart();
      await heard("always", /start/);
      await heard("unless", /start/);
      const states = await berthSays(engine, ["ps", "-a", "--format", "{{.Names}} {{.State}}"]);
      assert.deepEqual(states.split("\n").toSorted(), [
        "always running",
        "ended exited",
        "frozen exited",
        "plain exited",
        "stopped exited",
        "unless running",
      ]);
      for (const [name, code] of [["ended", "4"], ["plain", "255"]] as const) assert.equal(await shown(name, ".State.ExitCode"), code); // oxfmt-ignore
      assert.equal(await shown("plain", ".State.Pid"), "0");
      const twice = "until [ $(wc -l </kept/starts) = 2 ]; do sleep 0.05; done; echo twice";
      assert.equal(await berthSays(engine, ["exec", "unless", "sh", "-c", twice]), "twice");
      assert.equal(await berthSays(engine, ["start", "plain"]), "plain");
      await berthSays(engine, ["rm", "-f", "always", "unless", "stopped", "plain", "frozen", "ended"]);
      await berthSays(engine, ["volume", "rm", "kept"]);
    });

    test("run is killed at many moments: whatever it did is either whole or gone", async () => {
      for (const delayMs of [1, 5, 10, 20, 30, 50, 80]) {
        const run = berth(engine, ["run", "-d", "--name", `moment-${delayMs}`, "busybox", "sleep", "300"]);
        await new Promise((resolve) => setTimeout(resolve, 100 + delayMs));
        await engine.kill9();
        await run;
        await engine.restart();
        for (const line of (await berthSays(engine, ["ps", "-a", "--format", "{{.ID}} {{.State}}"])).split("\n").filter(Boolean)) {
          const [id = "", state] = line.split(" ");
          assert.match(state ?? "", /^(created|running|exited)$/);
          if (state === "running") assert.equal(await berthSays(engine, ["exec", id, "echo", "alive"]), "alive");
          await berthSays(engine, ["rm", "-f", id]);
        }
        await noTasks(engine);
      }
    });
  });
