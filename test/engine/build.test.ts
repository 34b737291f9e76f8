/** Builds over the socket, by the real docker command's classic builder and by berth: cache, failures, cancel, kill -9. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, watch, writeFileSync } from "node:fs"; // oxfmt-ignore
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, before, describe, test } from "node:test";
import type { BuildRecord } from "../../engine/build/builder.ts";
import { connect } from "../../engine/client/client.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { debianTar } from "../support/debian.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

/** Before there is an engine: one that waits for it would take itself for idle and end. */
const tar = await debianTar();

/** Pids whose command line or mounts name the root, the engine's own processes apart. */
function stepProcesses(engine: TestEngine): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(join(engine.root, "storage/snapshots/build-"));
    } catch {
      return false;
    }
  });
}

function buildSnapshots(engine: TestEngine): string[] {
  const folder = join(engine.root, "storage/snapshots");
  return existsSync(folder) ? readdirSync(folder).filter((key) => key.startsWith("build-")) : [];
}

function temporary(engine: TestEngine): string[] {
  return readdirSync(join(engine.root, "storage/build/temporary"));
}

/** Resolves when `isTrue` is, looking again whenever something in the folder changes. */
async function whenIn(folder: string, isTrue: () => boolean): Promise<void> {
  const watcher = watch(folder);
  try {
    while (!isTrue()) await once(watcher, "change");
  } finally {
    watcher.close();
  }
}

for (const as of USERS)
  describe(`builds, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let contexts: string;
    let count = 0;
    before(async () => {
      engine = await startEngine({ as });
      contexts = mkdtempSync(join(tmpdir(), "berth-contexts-"));
      const { exitCode, stderr } = await engine.docker(["import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], {
        input: await busyboxTar(),
      });
      assert.equal(exitCode, 0, stderr);
    });
    after(async () => {
      await engine.remove();
      rmSync(contexts, { recursive: true });
    });

    function context(files: Readonly<Record<string, string>>): string {
      const path = join(contexts, `c${count++}`);
      for (const [name, text] of Object.entries(files)) {
        mkdirSync(join(path, name, ".."), { recursive: true });
        writeFileSync(join(path, name), text);
      }
      return path;
    }

    function build(path: string, ...args: string[]): Promise<Result> {
      return engine.docker(["build", ...args, path], { env: { DOCKER_BUILDKIT: "0" } });
    }

    /** The lines of a build with what differs from time to time blanked. */
    async function lines(path: string, ...args: string[]): Promise<string[]> {
      const { exitCode, stdout, stderr } = await build(path, ...args);
      assert.equal(exitCode, 0, stderr);
      const text = stdout.replaceAll(/\b[0-9a-f]{12}\b/g, "ID").replace(/^Sending[^\n]*\n/, "");
      return text.trimEnd().split("\n");
    }

    /** Instructions that were not cached. */
    async function ran(path: string, ...args: string[]): Promise<string[]> {
      const all = (await lines(path, ...args))
        .join("\n")
        .split(/^Step \d+\/\d+ : /m)
        .slice(1);
      const steps = all.map((step) => ({ name: step.split("\n", 1)[0]!, cached: step.includes(" ---> Using cache") }));
      return steps.filter((step) => !step.cached && !/^(FROM|ARG)/.test(step.name)).map((step) => step.name);
    }

    function get<T>(path: string): Promise<T> {
      return new Promise((resolve, reject) => {
        request({ socketPath: engine.socketPath, path }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
          response.on("end", () => resolve(JSON.parse(text) as T));
        })
          .once("error", reject)
          .end();
      });
    }

    test("docker build prints what dockerd prints, and caches", async () => {
      const path = context({
        Dockerfile:
          'FROM busybox\nRUN echo hello > /hello.txt\nCOPY a.txt /a.txt\nENV A=1\nLABEL x=y\nEXPOSE 80/tcp\nCMD ["cat","/hello.txt"]\n',
        "a.txt": "content\n",
        ".dockerignore": "skip.txt\n",
      });
      const setting = [" ---> Running in ID", " ---> Removed intermediate container ID", " ---> ID"];
      assert.deepEqual(await lines(path, "-t", "lb:ok"), [
        "Step 1/7 : FROM busybox",
        " ---> ID",
        "Step 2/7 : RUN echo hello > /hello.txt",
        ...setting,
        "Step 3/7 : COPY a.txt /a.txt",
        " ---> ID",
        "Step 4/7 : ENV A=1",
        ...setting,
        "Step 5/7 : LABEL x=y",
        ...setting,
        "Step 6/7 : EXPOSE 80/tcp",
        ...setting,
        'Step 7/7 : CMD ["cat","/hello.txt"]',
        ...setting,
        "Successfully built ID",
        "Successfully tagged lb:ok",
      ]);
      const first = (await engine.docker(["inspect", "-f", "{{.Id}}", "lb:ok"])).stdout;
      const again = await lines(path, "-t", "lb:ok");
      assert.equal(again.filter((line) => line === " ---> Using cache").length, 6);
      assert.equal((await engine.docker(["inspect", "-f", "{{.Id}}", "lb:ok"])).stdout, first);
      const { stdout } = await engine.docker(["run", "--rm", "lb:ok"]);
      assert.equal(stdout, "hello\n");
    });

    test("a step is opened: a shell in its environment, also of one that failed, and nothing of it is left", async () => {
      const Dockerfile =
        "FROM busybox\nENV COLOR=red\nWORKDIR /w\nUSER 7\nRUN --mount=type=secret,id=key --mount=type=tmpfs,target=/t echo trace > /tmp/trace; exit 9\n";
      assert.notEqual((await build(context({ Dockerfile }))).exitCode, 0);
      const client = connect(engine.socket);
      try {
        const Secrets = { key: Buffer.from("hidden").toString("base64") };
        const script = "id -u; pwd; echo $COLOR; cat /tmp/trace; wc -c < /run/secrets/key; mount | grep -c ' /t '; exit 5";
        const { id, stream } = await client.buildRecords.shell("latest", "0.3", { Cmd: ["sh", "-c", script], Secrets, User: "0" });
        stream.stdin.end();
        const out = new PassThrough();
        const said = text(out);
        await stream.copyTo({ stdout: out, stderr: out });
        out.end();
        assert.equal(await said, "0\n/w\nred\ntrace\n6\n1\n");
        assert.deepEqual(await client.buildRecords.inspectShell(id), { Running: false, ExitCode: 5 });
        await assert.rejects(client.buildRecords.shell("latest", "0.3", { Cmd: ["/nosuch"] }), /nosuch/);
        assert.deepEqual(buildSnapshots(engine), []);
      } finally {
        await client.close();
      }
    });

    test("exactly the right steps run again, and the reason is kept", async () => {
      const Dockerfile = "FROM busybox\nARG WHO\nCOPY one /one\nRUN echo $WHO $RANDOM > /first\nCOPY dir /dir\nRUN cat /dir/a\n";
      const path = context({ Dockerfile, one: "1", "dir/a": "a", "dir/b": "b" });
      const tag = ["-t", "exact"];
      await lines(path, ...tag);
      assert.deepEqual(await ran(path, ...tag), []);
      utimesSync(join(path, "dir/a"), 1, 1);
      assert.deepEqual(await ran(path, ...tag), []);
      writeFileSync(join(path, "dir/b"), "changed");
      assert.deepEqual(await ran(path, ...tag), ["COPY dir /dir", "RUN cat /dir/a"]);
      const [record] = await get<BuildRecord[]>("/berth/builds");
      assert.equal(record!.steps.find((step) => step.instruction === "COPY dir /dir")!.reason, 'file "dir/b" changed');
      chmodSync(join(path, "one"), 0o600);
      assert.deepEqual(await ran(path, ...tag), ["COPY one /one", "RUN echo $WHO $RANDOM > /first", "COPY dir /dir", "RUN cat /dir/a"]);
      assert.deepEqual(await ran(path, ...tag, "--build-arg", "WHO=you"), [
        "RUN echo $WHO $RANDOM > /first",
        "COPY dir /dir",
        "RUN cat /dir/a",
      ]);
      assert.equal((await ran(path, ...tag, "--no-cache")).length, 4);
    });

    test("stages: the target and what it needs", async () => {
      const Dockerfile =
        'FROM busybox AS build\nRUN echo built > /out.txt\nFROM busybox AS other\nRUN false\nFROM busybox AS final\nCOPY --from=build /out.txt /out.txt\nCMD ["cat","/out.txt"]\n';
      const path = context({ Dockerfile });
      await lines(path, "-t", "multi", "--target", "final");
      assert.equal((await engine.docker(["run", "--rm", "multi"])).stdout, "built\n");
      const missing = await build(path, "--target", "nope");
      assert.match(missing.stderr, /Error response from daemon: target stage "nope" could not be found\n$/);
    });

    test("what is wrong is said in Docker's words", async () => {
      const cases: [Record<string, string>, RegExp][] = [
        [
          { Dockerfile: "FROM busybox\nRUNN echo hi\n" },
          /Error response from daemon: dockerfile parse error on line 2: unknown instruction: RUNN \(did you mean RUN\?\)\n$/,
        ],
        [
          { Dockerfile: "FROM busybox\nCOPY nosuch /x\n" },
          /COPY failed: file not found in build context or excluded by \.dockerignore: stat nosuch: file does not exist\n$/,
        ],
        [{ Dockerfile: "FROM busybox\nCOPY no /x\n", ".dockerignore": "no", no: "" }, /stat no: file does not exist\n$/],
        [
          { Dockerfile: 'FROM busybox\nRUN sh -c "echo oops >&2; exit 3"\nRUN echo after\n' },
          /The command '\/bin\/sh -c sh -c "echo oops >&2; exit 3"' returned a non-zero code: 3\n$/,
        ],
        [{ Dockerfile: "FROM busybox\nWORKDIR /proc/self\n" }, /WORKDIR "\/proc\/self" is not allowed: it is below \/proc\n$/],
      ];
      for (const [files, want] of cases) {
        const { exitCode, stderr } = await build(context(files));
        assert.match(stderr, want);
        assert.notEqual(exitCode, 0);
      }
      const failing = await build(context({ Dockerfile: "FROM busybox\nRUN exit 3\n" }));
      assert.equal(failing.exitCode, 3);
    });

    test("a command sees its environment, user, directory and network", async () => {
      const Dockerfile = [
        "FROM busybox",
        "ARG WHO=arg",
        "ENV A=env",
        "RUN echo $WHO $A $(id -u) $(pwd) $(hostname)",
        "USER 1000:1000",
        "WORKDIR /w",
        "RUN echo $(id -u):$(id -g) $(pwd) $(ls -ld . | awk '{print $3}')",
        "RUN --network=none ip addr show | grep -c inet",
        "RUN test ! -e /etc/hosts || test ! -w /etc/hosts",
      ].join("\n");
      const { stdout, exitCode, stderr } = await build(context({ Dockerfile }));
      assert.equal(exitCode, 0, stderr + stdout);
      assert.match(stdout, /^arg env 0 \/ buildkitsandbox$/m);
      assert.match(stdout, /^1000:1000 \/w 1000$/m);
    });

    test("a command leaves in its layer what it wrote, and nothing of the sandbox", async () => {
      await lines(context({ Dockerfile: "FROM busybox\nRUN true\nRUN touch /only\n" }), "-t", "layers");
      const { stdout } = await engine.docker(["history", "--format", "{{.Size}} {{.CreatedBy}}", "--no-trunc", "layers"]);
      assert.match(stdout, /^0B RUN \/bin\/sh -c true # buildkit$/m);
      const inspected = await engine.docker(["inspect", "-f", "{{json .RootFS.Layers}}", "layers"]);
      // A layer of nothing: an archive's end.
      assert.equal(
        (JSON.parse(inspected.stdout) as string[])[1],
        "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
      );
    });

    test("mounts: cache, bind, tmpfs", async () => {
      const Dockerfile = [
        "FROM busybox",
        "RUN --mount=type=cache,target=/cache echo $RANDOM >> /cache/list; wc -l < /cache/list > /count",
        "RUN --mount=type=bind,source=src,target=/src cat /src/file && ! touch /src/x",
        "RUN --mount=type=bind,target=/all,rw touch /all/new && ls /all",
        "RUN --mount=type=tmpfs,target=/t touch /t/x && mount | grep -q ' /t type tmpfs'",
        "RUN test ! -e /cache/list && test ! -e /src/file && test ! -e /t/x && cat /count",
      ].join("\n");
      const path = context({ Dockerfile, "src/file": "bound\n", hidden: "", ".dockerignore": "hidden\n" });
      const first = await build(path, "--no-cache");
      assert.equal(first.exitCode, 0, first.stderr + first.stdout);
      assert.match(first.stdout, /^bound$/m);
      assert.doesNotMatch(first.stdout, /^hidden$/m);
      assert.match(first.stdout, /^1$/m);
      assert.match((await build(path, "--no-cache")).stdout, /^2$/m);
    });

    test("an interrupted build leaves nothing", async () => {
      const before = buildSnapshots(engine);
      const path = context({ Dockerfile: "FROM busybox\nRUN echo begun; sleep 300\n" });
      const child = spawn("docker", ["build", path], {
        env: { ...process.env, DOCKER_HOST: engine.socket, DOCKER_BUILDKIT: "0" },
        stdio: ["ignore", "pipe", "ignore"],
      });
      for await (const chunk of child.stdout) if (String(chunk).includes("begun\n")) break;
      child.kill("SIGKILL");
      await whenIn(join(engine.root, "storage/snapshots"), () => buildSnapshots(engine).length === before.length);
      assert.deepEqual(stepProcesses(engine), []);
      assert.deepEqual(temporary(engine), []);
    });

    test("Debian with nginx from its packages", { timeout: 900_000 }, async (t) => {
      if ("missing" in tar) return t.skip(tar.missing);
      const imported = await engine.docker(["import", "--change", 'CMD ["bash"]', tar.path, "debian:bookworm"]);
      assert.equal(imported.exitCode, 0, imported.stderr);
      const Dockerfile =
        'FROM debian:bookworm\nRUN apt-get update && apt-get install -y nginx\nEXPOSE 80\nCMD ["nginx", "-g", "daemon off;"]\n';
      const { exitCode, stdout, stderr } = await build(context({ Dockerfile }), "-t", "nginx-debian", "--network", "default");
      assert.equal(exitCode, 0, stderr + stdout.slice(-3000));
      const version = await engine.docker(["run", "--rm", "nginx-debian", "nginx", "-v"]);
      assert.match(version.stderr, /nginx version: nginx\//);
    });
  });
