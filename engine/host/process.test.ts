import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { bootId, isAlive, killAll, processStartTime, run, runOrThrow } from "./process.ts";
import { onExit, sendSignal, spawnProcess } from "./spawn.ts";

/** Pipes and sockets; the test runner opens files when it likes. */
const openDescriptors = (): string[] =>
  readdirSync("/proc/self/fd")
    .map(linkOf)
    .filter((target) => /^(pipe|socket):/.test(target));

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

test("run() gives exit code and both outputs", async () => {
  const before = openDescriptors();
  const result = await run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  assert.deepEqual(result, { exitCode: 3, stdout: "out\n", stderr: "err\n" });
  assert.deepEqual(openDescriptors(), before);
});

test("run() feeds more input than a pipe holds and reads more output", async () => {
  const input = "x".repeat(1_000_000);
  assert.equal((await run(["cat"], { input })).stdout, input);
  assert.equal((await run(["true"], { input })).exitCode, 0);
});

test("run() takes environment and directory", async () => {
  const env = { PATH: process.env["PATH"], A: "1", B: undefined };
  assert.equal((await run(["sh", "-c", "echo $A-$B; pwd"], { env, cwd: "/usr" })).stdout, "1-\n/usr\n");
});

test("run() kills the whole session when aborted", async () => {
  const controller = new AbortController();
  const running = run(["sh", "-c", "sleep 1000 & sleep 1000"], { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(running, { message: "enough" });
  await assert.rejects(run(["true"], { signal: controller.signal }), { message: "enough" });
});

test("run() leaves no descriptor open when the program is missing", async () => {
  const before = openDescriptors();
  await assert.rejects(run(["no-such-program"]), { message: 'Cannot start "no-such-program": no such file or directory (ENOENT)' });
  assert.deepEqual(openDescriptors(), before);
});

test("runOrThrow() carries command, code and last lines", async () => {
  assert.equal(await runOrThrow(["echo", "fine"]), "fine\n");
  await assert.rejects(runOrThrow(["sh", "-c", "echo why >&2; exit 4"]), {
    kind: "internal",
    message: "sh -c echo why >&2; exit 4 failed with exit code 4: why",
  });
});

test("isAlive() tells a process from another with its pid, and from its own remains", async () => {
  const pid = spawnProcess({ argv: ["sleep", "1000"], env: process.env, descriptors: [null, null, null], session: true });
  const startTime = processStartTime(pid)!;
  assert.match(startTime, /^\d+$/);
  assert.equal(isAlive(pid, startTime), true);
  assert.equal(isAlive(pid, "1"), false);
  sendSignal(pid, 9);
  await onExit(pid);
  assert.equal(isAlive(pid, startTime), false);
  assert.equal(processStartTime(pid), undefined);
  assert.match(bootId(), /^[0-9a-f-]{36}$/);
});

test("killAll() resolves when they are gone, whoever's children they are", async () => {
  const script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 1000 >/dev/null 2>&1 & echo $!; done";
  const pids = (await runOrThrow(["sh", "-c", script])).trim().split("\n").map(Number);
  assert.equal(pids.filter((pid) => processStartTime(pid) !== undefined).length, 10);
  await killAll([...pids, 2 ** 22 + 1]);
  assert.deepEqual(
    pids.filter((pid) => processStartTime(pid) !== undefined),
    [],
  );
});
