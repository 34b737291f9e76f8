/** Stopping an engine with containers: each is stopped as it wants to be, and nothing of them stays but their records. */
import assert from "node:assert/strict";
import { globSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { processesInside, readHolder } from "../../engine/host/launch.ts";
import { engineName, enginePaths } from "../../engine/host/paths.ts";
import { descendants, processStartTime } from "../../engine/host/process.ts";
import { importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import { commandLine } from "../support/processes.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const TRAP = "trap 'echo bye; exit 5' TERM; echo ready; while :; do sleep 0.05; done";

/** Control groups of an engine, in the unified hierarchy or in each of the separate ones. */
function cgroupsOf(root: string): string[] {
  return globSync(`/sys/fs/cgroup/{,*/}${engineName(enginePaths(root))}`);
}

for (const as of USERS)
  for (const state of ["running", "killed"] as const)
    test(`stop ends containers of a ${state} engine, as ${as}`, { skip: cannotRunAs(as) }, async (t) => {
      const engine = await startEngine({ as });
      t.after(() => engine.remove());
      const docker = async (...args: string[]): Promise<string> => {
        const { exitCode, stdout, stderr } = await engine.docker(args);
        assert.equal(exitCode, 0, stderr);
        return stdout.trim();
      };
      await importBusybox(engine);
      await docker("run", "-d", "--name", "polite", "busybox", "sh", "-c", TRAP);
      await docker("run", "-d", "--name", "deaf", "--stop-timeout", "1", "busybox", "sleep", "1000");
      await docker("run", "-dit", "--name", "terminal", "--stop-signal", "KILL", "busybox", "sh");
      while ((await docker("logs", "polite")) !== "ready");
      const inside = processesInside(enginePaths(engine.root), readHolder(enginePaths(engine.root))!);
      const family = [...inside, ...descendants(inside)];
      assert.ok(family.length >= 3 + 3 * 3, "engine, holder and netd; a supervisor, runtime and process each");

      if (state === "killed") await engine.kill9();
      await engine.stop();
      assert.deepEqual(family.filter((pid) => processStartTime(pid) !== undefined && commandLine(pid) !== "").map(commandLine), []);
      assert.deepEqual(cgroupsOf(engine.root), []);
      assert.deepEqual(readdirSync(join(engine.root, "run")).toSorted(), ["engine.lock", "start.lock"]);

      await engine.restart();
      const exits = async (name: string): Promise<string> => docker("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name);
      assert.deepEqual(await Promise.all(["polite", "deaf", "terminal"].map(exits)), ["exited 5", "exited 137", "exited 137"]);
      assert.equal(await docker("logs", "polite"), "ready\nbye");
      assert.equal(await docker("start", "polite"), "polite");
    });
