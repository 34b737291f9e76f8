/** What compose does inside containers that live: watch's restart, sync+restart and sync+exec, and hooks before a stop. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { on, once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { berth, berthSays, importBusybox, personEnvironment } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { testPrograms } from "../support/programs.ts";

describe("compose acts inside containers", { skip: process.getuid!() !== 0 && "needs root" }, () => {
  let engine: TestEngine;
  let folder: string;

  before(async () => {
    engine = await startEngine({ as: "root" });
    folder = mkdtempSync(join(tmpdir(), "berth-actions-"));
    await importBusybox(engine);
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await engine.remove();
  });

  const file = (name: string, text: string): string[] => {
    const path = join(folder, `${name}.yaml`);
    writeFileSync(path, text);
    return ["compose", "-f", path, "-p", name];
  };

  test("watch restarts, syncs and restarts, syncs and runs", async () => {
    // Not cut before it is written: that would be two changes.
    const write = (name: string, text: string): void =>
      writeFileSync(join(folder, name), text, { flag: existsSync(join(folder, name)) ? "r+" : "w" });
    for (const name of ["plain", "both", "ran"]) write(`${name}.txt`, "one");
    const trigger = (name: string, more: string): string => `{path: ${join(folder, name)}.txt, ${more}}`;
    // What runs at a start tells how often there was one, and what was there by then.
    const app = file(
      "acting",
      `services:
  a:
    image: busybox
    command: sh -c "echo start $$(cat /both.txt 2>/dev/null); exec sleep 100000"
    stop_grace_period: 0s
    develop:
      watch:
        - ${trigger("plain", "action: restart")}
        - ${trigger("both", "action: sync+restart, target: /both.txt")}
        - ${trigger("ran", "action: sync+exec, target: /ran.txt, exec: {command: [sh, -c, 'echo ran $$(cat /ran.txt)']}")}
`,
    );
    const { folder: programs, node } = await testPrograms();
    const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node };
    const child = spawn(join(programs, "berth"), [...app, "watch", "--quiet"], { env, cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
    const lines = on(createInterface({ input: child.stdout }), "line", { close: ["close"] }) as AsyncIterableIterator<[string]>;
    // Every line is read once: what comes before the wanted one is handed back.
    const until = async (want: RegExp): Promise<string[]> => {
      const before: string[] = [];
      for (let next = await lines.next(); !next.done; next = await lines.next()) {
        if (want.test(next.value[0])) return before;
        before.push(next.value[0]);
      }
      return assert.fail(`it ended without ${want}: ${before.join("\n")}`);
    };
    const starts = async (): Promise<string> => berthSays(engine, [...app, "logs", "--no-log-prefix", "a"]);
    try {
      await until(/^Watch enabled$/);
      write("plain.txt", "two");
      assert.deepEqual(await until(/^service\(s\) \["a"\] restarted$/), []);
      await eventually(starts, "start\nstart");
      write("both.txt", "two");
      assert.deepEqual(await until(/restarted$/), ['Syncing service "a" after 1 changes were detected']);
      await eventually(starts, "start\nstart\nstart two");
      write("ran.txt", "two");
      assert.deepEqual(await until(/^ran two$/), ['Syncing service "a" after 1 changes were detected']);
      assert.equal(await starts(), "start\nstart\nstart two");
    } finally {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
      await berthSays(engine, [...app, "down"]);
    }
  });

  test("pre_stop runs before stop, restart and down, in what still runs; a failing one is told", async () => {
    const app = file(
      "stopping",
      `services:
  a:
    image: busybox
    command: sh -c "trap 'echo end >> /log/said; exit 0' TERM; echo ready; while :; do sleep 0.05; done"
    volumes: ["log:/log"]
    pre_stop: [{command: [sh, -c, "echo $$WORD $$(kill -0 1 && echo alive) >> /log/said"], environment: {WORD: hook}}]
volumes: {log: }
`,
    );
    const said = async (): Promise<string> =>
      berthSays(engine, ["run", "--rm", "-v", "stopping_log:/log", "busybox", "sh", "-c", "cat /log/said; rm /log/said"]);
    await berthSays(engine, [...app, "up", "-d"]);
    const listens = async (): Promise<number> =>
      (await berthSays(engine, [...app, "logs", "--no-log-prefix", "a"])).split("ready").length - 1;
    for (const [index, line] of ["stop", "restart", "down"].entries()) {
      await eventually(listens, index + 1);
      await berthSays(engine, [...app, line]);
      assert.equal(await said(), "hook alive\nend", line);
      if (line === "stop") await berthSays(engine, [...app, "start"]);
    }
    const failing = file(
      "failing",
      "services: {a: {image: busybox, command: sleep 100000, stop_grace_period: 0s, pre_stop: [{command: ['false']}]}}\n",
    );
    await berthSays(engine, [...failing, "up", "-d"]);
    const { exitCode, stderr } = await berth(engine, [...failing, "stop"]);
    assert.equal(exitCode, 1);
    assert.match(stderr, /failing-a-1 hook exited with status 1/);
    await berthSays(engine, ["rm", "-f", "failing-a-1"]);
    await berthSays(engine, [...failing, "down"]);
  });
});
