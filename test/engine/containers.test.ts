/**
 * The life of containers through the real docker command, as root and as an unprivileged user.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import http from "node:http";
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { connect } from "../../engine/client/client.ts";
import { importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { findBusybox } from "../support/busybox.ts";
import { commandLine, processesAs, sendKill } from "../support/processes.ts";
import { cannotRunAs, USERS } from "../support/user.ts";
import { isolationTests } from "./container-isolation.ts";
import { CASES } from "./container-lines.ts";

for (const as of USERS)
  describe(`containers, as ${as}`, { skip: cannotRunAs(as) || (!findBusybox() && "needs busybox-static") }, () => {
    let engine: TestEngine;
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
    });
    after(async () => engine.remove());

    const docker = (...args: string[]): Promise<Result> => engine.docker(args);

    /** Runs docker; its stdout without the last newline. */
    async function says(...args: string[]): Promise<string> {
      const { exitCode, stdout, stderr } = await docker(...args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}`);
      return stdout.replace(/\n$/, "");
    }

    /** What is left of containers on disk and in the run directory. */
    function leftovers(): string[] {
      const folders = ["run/tasks", "run/runtime", "storage/snapshots", "storage/containers", "state/containers"];
      return folders.flatMap((folder) => (existsSync(join(engine.root, folder)) ? readdirSync(join(engine.root, folder)) : []));
    }

    async function removeAll(): Promise<void> {
      const ids = (await says("ps", "-aq")).split("\n").filter(Boolean);
      if (ids.length > 0) await says("rm", "-f", "-v", ...ids);
    }

    for (const { args, exitCode = 0, stdout, stderr } of CASES)
      test(`docker ${args.join(" ").replaceAll("\n", "\\n")}`, async () => {
        const result = await engine.docker(args);
        assert.equal(result.exitCode, exitCode, result.stderr);
        for (const [said, want] of [[result.stdout, stdout] as const, [result.stderr, stderr] as const])
          if (want instanceof RegExp) assert.match(said, want);
          else if (want !== undefined) assert.equal(said, want);
      });

    test("nothing is left of removed containers", async () => {
      await removeAll();
      assert.deepEqual(leftovers(), []);
    });

    test("start, stop, kill, pause, rename, restart and rm change the state as they say", async () => {
      const state = (name: string): Promise<string> => says("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name);
      const id = await says("create", "--name", "life", "busybox", "sh", "-c", "trap 'exit 5' TERM; echo up; while :; do sleep 0.05; done");
      assert.equal(await state("life"), "created 0");
      await says("start", "life");
      assert.equal(await state("life"), "running 0");
      for (let out = ""; !out.includes("up");) out = await says("logs", "life");
      assert.match(
        (await docker("rm", "life")).stderr,
        /cannot remove container "life": container is running: stop the container before removing or force remove/,
      );
      await says("pause", "life");
      assert.equal(await state("life"), "paused 0");
      assert.match((await docker("pause", "life")).stderr, new RegExp(`Container ${id} is already paused`));
      assert.match((await docker("exec", "life", "true")).stderr, /Container life is paused, unpause the container before exec/);
      await says("unpause", "life");
      await says("rename", "life", "live");
      await says("stop", "live");
      assert.equal(await state("live"), "exited 5");
      assert.match((await docker("kill", "live")).stderr, new RegExp(`cannot kill container: live: container ${id} is not running`));
      await says("restart", "live");
      await says("kill", "live");
      assert.equal(await state("live"), "exited 137");
      const clash = await docker("run", "--name", "live", "busybox", "true");
      assert.match(clash.stderr, new RegExp(`Conflict. The container name "/live" is already in use by container "${id}"`));
      await says("rm", "live");
      assert.match((await docker("inspect", "live")).stderr, /no such object: live|No such object: live/i);
      assert.deepEqual(leftovers(), []);
    });

    test("what is asked of a container that is being started waits for the start", async () => {
      for (const [what, want] of [
        ["kill", "exited 137"],
        ["stop?t=0", "exited 137"],
        ["restart?t=0", "running 0"],
        ["pause", "paused 0"],
      ] as const) {
        await says("create", "--name", "early", "busybox", "sleep", "300");
        const start = post(engine, "/containers/early/start");
        await start.sent;
        // Its answer says that the engine has come to the request before it.
        await post(engine, "/_ping").status;
        assert.deepEqual([await post(engine, `/containers/early/${what}`).status, await start.status], [204, 204], what);
        assert.equal(await says("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "early"), want);
        await removeAll();
      }
      assert.deepEqual(leftovers(), []);
    });

    test("events come in Docker's order", async () => {
      const since = String(Math.floor(Date.now() / 1000));
      await says("run", "--rm", "--name", "seen", "-l", "a=b", "busybox", "true");
      const text = await says(
        "events",
        "--since",
        since,
        "--until",
        String(Math.ceil(Date.now() / 1000) + 1),
        "--format",
        "json",
        "--filter",
        "container=seen",
      );
      const events = text.split("\n").map((line) => JSON.parse(line) as { Action: string; Actor: { Attributes: Record<string, string> } });
      assert.deepEqual(
        events.map(({ Action }) => Action),
        ["create", "attach", "start", "die", "destroy"],
      );
      const { execDuration = "", ...die } = events[3]!.Actor.Attributes;
      assert.deepEqual(die, { a: "b", exitCode: "0", image: "busybox", name: "seen" });
      assert.match(execDuration, /^\d+$/);
    });

    test("a container that takes more memory than it may says so", async (t) => {
      if ((await says("info", "-f", "{{.MemoryLimit}}")) !== "true") return t.skip("needs a memory cgroup");
      await docker("run", "--name", "big", "-m", "8m", "busybox", "sh", "-c", "a=x; while :; do a=$a$a; done");
      assert.equal(await says("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "big"), "true 137");
      await docker("run", "-d", "--name", "small", "-m", "64m", "busybox", "sleep", "300");
      await says("kill", "small");
      assert.equal(await says("inspect", "-f", "{{.State.OOMKilled}} {{.State.ExitCode}}", "small"), "false 137");
      await removeAll();
    });

    test("exec runs, fails and is inspected as Docker does it", async () => {
      await says("run", "-d", "--name", "host", "-e", "OWN=1", "busybox", "sleep", "300");
      assert.deepEqual(
        await docker("exec", "-e", "A=2", "-w", "/tmp", "-u", "1000", "host", "sh", "-c", "echo $OWN$A; pwd; id -u; echo e >&2; exit 9"),
        {
          exitCode: 9,
          stdout: "12\n/tmp\n1000\n",
          stderr: "e\n",
        },
      );
      const missing = await docker("exec", "host", "nosuchcmd");
      assert.equal(missing.exitCode, 127);
      assert.match(
        missing.stdout,
        /OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuchcmd": executable file not found in \$PATH/,
      );
      assert.equal((await docker("exec", "host", "/etc/passwd")).exitCode, 126);
      assert.match(
        (await docker("exec", "-u", "nosuchuser", "host", "true")).stderr,
        /unable to find user nosuchuser: no matching entries in passwd file/,
      );
      assert.equal((await engine.docker(["exec", "-i", "host", "wc", "-c"], { input: "x".repeat(100_000) })).stdout, "100000\n");
      await says("exec", "-d", "host", "sh", "-c", "echo x > /detached");
      for (let out = ""; out !== "x";) out = (await docker("exec", "host", "cat", "/detached")).stdout.trim();
      const { execs } = connect(engine.socket);
      // It complains of a terminal that has no size yet.
      const Cmd = ["sh", "-c", "until stty size 2>/dev/null | grep -x '31 101'; do :; done"];
      const id = await execs.create("host", { AttachStdout: true, Tty: true, Cmd });
      const stream = await execs.start(id, { Tty: true });
      // The answer to a start comes before the process.
      await execs.resize(id, { rows: 31, columns: 101 });
      let printed = "";
      for await (const { data } of stream.frames()) printed += data.toString();
      assert.equal(printed, "31 101\r\n");
      await removeAll();
    });

    test("stdin through run -i is byte-exact, 100 MB of it", async () => {
      const input = randomBytes(100_000_000);
      const { exitCode, stdout } = await engine.docker(["run", "--rm", "-i", "busybox", "sha256sum"], { input });
      assert.equal(exitCode, 0);
      assert.equal(stdout.split(" ")[0], createHash("sha256").update(input).digest("hex"));
    });

    test("a terminal works: size, echo, Ctrl-C and exit code", async () => {
      const { stdout, exitCode } = await terminal(
        engine,
        ["run", "--rm", "-it", "busybox", "sh"],
        [
          // The size is told once the container runs.
          [/# $/m, "until stty size | grep -q '24 80'; do :; done; stty size; tty\r"],
          // The word is typed in two pieces, so that only its output matches.
          [/\/dev\/pts\/0/, "sh -c 'echo re''ady; exec sleep 100'\r"],
          [/^ready/m, "\x03"],
          [/# $/m, "exit 17\r"],
        ],
      );
      assert.match(stdout, /24 80/);
      assert.equal(exitCode, 17);
    });

    test("detach keys, usual or chosen, leave the container running", async () => {
      const leave = async (typed: string, ...args: string[]): Promise<[number, boolean]> => {
        const { exitCode, stdout } = await terminal(engine, args, [[/# $/m, typed]]);
        assert.equal(await says("inspect", "-f", "{{.State.Status}}", "left"), "running");
        return [exitCode, stdout.includes("read escape sequence")];
      };
      assert.deepEqual(await leave("\x10\x11", "run", "-it", "--name", "left", "busybox", "sh"), [0, false]);
      await removeAll();
      const chosen = ["--detach-keys", "ctrl-x,q"];
      assert.deepEqual(await leave("\x10\x11\x18q", "run", "-it", ...chosen, "--name", "left", "busybox", "sh"), [0, false]);
      // The shell shows its prompt again for a new line.
      const { exitCode } = await terminal(engine, ["attach", ...chosen, "left"], [[/^/, "\r"], [/# $/m, "\x18q"]]); // oxfmt-ignore
      assert.equal(exitCode, 1);
      assert.deepEqual(await leave("\x18q", "exec", "-it", ...chosen, "left", "sh"), [1, true]);
      const refused = await docker("exec", "--detach-keys", "ctrl-,x", "left", "true");
      assert.match(refused.stderr, /Invalid escape keys \(ctrl-,x\) provided/);
      await removeAll();
    });

    test("volumes keep data, take over what the image has, and go with --rm", async () => {
      await says("run", "--rm", "-v", "data:/data", "busybox", "sh", "-c", "echo kept > /data/f");
      assert.equal(await says("run", "--rm", "-v", "data:/d:ro", "busybox", "cat", "/d/f"), "kept");
      assert.match(await says("run", "--rm", "-v", "fresh:/bin", "busybox", "ls", "/bin"), /busybox/);
      await says("run", "--rm", "-v", "/anonymous", "busybox", "true");
      assert.deepEqual((await says("volume", "ls", "-q")).split("\n").toSorted(), ["data", "fresh"]);
      assert.match((await docker("volume", "rm", "data", "fresh")).stdout, /data\nfresh/);
    });

    test("cp of a directory with volumes below it goes to and comes from the volumes, also of a stopped container", async () => {
      const folder = mkdtempSync(join(tmpdir(), "berth-cp-"));
      chmodSync(folder, 0o755);
      mkdirSync(join(folder, "tree/vol"), { recursive: true });
      writeFileSync(join(folder, "tree/vol/new"), "new\n");
      mkdirSync(join(folder, "shared"));
      writeFileSync(join(folder, "shared/host"), "host\n");
      const mounts = ["-v", "parent:/data/vol", "-v", `${join(folder, "shared")}:/data/shared:ro`];
      await says("run", "--name", "parent", ...mounts, "busybox", "sh", "-c", "echo old > /data/vol/old; echo own > /data/own");
      await says("cp", `${folder}/tree/.`, "parent:/data");
      await says("cp", "parent:/data", join(folder, "out"));
      const files = readdirSync(join(folder, "out"), { recursive: true, encoding: "utf8" }).toSorted();
      assert.deepEqual(files, ["own", "shared", "shared/host", "vol", "vol/new", "vol/old"]);
      assert.equal(await says("run", "--rm", "-v", "parent:/v", "busybox", "cat", "/v/new"), "new");
      mkdirSync(join(folder, "tree/shared"));
      assert.match((await docker("cp", `${folder}/tree/.`, "parent:/data")).stderr, /read-only file system/);
      await says("create", "--name", "fresh", "-v", "parent:/deep/er/vol", "busybox", "true");
      await says("cp", "fresh:/deep", join(folder, "deep"));
      assert.equal(readFileSync(join(folder, "deep/er/vol/old"), "utf8"), "old\n");
      await removeAll();
      await says("volume", "rm", "parent");
      assert.deepEqual(leftovers(), []);
      rmSync(folder, { recursive: true });
    });

    test("restart policies start again, count, and give up", async () => {
      await says("run", "-d", "--name", "again", "--restart", "on-failure:2", "busybox", "sh", "-c", "echo run; exit 1");
      assert.equal(await says("wait", "again"), "1");
      assert.equal(await says("inspect", "-f", "{{.RestartCount}} {{.State.Status}}", "again"), "2 exited");
      assert.equal(await says("logs", "again"), "run\nrun\nrun");
      await removeAll();
    });

    test("stop and rm -f also catch a container whose restart is under way", async () => {
      const script = "if [ -e /ran ]; then exec sleep 300; fi; touch /ran; exit 1";
      const { containers } = connect(engine.socket);
      const restarts = async (): Promise<boolean> => ((await containers.inspect("flaps")).RestartCount ?? 0) > 0;
      for (const end of [async () => containers.stop("flaps"), async () => containers.remove("flaps", { force: true })]) {
        await says("run", "-d", "--name", "flaps", "--restart", "always", "--stop-timeout", "0", "busybox", "sh", "-c", script);
        while (!(await restarts()));
        await end();
        assert.equal(await says("ps", "-q", "--filter", "name=flaps"), "");
        await removeAll();
      }
    });

    test("cp does not take a mounted file from its container", async () => {
      const folder = mkdtempSync(join(tmpdir(), "berth-mounted-"));
      chmodSync(folder, 0o755);
      for (const name of ["bound", "other"]) writeFileSync(join(folder, name), name);
      await says("run", "-d", "--name", "live", "-v", `${folder}/bound:/bound`, "busybox", "sleep", "300");
      for (const path of ["/bound", "/etc/hosts"]) {
        const { exitCode, stderr } = await docker("cp", join(folder, "other"), `live:${path}`);
        assert.deepEqual([exitCode, stderr], [1, `Error response from daemon: unlinkat ${path}: device or resource busy\n`]);
        assert.equal(await says("exec", "live", "grep", "-c", ` ${path} `, "/proc/mounts"), "1");
      }
      await removeAll();
      rmSync(folder, { recursive: true });
    });

    test("containers that have to run start with the engine again, unless their user stopped them", async () => {
      const names = ["always", "unless-stopped", "stopped", "on-failure", "no"];
      for (const name of names)
        await says("run", "-d", "--name", name, "--restart", name === "stopped" ? "unless-stopped" : name, "busybox", "sleep", "300");
      await says("stop", "-t", "0", "stopped");
      await engine.stop();
      await engine.restart();
      const running = async (): Promise<string[]> => (await says("ps", "--format", "{{.Names}}")).split("\n").toSorted();
      for (let now: string[] = []; now.length < 2;) now = await running();
      assert.deepEqual(await running(), ["always", "unless-stopped"]);
      assert.equal(await says("inspect", "-f", "{{.RestartCount}}", "always", "unless-stopped"), "0\n0");
      await removeAll();
    });

    test("after a reboot nothing runs that does not have to, and nobody says otherwise", async () => {
      await says("run", "-d", "--name", "lost", "busybox", "sleep", "300");
      await says("run", "-d", "--name", "back", "--restart", "always", "busybox", "sleep", "300");
      const ids = await Promise.all(["lost", "back"].map(async (name) => says("inspect", "-f", "{{.Id}}", name)));
      await engine.kill9();
      for (const id of ids) {
        for (const pid of pidsNaming(id)) sendKill(pid);
        const file = join(engine.root, "state/containers", `${id}.json`);
        writeFileSync(file, readFileSync(file, "utf8").replace(/"bootId":"[^"]*"/, '"bootId":"before"'));
      }
      await engine.restart();
      assert.equal(await says("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "lost"), "exited 255");
      for (let now = ""; now !== "running";) now = await says("inspect", "-f", "{{.State.Status}}", "back");
      await removeAll();
      assert.deepEqual(leftovers(), []);
    });

    for (const victim of ["supervisor", "runtime"] as const)
      test(`a container whose ${victim} is killed runs on, and its exit status is said to be unknown`, async () => {
        const id = await says(
          "run",
          "-d",
          "--name",
          "orphan",
          "busybox",
          "sh",
          "-c",
          "while [ ! -e /end ]; do sleep 0.05; done; echo bye; exit 4",
        );
        const pid = processesAs(victim, engine.root).find((one) => commandLine(one).includes(id));
        process.kill(pid!, "SIGKILL");
        assert.equal(await says("exec", "orphan", "echo", "alive"), "alive");
        await says("exec", "orphan", "touch", "/end");
        assert.equal(await says("wait", "orphan"), "255");
        assert.match(await says("inspect", "-f", "{{.State.Error}}", "orphan"), /exit status unknown/);
        assert.equal(await says("logs", "orphan"), "bye");
        await says("start", "orphan");
        await removeAll();
        assert.deepEqual(leftovers(), []);
      });

    isolationTests(() => engine, { removeAll, leftovers });
  });

/** Processes with an id among their arguments: a container's supervisor and the runtime below it. */
function pidsNaming(id: string): number[] {
  const isNaming = (pid: number): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(id);
    } catch {
      return false;
    }
  };
  return readdirSync("/proc").map(Number).filter(Number.isInteger).filter(isNaming);
}

/** Runs docker in a terminal of 24 by 80 and types when the output matches. */
async function terminal(
  engine: TestEngine,
  args: readonly string[],
  talk: readonly (readonly [RegExp, string])[],
): Promise<{ stdout: string; exitCode: number }> {
  const command = ["docker", ...args].map((word) => `'${word}'`).join(" ");
  const child = spawn("script", ["-qefc", `stty rows 24 cols 80; ${command}`, "/dev/null"], {
    env: { ...process.env, DOCKER_HOST: engine.socket },
    stdio: ["pipe", "pipe", "inherit"],
  });
  let stdout = "";
  let unseen = "";
  const left = [...talk];
  child.stdout.on("data", (data: Buffer) => {
    stdout += data.toString();
    unseen += data.toString();
    const [next] = left;
    if (!next || !next[0].test(unseen.replace(/\x1b\[[0-9;]*[a-zA-Z]/g, ""))) return;
    unseen = "";
    left.shift();
    child.stdin.write(next[1]);
  });
  const exitCode = await new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1)));
  return { stdout, exitCode };
}

/** A request without a body, when it was sent and how it was answered. */
function post({ socketPath }: TestEngine, path: string): { sent: Promise<unknown>; status: Promise<number> } {
  const request = http.request({ socketPath, method: path === "/_ping" ? "GET" : "POST", path });
  const status = new Promise<number>((resolve, reject) => {
    request.once("error", reject).once("response", (response) => response.resume().once("end", () => resolve(response.statusCode ?? 0)));
  });
  const sent = once(request, "finish");
  request.end();
  return { sent, status };
}
