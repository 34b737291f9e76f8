/** Whatever is killed or deleted under an engine, its end leaves nothing on the host. */
import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { TestContext } from "node:test";
import { processesInside, readHolder } from "../../engine/host/launch.ts";
import { engineName, enginePaths } from "../../engine/host/paths.ts";
import { descendants, run } from "../../engine/host/process.ts";
import { cgroupsOf } from "../../engine/host/traces.ts";
import { importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { commandLine, processesOf } from "../support/processes.ts";
import { USERS, cannotRunAs } from "../support/user.ts";
import type { As } from "../support/user.ts";

interface Living {
  readonly engine: TestEngine;
  /** All processes of the engine and of its containers. */
  readonly pids: readonly number[];
  readonly holder: number;
  readonly netd: number;
  /** What it has left on the host now. */
  readonly traces: () => Promise<string[]>;
}

/** An engine with a container on a network of its own that has a published port. */
async function living(t: TestContext, as: As): Promise<Living> {
  const engine = await startEngine({ as });
  t.after(() => engine.remove());
  await importBusybox(engine);
  for (const args of [
    ["network", "create", "n1"],
    ["run", "-d", "--network", "n1", "-p", "8080", "--stop-timeout", "0", "busybox", "sleep", "999"],
  ])
    assert.equal((await engine.docker(args)).exitCode, 0);
  const paths = enginePaths(engine.root);
  const holder = readHolder(paths)!;
  const inside = processesInside(paths, holder);
  const name = engineName(paths);
  const traces = async (): Promise<string[]> => {
    const links = JSON.parse((await run(["ip", "-j", "link"])).stdout) as { ifname: string }[];
    const { stdout: tables } = await run(["nft", "list", "tables"]);
    return [
      ...links.map(({ ifname }) => ifname).filter((link) => link === name),
      ...tables.split("\n").filter((line) => line.endsWith(` ${name.replaceAll("-", "_")}`)),
      ...cgroupsOf(name),
      ...processesOf(engine.root).map((pid) => `${pid} ${commandLine(pid)}`),
    ];
  };
  const netd = inside.find((pid) => commandLine(pid).includes("netd"))!;
  return { engine, pids: [...inside, ...descendants(inside)], holder: holder.pid, netd, traces };
}

/** Adds a container that does not die by a signal alone. */
async function freeze(engine: TestEngine): Promise<void> {
  for (const args of [
    ["run", "-d", "--name", "frozen", "busybox", "sleep", "999"],
    ["pause", "frozen"],
  ])
    assert.equal((await engine.docker(args)).exitCode, 0);
}

async function untilGone(traces: () => Promise<string[]>): Promise<void> {
  const deadline = Date.now() + 120_000;
  for (let found = await traces(); found.length > 0; found = await traces()) {
    assert.ok(Date.now() < deadline, `these stay: ${found.join("; ")}`);
    await setImmediate();
  }
}

for (const as of USERS) {
  const skip = cannotRunAs(as);

  test(`as ${as}: stop after the engine and its holder were killed leaves nothing`, { skip }, async (t) => {
    const { engine, holder, traces } = await living(t, as);
    process.kill(holder, "SIGKILL");
    await engine.kill9();
    await engine.stop();
    await untilGone(traces);
  });

  test(`as ${as}: stop after everything was killed leaves nothing`, { skip }, async (t) => {
    const { engine, pids, traces } = await living(t, as);
    // In one go, and some go with others.
    await run(["kill", "-KILL", ...pids.map(String)]);
    await engine.kill9().catch(() => undefined);
    // Nobody is left to remove them: interface and firewall table go with the processes.
    await untilGone(async () => (await traces()).filter((trace) => !trace.startsWith("/sys/fs/cgroup")));
    await engine.stop();
    await untilGone(traces);
  });

  test(`as ${as}: an engine whose root is deleted ends with everything`, { skip }, async (t) => {
    const { engine, traces } = await living(t, as);
    await freeze(engine);
    // It may still write there.
    rmSync(engine.root, { recursive: true, force: true, maxRetries: 20 });
    await untilGone(traces);
  });

  // Whoever of the three is left notices.
  for (const killed of [["engine"], ["engine", "netd"], ["engine", "holder"]] as const)
    test(`as ${as}: without its ${killed.join(" and ")}, deleting the root ends the rest`, { skip }, async (t) => {
      const { engine, traces, holder, netd } = await living(t, as);
      await freeze(engine);
      for (const pid of killed.flatMap((name) => (name === "engine" ? [] : { netd, holder }[name]))) process.kill(pid, "SIGKILL");
      await engine.kill9();
      // It may still write there.
      rmSync(engine.root, { recursive: true, force: true, maxRetries: 20 });
      await untilGone(traces);
    });
}
