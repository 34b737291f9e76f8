/**
 * What goes wrong for people, through the `berth` command as root and as a user: one clear sentence each, which says what
 * to do, and nothing left behind.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { berth, berthSays, importBusybox, personEnvironment } from "../support/berth.ts";
import { makeRoot, removeRoot, runProgram, startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { testPrograms } from "../support/programs.ts";
import { cannotRunAs, testUser, USERS } from "../support/user.ts";

/** A folder with these files that every user can read. */
function context(files: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "berth-context-"));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  chmodSync(folder, 0o755);
  after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Says it in at most three lines, on stderr, without a stack trace. */
function assertSentence(result: Result, wanted: RegExp, exitCode?: number): void {
  assert.notEqual(result.exitCode, 0, result.stdout);
  if (exitCode !== undefined) assert.equal(result.exitCode, exitCode, result.stderr);
  assert.match(result.stderr, wanted);
  assert.doesNotMatch(result.stderr, /\n\s+at /);
}

for (const as of USERS)
  describe(`bad input, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
    });
    after(() => engine.remove());

    const builds: [string, Record<string, string>, RegExp][] = [
      [
        "no Dockerfile",
        { "a.txt": "" },
        /failed to read dockerfile: open Dockerfile: no such file or directory|unable to prepare context.*Dockerfile/,
      ],
      ["a syntax error, with its line", { Dockerfile: "FROM busybox\n\nRUNN true\n" }, /parse error on line 3: unknown instruction: RUNN/],
      ["an empty Dockerfile", { Dockerfile: "" }, /the Dockerfile \(Dockerfile\) cannot be empty|file with no instructions/],
      ["a missing source", { Dockerfile: "FROM busybox\nCOPY nothing /\n" }, /nothing.*not found|COPY failed.*nothing/],
      ["a failing command", { Dockerfile: "FROM busybox\nRUN exit 7\n" }, /exit 7.*(non-zero code|exit code): 7/],
    ];
    for (const [name, files, wanted] of builds)
      test(`build says what is wrong: ${name}`, async () => {
        assertSentence(await berth(engine, ["build", "-t", "bad", context(files)]), wanted);
        assert.equal(await berthSays(engine, ["images", "-q", "bad"]), "");
        assert.equal(await berthSays(engine, ["ps", "-aq"]), "");
      });

    test("build says that a base image cannot be had", async () => {
      const folder = context({ Dockerfile: "FROM 127.0.0.1:1/nobody/has:this\n" });
      assertSentence(await berth(engine, ["build", folder]), /127\.0\.0\.1:1\/nobody\/has|connection refused/);
    });

    test("run says that an image cannot be had, and exits with 125", async () => {
      assertSentence(await berth(engine, ["run", "--rm", "127.0.0.1:1/nobody/has:this"]), /Unable to find image[\s\S]*refused/, 125);
    });

    test("run says that a command is missing, and exits with 127", async () => {
      assertSentence(
        await berth(engine, ["run", "--rm", "busybox", "no-such-command"]),
        /"no-such-command": executable file not found in \$PATH/,
        127,
      );
    });

    test("run says that a port is taken, and leaves no container running", async () => {
      const server = createServer().listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      const { port } = server.address() as AddressInfo;
      const result = await berth(engine, ["run", "-d", "--name", "taken", "-p", `127.0.0.1:${port}:80`, "busybox", "sleep", "60"]);
      server.close();
      assertSentence(result, /port is already allocated|address already in use/, 125);
      assert.equal(await berthSays(engine, ["ps", "-q"]), "");
      await berthSays(engine, ["rm", "taken"]);
    });

    test("run refuses a working directory under /proc", async () => {
      assertSentence(await berth(engine, ["run", "--rm", "-w", "/proc/self/fd/3", "busybox", "true"]), /\/proc/);
    });

    const refused: [string[], RegExp, number?][] = [
      [["run", "--rm", "-p", "notaport", "busybox", "true"], /invalid containerPort: notaport/, 125],
      [["run", "--rm", "-v", "relative:path:what:ever", "busybox", "true"], /invalid (volume )?spec/, 125],
      [["rm", "nobody"], /No such container: nobody/, 1],
      [["rmi", "nobody"], /No such image: nobody/, 1],
      [["inspect", "nobody"], /[Nn]o such object: nobody/, 1],
      [["logs", "nobody"], /No such container: nobody/, 1],
      [["tag", "busybox", "small/UPPER"], /invalid reference format|must be lowercase/, 1],
      [["nonsense"], /'nonsense' is not a (docker|berth) command|unknown command/],
      [["ps", "--nonsense"], /unknown flag: --nonsense/],
    ];
    for (const [args, wanted, exitCode] of refused)
      test(`berth ${args.join(" ")} is refused with a sentence`, async () => assertSentence(await berth(engine, args), wanted, exitCode));
  });

describe("a machine that lacks something", { skip: cannotRunAs("root") }, () => {
  /** Runs `berth ps` as the unprivileged user on a machine where `covers` are hidden behind other files. */
  async function onMachine(covers: Record<string, string>, root: string): Promise<Result> {
    const user = testUser("user");
    const { folder, node } = await testPrograms();
    const mounts = Object.entries(covers).map(([path, by]) => `mount --bind ${by} ${path}`);
    const become = `setpriv --reuid ${user.uid} --regid ${user.gid} --clear-groups`;
    const script = [...mounts, `exec ${become} ${join(folder, "berth")} ps`].join(" && ");
    return runProgram(["unshare", "--mount", "sh", "-c", script], {
      cwd: "/",
      env: { ...personEnvironment(user, root), BERTH_NODE: node },
    });
  }

  const empty = context({ empty: "" });
  const cases: [string, Record<string, string>, RegExp][] = [
    ["newuidmap", { "/usr/bin/newuidmap": "/dev/null" }, /newuidmap[\s\S]*uidmap/],
    [
      "a range of subordinate ids",
      { "/etc/subuid": join(empty, "empty"), "/etc/subgid": join(empty, "empty") },
      /subordinate[\s\S]*usermod --add-subuids/,
    ],
  ];
  for (const [name, covers, wanted] of cases)
    test(`berth says that it lacks ${name}, and what to do`, async () => {
      const root = makeRoot(testUser("user"));
      try {
        assertSentence(await onMachine(covers, root), wanted);
      } finally {
        await removeRoot(root, testUser("user"));
      }
    });

  test("berth says that the Node it was given is none", async () => {
    const root = makeRoot(testUser("user"));
    const result = await berth({ user: testUser("user"), root }, ["ps"], { env: { BERTH_NODE: "/nope" } });
    rmSync(root, { recursive: true });
    assertSentence(result, /^berth: needs Node 22 or newer, and \/nope is not a Node: .*BERTH_NODE/);
  });

  test("berth says that the engine's root is not writable", async () => {
    const root = mkdtempSync(join(tmpdir(), "berth-closed-"));
    mkdirSync(join(root, "inner"));
    chownSync(root, 0, 0);
    chmodSync(root, 0o755);
    try {
      assertSentence(await berth({ user: testUser("user"), root }, ["ps"]), /Cannot write to the engine's folder[\s\S]*--root/);
    } finally {
      rmSync(root, { recursive: true });
    }
  });
});
