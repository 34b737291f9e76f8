/**
 * What containers share, what they cannot see, and what goes into them and out of them: more tests of containers.test.ts,
 * on its engine.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Result, TestEngine } from "../support/engine.ts";

/** Registers them; the engine is there when they run. */
export function isolationTests(
  engine: () => TestEngine,
  { removeAll, leftovers }: { removeAll: () => Promise<void>; leftovers: () => string[] },
): void {
  const docker = (...args: string[]): Promise<Result> => engine().docker(args);

  /** Runs docker; its stdout without the last newline. */
  async function says(...args: string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await docker(...args);
    assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}`);
    return stdout.replace(/\n$/, "");
  }

  test("containers share network, processes and memory when they are told to", async () => {
    await says("run", "-d", "--name", "giver", "--ipc", "shareable", "busybox", "sh", "-c", "echo given > /dev/shm/f; sleep 300");
    for (let out = ""; out !== "given";) out = (await docker("exec", "giver", "cat", "/dev/shm/f")).stdout.trim();
    const joined = ["--network", "container:giver", "--pid", "container:giver", "--ipc", "container:giver"];
    const said = await says("run", "--rm", ...joined, "busybox", "sh", "-c", "cat /dev/shm/f; ps | grep -c 'slee[p] 300'; hostname");
    assert.deepEqual(said.split("\n").slice(0, 2), ["given", "1"]);
    await says("run", "-d", "--name", "private", "busybox", "sleep", "300");
    assert.match((await docker("run", "--rm", "--ipc", "container:private", "busybox", "true")).stderr, /non-shareable IPC/);
    await removeAll();
    assert.deepEqual(leftovers(), []);
  });

  test("a health check says starting, healthy and unhealthy", async () => {
    const check = ["--health-cmd", "test -e /well", "--health-interval", "100ms", "--health-retries", "1"];
    await says("run", "-d", "--name", "sick", ...check, "busybox", "sh", "-c", "touch /well; sleep 300");
    const until = async (want: string): Promise<void> => {
      for (let now = ""; now !== want;) now = await says("inspect", "-f", "{{.State.Health.Status}}", "sick");
    };
    await until("healthy");
    await says("exec", "sick", "rm", "/well");
    await until("unhealthy");
    await engine().kill9();
    await engine().restart();
    assert.equal(await says("inspect", "-f", "{{.State.Health.Status}}", "sick"), "unhealthy");
    await says("exec", "sick", "touch", "/well");
    await until("healthy");
    // Docker calls what is not checked any more unhealthy.
    await says("stop", "-t", "0", "sick");
    await until("unhealthy");
    await removeAll();
  });

  test("a container cannot see or keep what is not its own", async () => {
    const script =
      "ls /proc/self/fd; grep -E 'CapEff|Seccomp:' /proc/self/status; cat /proc/timer_list | wc -c; echo x > /proc/sys/kernel/hostname; touch /sys/x; unshare -U true";
    const { stdout, stderr } = await docker("run", "--rm", "busybox", "sh", "-c", script);
    assert.equal(stdout, "0\n1\n2\n3\nCapEff:\t00000000a80425fb\nSeccomp:\t2\n0\n");
    assert.match(stderr, /hostname: Read-only file system/);
    assert.match(stderr, /\/sys\/x: (Read-only file system|Permission denied)/);
    assert.match(stderr, /unshare.*Operation not permitted/);
  });

  test("commit makes an image of what a container wrote", async () => {
    await says("run", "--name", "writer", "busybox", "sh", "-c", "echo x > /x; rm /bin/ls");
    const id = await says("commit", "-a", "me", "-m", "a message", "-c", 'CMD ["cat","/x"]', "-c", "ENV Q=1", "writer", "committed:1");
    assert.match(id, /^sha256:/);
    assert.equal(await says("run", "--rm", "committed:1"), "x");
    assert.equal((await docker("run", "--rm", "committed:1", "ls")).exitCode, 127);
    assert.equal(await says("inspect", "-f", "{{.Config.Env}} {{.Author}} {{.Comment}}", "committed:1"), "[Q=1] me a message");
    assert.match((await docker("commit", "-c", "RUN foo", "writer", "bad:1")).stderr, /RUN is not a valid change command/);
    await removeAll();
    await says("rmi", "committed:1");
  });

  test("a custom seccomp profile filters, and the default one lets the same through", async () => {
    const profile = {
      defaultAction: "SCMP_ACT_ALLOW",
      syscalls: [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 38 }],
    };
    const folder = mkdtempSync(join(tmpdir(), "berth-seccomp-"));
    writeFileSync(join(folder, "profile.json"), JSON.stringify(profile));
    for (const _ of ["compiled", "from the cache"]) {
      const filtered = await docker("run", "--rm", "--security-opt", `seccomp=${folder}/profile.json`, "busybox", "mkdir", "/made");
      assert.match(filtered.stderr, /Function not implemented/);
    }
    assert.equal((await docker("run", "--rm", "busybox", "mkdir", "/made")).exitCode, 0);
    rmSync(folder, { recursive: true });
  });

  test("a working directory in /proc is refused, also through a link", async () => {
    for (let fd = 3; fd <= 10; fd += 1) {
      const direct = await docker("run", "--rm", "-w", `/proc/self/fd/${fd}`, "busybox", "cat", "etc/shadow");
      assert.match(direct.stderr, /is inside \/proc/);
    }
    const context = mkdtempSync(join(tmpdir(), "berth-context-"));
    mkdirSync(join(context, "tree"));
    symlinkSync("/proc/self/fd/7", join(context, "tree/way-out"));
    const tar = spawn("tar", ["-C", join(context, "tree"), "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
    const archive = Buffer.concat(await tar.stdout.toArray());
    assert.equal((await engine().docker(["import", "-", "linked"], { input: archive })).exitCode, 0);
    assert.match((await docker("run", "--rm", "-w", "/way-out", "linked", "x")).stderr, /is inside \/proc/);
    await says("run", "-d", "--name", "target", "busybox", "sleep", "100");
    assert.match((await docker("exec", "-w", "/proc/self/fd/7", "target", "pwd")).stderr, /is inside \/proc/);
    await removeAll();
    rmSync(context, { recursive: true });
  });

  test("mounts over /proc are refused, also through a link in the image", async () => {
    for (const target of ["/proc", "/proc/sys", "/proc/self"])
      assert.match(
        (await docker("run", "--rm", "-v", `v:${target}`, "busybox", "true")).stderr,
        /cannot be mounted because it is inside \/proc/,
      );
    const context = mkdtempSync(join(tmpdir(), "berth-context-"));
    mkdirSync(join(context, "tree"));
    symlinkSync("/tmp", join(context, "tree/proc"));
    symlinkSync("/proc", join(context, "tree/data"));
    const tar = spawn("tar", ["-C", join(context, "tree"), "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
    await engine().docker(["import", "-", "odd"], { input: Buffer.concat(await tar.stdout.toArray()) });
    assert.match((await docker("run", "--rm", "odd", "x")).stderr, /"\/proc" is a symbolic link in the image/);
    await removeAll();
    rmSync(context, { recursive: true });
  });

  test("copies in and out keep what they copy, and never follow a link out", async () => {
    await says("run", "-d", "--name", "copy", "busybox", "sh", "-c", "ln -s /etc/passwd /link; ln -s / /out; sleep 300");
    await says("exec", "copy", "sh", "-c", "until [ -e /out ]; do sleep 0.05; done");
    const folder = mkdtempSync(join(tmpdir(), "berth-copy-"));
    writeFileSync(join(folder, "in.txt"), "in");
    await says("cp", join(folder, "in.txt"), "copy:/tmp/");
    assert.equal(await says("exec", "copy", "cat", "/tmp/in.txt"), "in");
    await says("cp", join(folder, "in.txt"), "copy:/out/tmp/through");
    assert.equal(await says("exec", "copy", "cat", "/tmp/through"), "in");
    assert.equal(existsSync("/tmp/through"), false);
    await says("cp", "copy:/tmp/in.txt", join(folder, "back"));
    assert.match((await docker("cp", "copy:/nosuch", folder)).stderr, /Could not find the file \/nosuch in container copy/);
    assert.match(await says("diff", "copy"), /A \/tmp\/in.txt/);
    await removeAll();
    rmSync(folder, { recursive: true });
  });
}
