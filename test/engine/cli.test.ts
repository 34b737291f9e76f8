/** What Berth's first users type, against a real engine, as root and as an unprivileged user: every line has to work. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, before, describe, test } from "node:test";
import { berth, berthSays, importBusybox, personEnvironment } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, RunOptions, TestEngine } from "../support/engine.ts";
import { testPrograms } from "../support/programs.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const FOREVER = ["sleep", "1000000"];

for (const as of USERS)
  describe(`the berth command, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    let home: string;

    /** Splits at spaces: no word of these lines has one inside. */
    const says = (line: string, options?: RunOptions): Promise<string> => berthSays(engine, line.split(" "), { cwd: home, ...options });
    const tries = (line: string, options?: RunOptions): Promise<Result> => berth(engine, line.split(" "), { cwd: home, ...options });
    const started = async (name: string, ...words: string[]): Promise<void> =>
      void (await berthSays(engine, ["run", "-d", "--name", name, ...words, "busybox", ...FOREVER]));

    before(async () => {
      engine = await startEngine({ as });
      home = mkdtempSync(join(tmpdir(), "berth-first-"));
      chownSync(home, engine.user.uid, engine.user.gid);
      await importBusybox(engine);
    });
    after(async () => {
      rmSync(home, { recursive: true, force: true });
      await engine.remove();
    });

    test("images · tag · history · save · load · rmi · image prune", async () => {
      assert.match(await says("images"), /^REPOSITORY {3}TAG {7}IMAGE ID {7}CREATED/);
      await says("tag busybox me/new:1");
      await says("container tag busybox me/newer:1");
      assert.equal(await says("images me/* --format {{.Repository}}:{{.Tag}}"), "me/new:1\nme/newer:1");
      assert.match(await says("history busybox"), /Imported from -/);
      await says("save -o all.tar busybox me/new:1");
      await says("rmi me/new:1 me/newer:1");
      assert.match(await says("load -i all.tar"), /Loaded image: me\/new:1/);
      assert.equal((await tries("rmi nosuch")).stderr, "Error response from daemon: No such image: nosuch:latest\n");
      assert.equal(await says("rmi me/new:1"), "Untagged: me/new:1");
      assert.match(await says("image prune -f"), /^Total reclaimed space: /m);
    });

    test("build -t TAG . is cached the second time and names what failed", async () => {
      const context = join(home, "app");
      mkdirSync(context);
      writeFileSync(join(context, "Dockerfile"), 'FROM busybox\nWORKDIR /app\nCOPY . .\nRUN cat a.txt > b.txt\nCMD ["cat", "b.txt"]\n');
      writeFileSync(join(context, "a.txt"), "from the context\n");
      const first = await tries("build -t app .", { cwd: context });
      assert.equal(first.exitCode, 0, first.stderr);
      assert.match(first.stderr, /^#\d+ DONE \d+\.\ds/m);
      assert.equal(await says("run --rm app"), "from the context");
      assert.equal((await tries("build -t app app")).stderr.match(/CACHED/g)?.length, 4);
      assert.match(await says("build -q app"), /^sha256:[\da-f]{64}$/);
      writeFileSync(join(context, "a.txt"), "changed\n");
      assert.match((await tries("build -t app .", { cwd: context })).stderr, /not cached: file "a\.txt" changed/);
      const failed = await tries("build -", { input: "FROM busybox\nRUN echo oops >&2; exit 3\n" });
      assert.equal(failed.exitCode, 1);
      assert.match(
        failed.stderr,
        /oops[\s\S]*ERROR: failed to build: The command '\/bin\/sh -c echo oops >&2; exit 3' returned a non-zero code: 3\nThe failed step can be opened: berth builds shell [\da-f]{12}\n$/,
      );
    });

    test("run --use-api-socket hands the engine's socket and the logins to the container", async () => {
      mkdirSync(join(home, "logins"));
      writeFileSync(join(home, "logins", "config.json"), '{"auths":{"127.0.0.1:5000":{"auth":"YTpi"}}}');
      const line = "test -S /var/run/docker.sock && cat $DOCKER_CONFIG/config.json";
      const env = { DOCKER_CONFIG: join(home, "logins") };
      const said = await berthSays(engine, ["run", "--rm", "--use-api-socket", "busybox", "sh", "-c", line], { env });
      assert.deepEqual(JSON.parse(said), { auths: { "127.0.0.1:5000": { auth: "YTpi" } } });
    });

    test("run prints, passes stdin on byte by byte, and exits as the container does", async () => {
      assert.equal(await says("run --rm busybox echo hello"), "hello");
      const input = Buffer.from(Array.from({ length: 300_000 }, (_byte, at) => at % 251));
      const sum = await says("run -i --rm busybox md5sum", { input });
      assert.match(sum, /^[\da-f]{32}/);
      const failed = await berth(engine, ["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3"]);
      assert.deepEqual(failed, { exitCode: 3, stdout: "out\n", stderr: "err\n" });
      assert.equal((await tries("run --rm busybox nosuch")).exitCode, 127);
      assert.equal((await tries("run --rm busybox /etc")).exitCode, 126);
      assert.equal((await tries("run --rm --pull never nosuch")).exitCode, 125);
    });

    test("run -d · ps · ps -a · stop · start · restart · pause · unpause · kill · wait · rm · rm -f · rename", async () => {
      await started("life");
      assert.match(await says("ps"), /busybox {3}"sleep 1000000" .* Up .*life$/m);
      assert.equal(await says("container ls -q --filter name=life --no-trunc"), await says("inspect -f {{.Id}} life"));
      assert.equal(await says("stop -t 0 life"), "life");
      assert.equal(await says("ps -q"), "");
      assert.match(await says("ps -a"), /Exited \(137\)/);
      assert.equal(await says("start life"), "life");
      assert.equal(await says("container restart -t 0 life"), "life");
      await says("container pause life");
      assert.equal(await says("inspect -f {{.State.Status}} life"), "paused");
      await says("container unpause life");
      const waiting = says("container wait life");
      await says("kill life");
      assert.equal(await waiting, "137");
      await says("rename life after");
      assert.equal(await says("rm after"), "after");
      await started("again");
      assert.match((await tries("rm again")).stderr, /cannot remove container "again": container is running/);
      assert.equal(await says("rm -f again"), "again");
      assert.equal((await tries("rm again")).stderr, "Error response from daemon: No such container: again\n");
    });

    test("logs · logs -f · exec · exec -it · top · stats · port · diff · attach", async () => {
      const script = "echo one; echo two >&2; sleep 1000000";
      await berthSays(engine, ["run", "-d", "--name", "talk", "-p", "127.0.0.1::80", "busybox", "sh", "-c", script]);
      const logs = await follow(["logs", "-f", "talk"], 2);
      assert.deepEqual(
        logs.toSorted((a, b) => (a < b ? -1 : 1)),
        ["one", "two"],
      );
      assert.deepEqual(await tries("logs talk"), { exitCode: 0, stdout: "one\n", stderr: "two\n" });
      assert.equal(await says("container exec -e A=1 -w /tmp talk pwd"), "/tmp");
      assert.equal((await berth(engine, ["exec", "talk", "sh", "-c", "exit 7"])).exitCode, 7);
      const typed = await terminal(["exec", "-it", "talk", "sh"], "tty; exit 4\n");
      assert.match(typed.output, /\/ # .*tty; exit 4\r\n\/dev\/pts\/\d/);
      assert.equal(typed.exitCode, 4);
      assert.match(await says("top talk"), /sleep 1000000/);
      assert.match(await says("container stats --no-stream talk"), /^CONTAINER ID.*\n[\da-f]{12} +talk +\d+\.\d\d% /);
      assert.match(await says("port talk"), /^80\/tcp -> 127\.0\.0\.1:\d+$/);
      await says("exec talk touch /new");
      assert.match(await says("diff talk"), /^A \/new$/m);
      await says("rm -f talk");
    });

    async function person(): Promise<{ berthPath: string; options: object }> {
      const { folder, node } = await testPrograms();
      const { uid, gid } = engine.user;
      const env = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node, TERM: "xterm" };
      return { berthPath: join(folder, "berth"), options: { env, cwd: "/", ...(uid === process.getuid!() ? {} : { uid, gid }) } };
    }

    /** The first lines of a command that does not end by itself. */
    async function follow(words: readonly string[], count: number): Promise<string[]> {
      const { berthPath, options } = await person();
      const child = spawn(berthPath, words, { ...options, stdio: ["ignore", "pipe", "pipe"] });
      const lines: string[] = [];
      const enough = new Promise<void>((resolve) => {
        for (const stream of [child.stdout, child.stderr])
          createInterface({ input: stream }).on("line", (line) => {
            lines.push(line);
            if (lines.length === count) resolve();
          });
      });
      await enough;
      child.kill("SIGINT");
      const [code] = (await once(child, "close")) as [number];
      assert.equal(code, 130);
      return lines;
    }

    /** What a command shows on a terminal when `input` is typed. */
    async function terminal(words: readonly string[], input: string): Promise<{ output: string; exitCode: number }> {
      const { berthPath, options } = await person();
      const child = spawn("script", ["-qec", [berthPath, ...words].join(" "), "/dev/null"], {
        ...options,
        stdio: ["pipe", "pipe", "inherit"],
      });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        const prompted = output.includes("#");
        output += chunk.toString();
        // The prompt says that the shell listens.
        if (!prompted && output.includes("#")) child.stdin.write(input);
      });
      const [exitCode] = (await once(child, "close")) as [number];
      return { output, exitCode };
    }

    test("run -it shows a terminal, Ctrl-P Ctrl-Q leaves it running, attach comes back", async () => {
      assert.equal((await terminal(["run", "-it", "--name", "shell", "busybox", "sh"], "echo hi\n\u0010\u0011")).exitCode, 0);
      assert.equal(await says("inspect -f {{.State.Running}} shell"), "true");
      const again = await terminal(["exec", "-it", "shell", "sh", "-c", "'echo \\# ready; exec cat'"], "\u0010\u0011");
      assert.equal(again.exitCode, 1);
      assert.match(again.output, /read escape sequence/);
      await says("rm -f shell");
    });

    test("signals go to the container", async () => {
      const { berthPath, options } = await person();
      const script = 'trap "echo got it; exit 9" INT; echo ready; while :; do sleep 0.05; done';
      const child = spawn(berthPath, ["run", "--rm", "busybox", "sh", "-c", script], { ...options, stdio: ["ignore", "pipe", "inherit"] });
      let output = "";
      child.stdout.on("data", (chunk: Buffer) => {
        output += chunk.toString();
        if (output === "ready\n") child.kill("SIGINT");
      });
      assert.deepEqual(await once(child, "close"), [9, null]);
      assert.equal(output, "ready\ngot it\n");
    });

    test("cp both ways · export · import · update", async () => {
      await started("files");
      writeFileSync(join(home, "in.txt"), "in\n");
      if (as === "user") {
        writeFileSync(join(home, "closed.txt"), "", { mode: 0o600 });
        assert.match((await tries("cp closed.txt files:/tmp/x")).stderr, /^open .*closed\.txt: permission denied\n$/);
      }
      await says("container cp in.txt files:/tmp/in.txt");
      assert.equal(await says("exec files cat /tmp/in.txt"), "in");
      await says("cp files:/tmp out");
      assert.equal(readFileSync(join(home, "out/in.txt"), "utf8"), "in\n");
      await says("cp app files:/srv");
      await says("cp app/. files:/srv");
      assert.equal(await says("exec files ls /srv"), "Dockerfile\na.txt");
      assert.equal(
        (await tries("cp files:/nosuch x")).stderr,
        "Error response from daemon: Could not find the file /nosuch in container files\n",
      );
      symlinkSync("/dev/null", join(home, "device"));
      const refused = `invalid output path: "${join(home, "device")}" must be a directory or a regular file: got a device\n`;
      assert.equal((await tries("cp files:/tmp/in.txt device")).stderr, refused);
      assert.equal(readlinkSync(join(home, "device")), "/dev/null");
      await says("container export -o files.tar files");
      assert.match(await says("container import files.tar me/imported:1"), /^sha256:/);
      assert.equal(await says("update --restart on-failure:3 files"), "files");
      assert.equal(await says("inspect -f {{.HostConfig.RestartPolicy.MaximumRetryCount}} files"), "3");
      await says("rm -f files");
    });

    test("volumes: create · ls · inspect · run -v · rm · prune", async () => {
      assert.match(await says("volume create"), /^[\da-f]{64}$/);
      assert.equal(await says("volume create data"), "data");
      assert.match(await says("volume ls"), /^local {5}data$/m);
      await berthSays(engine, ["run", "--rm", "-v", "data:/data", "busybox", "sh", "-c", "echo kept > /data/f"]);
      assert.equal(await says("run --rm -v data:/data busybox cat /data/f"), "kept");
      assert.equal(await says("volume inspect -f {{.Driver}} data"), "local");
      mkdirSync(join(home, "bound"));
      writeFileSync(join(home, "bound/f"), "bound\n");
      assert.equal(await says("run --rm -v ./bound:/b:ro busybox cat /b/f"), "bound");
      assert.equal(await says("volume rm data"), "data");
      assert.match(await says("volume prune -f"), /^Deleted Volumes:\n[\da-f]{64}\n/);
    });

    test("networks: bridge, host and none are there; names find each other; connect and disconnect", async () => {
      assert.equal(await says("network ls --format {{.Name}}"), "bridge\nhost\nnone");
      assert.match(await says("network create front"), /^[\da-f]{64}$/);
      await started("web", "--network", "front");
      await started("other");
      assert.match(await says("run --rm --network front busybox ping -c 1 web"), /1 packets received/);
      await says("container network connect front other");
      assert.match(await says("exec other ping -c 1 web"), /1 packets received/);
      await says("network disconnect front other");
      assert.notEqual((await tries("exec other ping -c 1 -W 1 web")).exitCode, 0);
      assert.equal(await says("network inspect -f {{len(.Containers)}} front"), "1");
      assert.equal(await says("run --rm --network none busybox ls /sys/class/net"), "lo");
      assert.match((await tries("network rm front")).stderr, /has active endpoints/);
      await says("rm -f web other");
      assert.equal(await says("network rm front"), "front");
      await says("network create unused");
      assert.equal(await says("network prune -f"), "Deleted Networks:\nunused");
    });

    test("info · version · --version · system df · events · prune · container prune", async () => {
      assert.match(await says("info"), /^Server:\n Containers: \d+/m);
      assert.match(await says("version"), / API version: {6}1\.51/);
      assert.match(await says("--version"), /^Berth version \d/);
      assert.match(await says("system df"), /^Images {10}\d/m);
      await says("create --name left busybox");
      const soon = Math.ceil(Date.now() / 1000) + 1;
      const created = await says(`events --since 1h --until ${soon} --filter container=left`);
      assert.match(created, / container create [\da-f]{64} \(image=busybox, name=left\)$/);
      assert.match(await says("container prune -f"), /^Deleted Containers:\n[\da-f]{64}\n/);
      assert.match(await says("prune -f"), /^Total reclaimed space: /m);
    });

    test("berth engine says where the engine is and what it is", async () => {
      assert.equal(await says("engine socket"), engine.socket);
      const status = JSON.parse(await says("engine status --format json")) as Record<string, unknown>;
      assert.deepEqual(
        [status["running"], status["pid"], status["socket"], status["apiVersion"], status["rootless"], status["root"]],
        [true, engine.status.pid, engine.socket, "1.51", as === "user", engine.root],
      );
      assert.match(await says("engine logs"), / serves /);
      assert.ok(existsSync(engine.socketPath));
    });
  });
