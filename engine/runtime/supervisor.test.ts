/** The runtime for real: containers of a busybox root, engines that die. Needs root; mounts of its own are made. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import { after, before, test } from "node:test";
import { makeBusyboxRoot } from "../../test/support/busybox.ts";
import { inPrivateMounts } from "../../test/support/private-mounts.ts";
import { openCgroups, removeCgroups } from "../host/cgroups.ts";
import { openOciRuntime } from "../host/oci-runtime.ts";
import { isAlive } from "../host/process.ts";
import { sendSignal } from "../host/spawn.ts";
import { LogFile } from "./log-file.ts";
import { readLines } from "./log-lines.ts";
import type { Runtime, TaskOptions } from "./runtime.ts";
import type { RuntimeSpec } from "./spec.ts";
import { openRuntime } from "./supervisor.ts";

await inPrivateMounts(import.meta.filename, () => {
  const folder = mkdtempSync(join(tmpdir(), "berth-runtime-"));
  const rootfs = join(folder, "rootfs");
  let runtime: Runtime & { close(): Promise<void> };
  let count = 0;
  let open: () => Promise<Runtime & { close(): Promise<void> }>;

  before(async () => {
    await makeBusyboxRoot(rootfs);
    writeFileSync(join(folder, "empty"), "");
    const cgroups = openCgroups(`berth-test-${process.pid}`, { rootless: false, emptyFile: join(folder, "empty") });
    const found = await openOciRuntime(cgroups, { cache: join(folder, "cache.json"), scratch: folder });
    open = () => openRuntime({ runtime: found, cgroups, run: join(folder, "run") });
    runtime = await open();
  });
  after(async () => {
    for (const id of await runtime.ids()) await runtime.destroy(id);
    await removeCgroups(runtime.cgroups);
    await runtime.close();
    rmSync(folder, { recursive: true, force: true });
  });

  function spec(...args: string[]): RuntimeSpec {
    const mounts = [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts", options: ["newinstance", "ptmxmode=0666", "gid=5"] },
    ];
    return {
      ociVersion: "1.0.2",
      process: { user: { uid: 0, gid: 0 }, args, env: ["PATH=/bin"], cwd: "/" },
      root: { path: rootfs, readonly: false },
      mounts,
      linux: {
        namespaces: (["pid", "ipc", "uts", "mount", "network"] as const).map((type) => ({ type })),
        ...(runtime.cgroups.parent && { cgroupsPath: `${runtime.cgroups.parent}/c${count}`, resources: {} }),
      },
    };
  }

  function newLog(): LogFile {
    return new LogFile(join(folder, `log${(count += 1)}`), { maxBytes: 0, maxFiles: 1 });
  }

  async function text(log: LogFile): Promise<string> {
    let all = "";
    for await (const line of readLines(log, { follow: false })) all += `${line.stream === "stderr" ? "E:" : ""}${line.data.toString()}`;
    return all;
  }

  const plain = (log: LogFile): TaskOptions => ({ input: "none", output: { log }, tty: false });

  /** Starts `sh -c script`. */
  async function start(script: string, options?: Partial<TaskOptions>) {
    const log = newLog();
    const id = `c${count}`;
    const request = spec("sh", "-c", script);
    if (options?.tty) request.process.terminal = true;
    return { log, id, task: await runtime.start({ id, spec: request, ...plain(log), ...options }) };
  }

  function leftovers(): string[] {
    return [...readdirSync(join(folder, "run/tasks")), ...readdirSync(join(folder, "run/runtime"))];
  }

  test("a new engine removes what the last one had only begun to make", async () => {
    const begun = join(folder, "run/tasks/begun");
    mkdirSync(begun);
    writeFileSync(join(begun, "ctl"), "");
    await runtime.close();
    runtime = await open();
    assert.equal(existsSync(begun), false);
  });

  test("start() runs a process, keeps its output and its exit status, and leaves nothing", async () => {
    const { log, task } = await start("echo out; echo err >&2; exit 7");
    assert.equal((await task.exit).exitCode, 7);
    assert.equal(await text(log), "out\nE:err\n");
    await task.release();
    assert.deepEqual(leftovers(), []);
  });

  test("a start that is given up at any moment ends, and leaves nothing", { timeout: 60_000 }, async () => {
    for (let turns = 0; turns < 12; turns++) {
      const stop = new AbortController();
      const log = newLog();
      const started = runtime.start({ id: `c${count}`, spec: spec("sleep", "100"), ...plain(log), signal: stop.signal });
      for (let turn = 0; turn < turns; turn++) await setImmediate();
      stop.abort();
      await assert.rejects(started);
      assert.deepEqual(leftovers(), []);
    }
  });

  test("the process has descriptors 0, 1, 2 and nothing else, and can open /dev/stdout", async () => {
    const { log, task } = await start("ls /proc/self/fd | tr '\\n' ' '; echo again > /dev/stdout; cat");
    assert.equal((await task.exit).exitCode, 0);
    // Descriptor 3 is the directory that ls itself reads.
    assert.equal(await text(log), "0 1 2 3 again\n");
    await task.release();
  });

  test("a stdin that is open once ends when it is closed, after all that was written", async () => {
    const { log, task } = await start("wc -c; echo done", { input: "once" });
    const stdin = task.openStdin()!;
    await new Promise<void>((resolve) => stdin.end(Buffer.alloc(1_000_000, "x"), resolve));
    task.closeStdin();
    assert.equal((await task.exit).exitCode, 0);
    assert.equal(await text(log), "1000000\ndone\n");
    await task.release();
  });

  test("a terminal echoes, resizes, interrupts and tells the exit status", async () => {
    const { log, task } = await start("read x; trap 'exit 9' INT; stty size; echo ready; while :; do sleep 0.05; done", {
      tty: true,
      input: "open",
    });
    task.resize({ rows: 33, columns: 101 });
    const stdin = task.openStdin()!;
    stdin.write("hello\r");
    for await (const line of readLines(log, { follow: true })) if (line.data.toString().includes("ready")) break;
    stdin.write("\x03");
    assert.equal((await task.exit).exitCode, 9);
    assert.match(await text(log), /hello\r\n33 101\r\n/);
    await task.release();
    assert.deepEqual(leftovers(), []);
  });

  test("nothing is lost of what is printed on a terminal just before the end", async () => {
    for (let round = 0; round < 20; round++) {
      const { log, task } = await start("echo last words", { tty: true });
      assert.equal((await task.exit).exitCode, 0);
      assert.equal(await text(log), "last words\r\n", `round ${round}`);
      await task.release();
    }
    assert.deepEqual(leftovers(), []);
    assert.deepEqual(
      readdirSync(join(folder, "run")).filter((name) => /^c[0-9a-f]{8}$/.test(name)),
      [],
    );
  });

  test("a terminal's stream ends after the exit status is known", async () => {
    const { id, task } = await start("sleep 1000");
    const process = { ...spec("sh", "-c", "echo said; exit 4").process, terminal: true };
    for (let round = 0; round < 10; round++) {
      const exec = await runtime.exec({ id: `t${round}`, containerId: id, process, input: "open", output: "streams", tty: true });
      let known = false;
      void exec.exit.then(async () => {
        known = true;
        await exec.release();
      });
      let said = "";
      for await (const chunk of exec.stdout!) said += String(chunk);
      assert.deepEqual([said, known, (await exec.exit).exitCode], ["said\r\n", true, 4], `round ${round}`);
    }
    runtime.kill(task, 9);
    await task.exit;
    await task.release();
  });

  for (const [command, want] of [
    ["nosuch", /exec: "nosuch": executable file not found in \$PATH$/],
    ["/etc/passwd", /exec: "\/etc\/passwd": permission denied$/],
    ["/etc", /exec: "\/etc": (permission denied|is a directory)$/],
  ] as const)
    test(`start() says why ${command} cannot run`, async () => {
      const log = newLog();
      await assert.rejects(runtime.start({ id: `c${count}`, spec: spec(command), ...plain(log) }), { kind: "invalid", message: want });
      assert.deepEqual(leftovers(), []);
    });

  test("exec() runs beside the container's process, with streams", async () => {
    const { task, id } = await start("sleep 100");
    const process = { ...spec("sh", "-c", "echo in; echo bad >&2; exit 3").process };
    const exec = await runtime.exec({ id: "e1", containerId: id, process, input: "none", output: "streams", tty: false });
    const output = Promise.all([exec.stdout!.toArray(), exec.stderr!.toArray()]);
    assert.equal((await exec.exit).exitCode, 3);
    await exec.release();
    assert.deepEqual(
      (await output).map((chunks) => chunks.join("")),
      ["in\n", "bad\n"],
    );
    const missing = runtime.exec({ id: "e2", containerId: id, process: spec("nosuch").process, input: "none", output: "none", tty: false });
    await assert.rejects(missing, {
      exitCode: 127,
      message:
        'OCI runtime exec failed: exec failed: unable to start container process: exec: "nosuch": executable file not found in $PATH',
    });
    runtime.kill(task, 9);
    assert.equal((await task.exit).exitCode, 137);
    await task.release();
    assert.deepEqual(leftovers(), []);
  });

  /** Whoever waited before this is through. */
  async function oneTurn(): Promise<void> {
    const { task } = await start("echo turn");
    await task.exit;
    await task.release();
  }

  test("pause() stops everything until resume()", async () => {
    const { log, task, id } = await start("while :; do echo tick; sleep 0.01; done");
    for await (const _ of readLines(log, { follow: true })) break;
    await runtime.pause(id, task);
    // What it printed last may be on its way.
    await oneTurn();
    const frozen = await text(log);
    await oneTurn();
    assert.equal(await text(log), frozen);
    await runtime.resume(id, task);
    for await (const _ of readLines(log, { follow: true, tail: 0 })) break;
    runtime.kill(task, 9);
    assert.equal((await task.exit).exitCode, 137);
    await task.release();
  });

  test("another runtime adopts: output without a gap, exits that happened meanwhile, exits to come", async () => {
    const first = await start("i=0; while [ $i -lt 300 ]; do i=$((i+1)); echo line $i; done; exit 42");
    const second = await start("read x; echo got $x; exit 5", { input: "open" });
    const { task: gone } = await start("exit 6");
    // What an engine that is killed leaves: nothing is released, nobody reads.
    await runtime.close();
    runtime = await open();
    const again = async (id: string, log: LogFile, input: TaskOptions["input"] = "none") =>
      (await runtime.adopt(id, { input, output: { log }, tty: false }))!;
    const logs = [
      new LogFile(first.log.directory, { maxBytes: 0, maxFiles: 1 }),
      new LogFile(second.log.directory, { maxBytes: 0, maxFiles: 1 }),
    ];
    const one = await again(first.id, logs[0]!);
    const two = await again(second.id, logs[1]!, "open");
    const early = await again(gone.id, newLog());
    assert.equal((await early.exit).exitCode, 6);
    assert.equal((await one.exit).exitCode, 42);
    assert.equal(await text(logs[0]!), Array.from({ length: 300 }, (_, i) => `line ${i + 1}\n`).join(""));
    two.openStdin()!.write("word\n");
    assert.equal((await two.exit).exitCode, 5);
    assert.equal(await text(logs[1]!), "got word\n");
    assert.ok(!isAlive(gone.pid, gone.pidStartTime));
    for (const task of [one, two, early]) await task.release();
    assert.equal(await runtime.adopt("never", plain(newLog())), undefined);
    assert.deepEqual(leftovers(), []);
  });

  test("a killed supervisor and a killed runtime cost the exit status, not the container", async () => {
    for (const victim of ["supervisor", "runtime"]) {
      const { log, task, id } = await start("echo up; read x; exit 3", { input: "open" });
      for await (const _ of readLines(log, { follow: true })) break;
      const pids = await supervisorsOf(join(folder, "run/tasks", id));
      sendSignal(victim === "supervisor" ? pids.supervisor : pids.runtime, 9);
      assert.ok(isAlive(task.pid, task.pidStartTime), victim);
      while (victim === "runtime" && !existsSync(join(folder, "run/tasks", id, "exit"))) await setImmediate();
      task.openStdin()!.write("go\n");
      assert.deepEqual({ ...(await task.exit), finishedAt: "" }, { exitCode: 255, lost: true, oomKilled: false, finishedAt: "" });
      await task.release();
      await runtime.destroy(id);
    }
    assert.deepEqual(leftovers(), []);
  });

  test("a million lines block nobody and are all there", async () => {
    const { log, task } = await start("seq 1000000; exit 1");
    assert.equal((await task.exit).exitCode, 1);
    let last = 0;
    for await (const line of readLines(log, { follow: false })) assert.equal(Number(line.data), (last += 1));
    assert.equal(last, 1_000_000);
    await task.release();
    assert.ok(existsSync(log.directory));
  });
});

/** Finds the shell that supervises a task directory, and its child. */
async function supervisorsOf(directory: string): Promise<{ supervisor: number; runtime: number }> {
  const { readFileSync } = await import("node:fs");
  for (const pid of readdirSync("/proc").map(Number).filter(Number.isInteger)) {
    const words = read(`/proc/${pid}/cmdline`).split("\0");
    if (words[0] !== "/bin/sh" || words[2] !== directory) continue;
    const children = read(`/proc/${pid}/task/${pid}/children`).trim().split(" ").map(Number);
    return { supervisor: pid, runtime: children[0]! };
  }
  throw new Error("no supervisor");
  function read(path: string): string {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return "";
    }
  }
}
