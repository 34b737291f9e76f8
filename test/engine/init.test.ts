/** `--init` brings its own program, as root and as an unprivileged user: it reaps, hands signals on and ends as the command does. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { berth, berthSays, importBusybox } from "../support/berth.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { findProgram } from "../../engine/host/programs.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

/** Leaves a process behind that ends under process 1, and waits until it is not even dead any more. */
const ORPHAN = "(sleep 0.05 & echo $! >/orphan); while [ -e /proc/$(cat /orphan) ]; do sleep 0.05; done; echo reaped; exit 3";

for (const as of USERS)
  describe(`--init, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
    });
    after(async () => engine.remove());
    const says = (...args: string[]): Promise<string> => berthSays(engine, args);

    test("what is left to process 1 is reaped, and the exit code is the command's", { timeout: 300_000 }, async () => {
      const { stdout, exitCode } = await berth(engine, ["run", "--rm", "--init", "busybox", "sh", "-c", ORPHAN]);
      assert.deepEqual([stdout, exitCode], ["reaped\n", 3]);
    });

    test("a user that is not root, a read-only root file system and no privileges are enough", async () => {
      const options = ["--user", "1000:1000", "--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"];
      assert.equal(await says("run", "--rm", "--init", ...options, "busybox", "sh", "-c", "id -u; tr '\\0' ' ' </proc/1/cmdline | cut -c1-21"), "1000\n/sbin/docker-init --"); // oxfmt-ignore
    });

    test("a command that is not there ends with 127, one that may not be run with 126", async () => {
      const missing = await berth(engine, ["run", "--rm", "--init", "busybox", "nosuch"]);
      assert.deepEqual([missing.exitCode, missing.stderr], [127, "docker-init: exec nosuch failed: No such file or directory\n"]);
      assert.equal((await berth(engine, ["run", "--rm", "--init", "busybox", "/etc/passwd"])).exitCode, 126);
    });

    test("stop ends a command that process 1 could ignore", async () => {
      await says("run", "-d", "--name", "plain", "--init", "busybox", "sleep", "1000");
      const start = Date.now();
      await says("stop", "-t", "120", "plain");
      assert.ok(Date.now() - start < 100_000);
      assert.equal(await says("inspect", "-f", "{{.State.ExitCode}}", "plain"), "143");
      await says("rm", "plain");
    });

    test("every signal is handed on", async () => {
      const script =
        "for s in HUP INT USR1 USR2 ALRM; do trap \"echo $s\" $s; done; trap 'exit 5' TERM; echo ready; while :; do sleep 0.02; done";
      await says("run", "-d", "--name", "all", "--init", "busybox", "sh", "-c", script);
      const until = async (line: string): Promise<void> => {
        while (!(await says("logs", "all")).split("\n").includes(line));
      };
      await until("ready");
      for (const signal of ["HUP", "INT", "USR1", "USR2", "ALRM"]) {
        await says("kill", "-s", signal, "all");
        await until(signal);
      }
      await says("kill", "-s", "TERM", "all");
      assert.equal(await says("wait", "all"), "5");
      await says("rm", "all");
    });

    test("a terminal's command is in the foreground", { skip: !findProgram("script") && "needs script" }, async () => {
      const script = "sh -ic 'set -m; sleep 0.1 & fg; echo back' </dev/tty; exit 4";
      const argv = ["docker", "run", "--rm", "-it", "--init", "busybox", "sh", "-c", `'${script.replaceAll("'", "'\\''")}'`];
      const { stdout, exitCode } = await runProgram(["script", "-qec", argv.join(" "), "/dev/null"], {
        env: { ...process.env, DOCKER_HOST: engine.socket },
      });
      assert.match(stdout, /back/);
      assert.equal(exitCode, 4);
    });
  });
