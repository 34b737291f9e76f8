/** The engine as a process: one a root, started once, ended without a trace. */
import assert from "node:assert/strict";
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { createConnection, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { TestContext } from "node:test";
import { enterCommand, processesInside, readHolder } from "../../engine/host/launch.ts";
import { lock } from "../../engine/host/lock.ts";
import { engineName, enginePaths } from "../../engine/host/paths.ts";
import { processStartTime } from "../../engine/host/process.ts";
import type { EngineStatus, Problem } from "../../engine/host/start.ts";
import { answers } from "../../engine/host/status.ts";
import { API_VERSION, VERSION } from "../../engine/host/version.ts";
import { makeRoot, removeRoot, runEngine, runProgram, startEngine } from "../support/engine.ts";
import type { TestEngine } from "../support/engine.ts";
import { testPrograms } from "../support/programs.ts";
import { cannotRunAs, testUser, USERS } from "../support/user.ts";
import type { As } from "../support/user.ts";

async function started(t: TestContext, as: As, env: NodeJS.ProcessEnv = {}): Promise<TestEngine> {
  const engine = await startEngine({ as, env });
  t.after(() => engine.remove());
  return engine;
}

/** What this machine shows of an engine: mounts and control groups. Other engines may come and go meanwhile. */
function traces(root: string): string[] {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  // The unified hierarchy, or the roots of the separate ones.
  const hierarchies = ["/sys/fs/cgroup", ...names("/sys/fs/cgroup").map((name) => join("/sys/fs/cgroup", name))];
  const cgroup = engineName(enginePaths(root));
  const cgroups = hierarchies.flatMap((path) => names(path)).filter((name) => name === cgroup);
  return [...mounts.filter((line) => line.includes(root)), ...cgroups];
}

function names(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").join(" ").trim();
  } catch {
    return "";
  }
}

function processesOf(root: string): string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid && processStartTime(Number(name)) !== undefined)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/mountinfo`, "utf8").includes(root) || readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(root);
      } catch {
        return false;
      }
    });
}

/** For what gives no event to another process: looks again at every turn of the event loop. */
async function waitFor(condition: () => boolean): Promise<void> {
  while (!condition()) await setImmediate();
}

for (const as of USERS) {
  const skip = cannotRunAs(as);

  test(`start, status and stop leave nothing behind, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as);
    const { status } = engine;
    assert.equal(status.running, true);
    assert.deepEqual([status.apiVersion, status.version], [API_VERSION, VERSION]);
    assert.deepEqual([status.rootless, status.root], [engine.user.uid !== 0, engine.root]);
    assert.match(status.runtime!.name, /^(crun|runc)$/);
    assert.ok(processStartTime(status.processes["holder"]!));
    assert.equal(await answers(engine.socketPath), true);
    assert.equal(statSync(engine.socketPath).mode & 0o777, 0o600);
    assert.equal(statSync(join(engine.root, "run")).mode & 0o777, 0o700);
    assert.deepEqual((JSON.parse((await engine.engine("status")).stdout) as EngineStatus).pid, status.pid);
    assert.deepEqual(
      traces(engine.root).filter((line) => line.includes(engine.root)),
      [],
      "no mount is seen outside",
    );

    await engine.stop();
    assert.equal(existsSync(engine.socketPath), false);
    assert.deepEqual(processesOf(engine.root), []);
    assert.deepEqual(traces(engine.root), []);
    assert.equal((JSON.parse((await engine.engine("status")).stdout) as EngineStatus).running, false);
    assert.equal((await engine.engine("stop")).exitCode, 0);
  });

  test(`starts at the same time give one engine, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as);
    await engine.stop();
    const results = await Promise.all([1, 2, 3].map(() => engine.engine("start")));
    const pids = results.map(({ stdout }) => (JSON.parse(stdout) as EngineStatus).pid);
    assert.equal(new Set(pids).size, 1, `pids ${pids.join(", ")}`);
    assert.equal((await engine.restart()).pid, pids[0]);
  });

  test(`a killed engine is replaced within the same namespaces, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as);
    const { pid, processes } = engine.status;
    await engine.kill9();
    assert.equal(await answers(engine.socketPath), false);
    assert.equal(existsSync(engine.socketPath), true, "the socket is stale now");
    const again = await engine.restart();
    assert.notEqual(again.pid, pid);
    assert.equal(again.processes["holder"], processes["holder"]);
  });

  test(`when holder and engine are killed, the next ones inherit the namespaces of what still runs, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as);
    const holder = readHolder(enginePaths(engine.root))!;
    const namespaces = (pid: number): string[] => ["mnt", "net", "user"].map((kind) => readlinkSync(`/proc/${pid}/ns/${kind}`));
    const before = namespaces(holder.pid);
    const controller = new AbortController();
    const guest = runProgram(enterCommand(holder, ["sh", "-c", "exec sleep 987654"]), {
      user: engine.user,
      signal: controller.signal,
    });
    await waitFor(() => processesInside(enginePaths(engine.root), holder).some((pid) => commandLine(pid) === "sleep 987654"));
    process.kill(holder.pid, "SIGKILL");
    await engine.kill9();
    const again = await engine.restart();
    assert.notEqual(again.processes["holder"], holder.pid);
    assert.deepEqual(namespaces(again.processes["holder"]!), before);
    controller.abort();
    await assert.rejects(guest);
  });

  test(`SIGTERM ends the engine alone, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as);
    const holder = engine.status.processes["holder"]!;
    process.kill(engine.status.pid, "SIGTERM");
    (await lock(join(engine.root, "run", "engine.lock")))();
    assert.ok(processStartTime(holder));
    assert.equal(existsSync(engine.socketPath), false);
    assert.equal((await engine.restart()).processes["holder"], holder);
  });

  test(`an idle engine ends with everything it had, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as, { BERTH_IDLE_SECONDS: "0.3" });
    const connection = createConnection(engine.socketPath);
    // On a slow machine it has ended before anybody connects, which is as well.
    await new Promise((resolve) => connection.once("connect", resolve).once("error", resolve));
    const released = lock(join(engine.root, "run", "engine.lock"));
    connection.end();
    (await released)();
    assert.deepEqual(processesOf(engine.root), []);
    assert.equal(existsSync(engine.socketPath), false);
  });

  test(`a root that is not writable is one clear sentence, as ${as}`, { skip }, async (t) => {
    const user = testUser(as);
    const root = makeRoot(user);
    t.after(() => removeRoot(root, user));
    writeFileSync(join(root, "file"), "");
    const result = await runEngine({ user, programs: await testPrograms(), root: join(root, "file/below"), env: {} }, ["start"]);
    assert.equal(result.exitCode, 1);
    assert.match(result.stderr, /^Cannot write to the engine's folder ".*file\/below\/storage" \(ENOTDIR\)\. To mend it: Make it writable/);
    assert.equal(((JSON.parse(result.stdout) as { problems: Problem[] }).problems[0] as Problem).id, "root-not-writable");
  });

  test(`a living engine's socket is never taken from it, as ${as}`, { skip }, async (t) => {
    const engine = await started(t, as);
    const inode = statSync(engine.socketPath).ino;
    assert.equal((await engine.restart()).pid, engine.status.pid);
    assert.equal(statSync(engine.socketPath).ino, inode);
  });

  test(`a stale socket of a strange program is replaced, as ${as}`, { skip }, async (t) => {
    const user = testUser(as);
    const root = makeRoot(user);
    mkdirSync(join(root, "run"), { mode: 0o700 });
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(root, "run", "berth.sock.old"), resolve));
    // Closing removes the name, so the dead socket keeps another one.
    renameSync(join(root, "run", "berth.sock.old"), join(root, "run", "berth.sock"));
    chownSync(join(root, "run"), user.uid, user.gid);
    await new Promise((resolve) => server.close(resolve));
    const engine = await startEngine({ as, root });
    t.after(() => engine.remove());
    assert.equal(await answers(engine.socketPath), true);
  });
}

/** Below here: one engine or none. */
test("another user cannot connect", { skip: cannotRunAs("root") }, async (t) => {
  const engine = await started(t, "root");
  const user = testUser("user");
  chmodSync(engine.root, 0o755);
  const script = `require("node:net").connect(${JSON.stringify(engine.socketPath)}).on("error",(e)=>console.log(e.code)).on("connect",()=>console.log("in"))`;
  const result = await runProgram([(await testPrograms()).node, "-e", script], { user, cwd: "/" });
  assert.equal(result.stdout.trim(), "EACCES");
});

test("a user without subordinate ids is told the command that gives some", { skip: cannotRunAs("root") }, async (t) => {
  const user = { name: "nobody", uid: 65534, gid: 65534, home: "/" };
  const root = makeRoot(user);
  t.after(() => removeRoot(root, user));
  const result = await runEngine({ user, programs: await testPrograms(), root, env: {} }, ["start"]);
  assert.equal(result.exitCode, 1);
  assert.match(
    result.stderr,
    /^No range of 65536 subordinate ids for nobody .*To mend it: sudo usermod --add-subuids \d+-\d+ --add-subgids \d+-\d+ nobody$/m,
  );
});

test("the version is the package's", () => {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "../../package.json"), "utf8")) as { version: string };
  assert.equal(version, VERSION);
});
