/**
 * The real docker command, unmodified, on this engine: exit codes, output and sentences are what the same commands gave with
 * dockerd 28.5.2. As root and as an unprivileged user.
 */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { suite, test } from "node:test";
import type { TestContext } from "node:test";
import { findProgram } from "../../engine/host/programs.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { cannotRunAs, USERS } from "../support/user.ts";
import type { As } from "../support/user.ts";
import { checkEquivalents } from "./equivalent-steps.ts";

const noDocker = findProgram("docker") === undefined && "the docker command is not installed";
const noScript = findProgram("script") === undefined && "the script command is not installed";

const ID = "[0-9a-f]{64}";
const SHORT = "[0-9a-f]{12}";

/** What a command must do. Texts are compared whole, patterns are searched for; what is absent is not looked at. */
interface Want {
  readonly exit?: number;
  readonly out?: string | RegExp;
  readonly err?: string | RegExp;
}

/** One docker command line, split at blanks unless it is a list. */
type Step = readonly [command: string | readonly string[], want: Want];

class Docker {
  readonly engine: TestEngine;
  readonly folder: string;

  constructor(engine: TestEngine) {
    this.engine = engine;
    this.folder = mkdtempSync(join(tmpdir(), "berth-docker-"));
    // The engine of another user binds from here.
    chmodSync(this.folder, 0o755);
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: this.engine.socket, DOCKER_CONFIG: join(this.folder, "config"), DOCKER_BUILDKIT: "0" };
  }

  run(args: string | readonly string[], options: { input?: string | Buffer } = {}): Promise<Result> {
    return this.engine.docker(words(args), { env: this.env, cwd: this.folder, ...options });
  }

  /** Its stdout without the last newline. @throws {Error} when it fails */
  async says(args: string | readonly string[], options: { input?: string | Buffer } = {}): Promise<string> {
    const { exitCode, stdout, stderr } = await this.run(args, options);
    if (exitCode !== 0) throw new Error(`docker ${String(args)} ended with ${exitCode}: ${stderr}${stdout}`);
    return stdout.trimEnd();
  }

  async check([command, want]: Step): Promise<void> {
    const result = await this.run(command);
    const told = `docker ${words(command).join(" ")}: exit ${result.exitCode}\n${result.stdout}\n${result.stderr}`;
    assert.equal(result.exitCode, want.exit ?? 0, told);
    for (const [found, wanted] of [
      [result.stdout, want.out],
      [result.stderr, want.err],
    ] as const)
      if (wanted instanceof RegExp) assert.match(found, wanted, told);
      else if (wanted !== undefined) assert.equal(found, wanted, told);
  }

  async checkAll(steps: readonly Step[]): Promise<void> {
    for (const step of steps) await this.check(step);
  }

  /** A directory with these files, for builds. */
  context(name: string, files: Readonly<Record<string, string>>): string {
    const folder = join(this.folder, name);
    mkdirSync(folder, { recursive: true });
    for (const [file, content] of Object.entries(files)) writeFileSync(join(folder, file), content);
    return folder;
  }

  /** Under a terminal that types `keys`, each after the text before it has appeared. */
  async typed(args: string | readonly string[], keys: readonly (readonly [after: RegExp, type: string])[]): Promise<Result> {
    const line = ["docker", ...words(args)].map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    const child = spawn("script", ["-qefc", `stty rows 24 cols 80; exec ${line}`, "/dev/null"], {
      env: { ...this.env, TERM: "xterm" },
      cwd: this.folder,
    });
    const waiting = [...keys];
    let [stdout, seen] = ["", 0];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
      for (let next = waiting[0]; next && next[0].test(stdout.slice(seen)); next = waiting[0]) {
        seen = stdout.length;
        child.stdin.write(next[1]);
        waiting.shift();
      }
    });
    const [stderr, exitCode] = await Promise.all([
      text(child.stderr),
      new Promise<number>((resolve) => child.once("close", (code) => resolve(code ?? -1))),
    ]);
    return { exitCode, stdout, stderr };
  }
}

function words(args: string | readonly string[]): string[] {
  return typeof args === "string" ? args.split(" ") : [...args];
}

for (const as of USERS)
  suite(`docker command, engine as ${as}`, { skip: noDocker || cannotRunAs(as) }, () => {
    const shared: { docker?: Promise<Docker> } = {};
    const docker = (): Promise<Docker> => (shared.docker ??= prepare(as));
    const it = (name: string, run: (docker: Docker, t: TestContext) => Promise<void>, options: { skip?: string | false } = {}): void => {
      void test(name, { timeout: 300_000, ...options }, async (t) => run(await docker(), t));
    };
    engineTests(it);
    imageTests(it);
    buildTests(it);
    containerTests(it);
    streamTests(it);
    networkTests(it);
    pruneTests(it);
    void test("the engine ends", async () => {
      const { engine, folder } = await docker();
      await engine.remove();
      rmSync(folder, { recursive: true, force: true });
    });
  });

async function prepare(as: As): Promise<Docker> {
  const docker = new Docker(await startEngine({ as }));
  await docker.says(["import", "-c", 'CMD ["sh"]', "-", "busybox:latest"], { input: await busyboxTar() });
  return docker;
}

type It = (name: string, run: (docker: Docker, t: TestContext) => Promise<void>, options?: { skip?: string | false }) => void;

function engineTests(it: It): void {
  it("version and info", async (docker) => {
    await docker.checkAll([
      ["version --format {{.Server.APIVersion}}/{{.Server.MinAPIVersion}}", { out: "1.51/1.24\n", err: "" }],
      ["version", { out: /Server: Berth\n Engine:\n {2}Version: +0\.\d+\.\d+\n/ }],
      ["info --format {{.OSType}}/{{.Driver}}/{{.ServerErrors}}", { out: "linux/overlay2/[]\n" }],
      ["info", { out: /Default Runtime: (crun|runc)\n/ }],
    ]);
  });

  it("volumes", async (docker) => {
    const bad =
      'create bad name: "bad name" includes invalid characters for a local volume name, only "[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path';
    await docker.checkAll([
      ["volume create --label a=b v1", { out: "v1\n" }],
      ["volume create v1", { out: "v1\n" }],
      ["volume ls --filter label=a=b -q", { out: "v1\n" }],
      [["volume", "create", "bad name"], { exit: 1, err: `Error response from daemon: ${bad}\n` }],
      [
        "volume create -d bogus v3",
        { exit: 1, err: 'Error response from daemon: create v3: error looking up volume plugin bogus: plugin "bogus" not found\n' },
      ],
      ["volume inspect nosuch", { exit: 1, out: "[]\n", err: "Error response from daemon: get nosuch: no such volume\n" }],
      ["volume rm nosuch", { exit: 1, err: "Error response from daemon: get nosuch: no such volume\n" }],
      ["volume ls --filter bogus=1", { exit: 1, err: "Error response from daemon: invalid filter 'bogus'\n" }],
      ["volume rm v1", { out: "v1\n" }],
    ]);
  });

  it("networks", async (docker) => {
    await docker.checkAll([
      ["network create n1", { out: new RegExp(`^${ID}\n$`) }],
      ["network create n1", { exit: 1, err: "Error response from daemon: network with name n1 already exists\n" }],
      [
        ["network", "ls", "--filter", "type=builtin", "--format", "{{.Name}} {{.Driver}}"],
        { out: /bridge bridge\n[\s\S]*host host\n[\s\S]*none null\n/ },
      ],
      ["network inspect nosuch", { exit: 1, out: "[]\n", err: "Error response from daemon: network nosuch not found\n" }],
      [
        "network rm bridge",
        { exit: 1, err: "Error response from daemon: bridge is a pre-defined network and cannot be removed\nexit status 1\n" },
      ],
      ["network rm n1", { out: "n1\n" }],
    ]);
  });

  it("an engine outside of a swarm", async (docker) => {
    await docker.checkAll([
      ["swarm leave", { exit: 1, err: "Error response from daemon: This node is not part of a swarm\n" }],
      ["node ls", { exit: 1, err: /^Error response from daemon: This node is not a swarm manager\. Use "docker swarm init"/ }],
      ["plugin ls -q", { out: "" }],
    ]);
  });
}

function imageTests(it: It): void {
  it("images: list, tag, history, inspect, remove", async (docker) => {
    await docker.checkAll([
      [["images", "--format", "{{.Repository}}:{{.Tag}}"], { out: "busybox:latest\n" }],
      ["tag busybox:latest bb:1", { out: "", err: "" }],
      ["images -q --no-trunc bb:1", { out: new RegExp(`^sha256:${ID}\n$`) }],
      ["tag nosuch x", { exit: 1, err: "Error response from daemon: No such image: nosuch:latest\n" }],
      ["image inspect -f {{.Config.Cmd}} bb:1", { out: "[sh]\n" }],
      ["image inspect nosuch", { exit: 1, out: "[]\n", err: "Error response from daemon: No such image: nosuch:latest\n" }],
      ["history --format {{.Comment}} bb:1", { out: /Imported from -/ }],
      ["rmi bb:1", { out: "Untagged: bb:1\n" }],
      ["rmi bb:1", { exit: 1, err: "Error response from daemon: No such image: bb:1\n" }],
      ["images --filter nosuch=1", { exit: 1, err: "Error response from daemon: invalid filter 'nosuch'\n" }],
    ]);
  });

  it("save, remove and load give the same image", async (docker) => {
    const id = await docker.says("images -q --no-trunc busybox");
    const archive = join(docker.folder, "busybox.tar");
    await docker.checkAll([
      [["save", "-o", archive, "busybox"], { out: "" }],
      ["rmi busybox", { out: new RegExp(`^Untagged: busybox:latest\nDeleted: ${id}\n`) }],
      [["load", "-i", archive], { out: "Loaded image: busybox:latest\n" }],
      ["images -q --no-trunc busybox", { out: `${id}\n` }],
    ]);
    writeFileSync(join(docker.folder, "junk"), Buffer.alloc(3000, "junk"));
    await docker.checkAll([
      ["load -i junk", { exit: 1, err: "archive/tar: invalid tar header\n" }],
      ["import junk junk:1", { exit: 1, err: "Error response from daemon: archive/tar: invalid tar header\n" }],
    ]);
  });
}

function buildTests(it: It): void {
  const dockerfile =
    'FROM busybox\nRUN echo hello > /hello.txt\nCOPY a.txt /a.txt\nENV A=1\nLABEL x=y\nEXPOSE 80/tcp\nCMD ["cat","/hello.txt"]\n';

  it("build says what the classic builder says, and the second time that everything is cached", async (docker) => {
    const context = docker.context("ok", { Dockerfile: dockerfile, "a.txt": "content\n", ".dockerignore": "skip.txt\n" });
    const first = await docker.says(["build", "-t", "lb:ok", context]);
    assert.match(
      first,
      new RegExp(`Step 1/7 : FROM busybox\n ---> ${SHORT}\nStep 2/7 : RUN echo hello > /hello\\.txt\n ---> Running in ${SHORT}\n`),
    );
    assert.match(first, new RegExp(`Successfully built ${SHORT}\nSuccessfully tagged lb:ok$`));
    const second = await docker.says(["build", "-t", "lb:ok", context]);
    assert.equal(second.match(/ ---> Using cache\n/g)?.length, 6);
    assert.equal(await docker.says(["build", "-q", context]), await docker.says("images -q --no-trunc lb:ok"));
    await docker.check(["run --rm lb:ok", { out: "hello\n" }]);
  });

  it("build with stages, arguments, labels and a target", async (docker) => {
    const stages =
      "ARG BASE=busybox\nFROM $BASE AS build\nARG WHO=world\nRUN echo hello $WHO > /out.txt\nFROM busybox AS final\nCOPY --from=build /out.txt /out.txt\nCMD cat /out.txt\nFROM final AS never\nRUN false\n";
    const context = docker.context("stages", { Dockerfile: stages });
    await docker.says(["build", "-t", "lb:stages", "--target", "final", "--build-arg", "WHO=you", "--label", "l=1", context]);
    await docker.checkAll([
      ["run --rm lb:stages", { out: "hello you\n" }],
      ["image inspect -f {{.Config.Labels.l}} lb:stages", { out: "1\n" }],
    ]);
  });

  it("builds that cannot be", async (docker) => {
    const failing = docker.context("fail", {
      Dockerfile: 'FROM busybox\nRUN echo before\nRUN sh -c "echo oops >&2; exit 3"\nRUN echo after\n',
    });
    const daemon = "Error response from daemon: ";
    const cases: [name: string, dockerfile: string, sentence: string][] = [
      [
        "syntax",
        "FROM busybox\nRUNN echo hi\n",
        `${daemon}dockerfile parse error on line 2: unknown instruction: RUNN (did you mean RUN?)`,
      ],
      ["empty", "", `${daemon}the Dockerfile (Dockerfile) cannot be empty`],
      [
        "copy",
        "FROM busybox\nCOPY nosuch /x\n",
        "COPY failed: file not found in build context or excluded by .dockerignore: stat nosuch: file does not exist",
      ],
    ];
    await docker.check([
      ["build", failing],
      {
        exit: 3,
        out: /Step 3\/4 : RUN sh -c/,
        err: /The command '\/bin\/sh -c sh -c "echo oops >&2; exit 3"' returned a non-zero code: 3\n$/,
      },
    ]);
    for (const [name, content, sentence] of cases) {
      const result = await docker.run(["build", docker.context(name, { Dockerfile: content })]);
      assert.equal(result.exitCode, 1, result.stderr);
      assert.equal(result.stderr.trimEnd().split("\n").at(-1), sentence);
    }
  });
}

function containerTests(it: It): void {
  it("run gives output and exit code, and --rm leaves nothing", async (docker) => {
    await docker.checkAll([
      ["run --rm busybox echo hello", { out: "hello\n", err: "" }],
      [["run", "--rm", "busybox", "sh", "-c", "echo out; echo err >&2; exit 3"], { exit: 3, out: "out\n", err: "err\n" }],
      ["run --rm -e A=1 -w /tmp -u 33:33 busybox sh -c pwd;id;echo$A", { exit: 127 }],
      [
        ["run", "--rm", "-e", "A=1", "-w", "/tmp", "-u", "33:33", "busybox", "sh", "-c", "pwd; id -u; id -g; echo $A"],
        { out: "/tmp\n33\n33\n1\n" },
      ],
      ["ps -aq", { out: "" }],
    ]);
  });

  it("run that cannot start: 125, 126, 127", async (docker) => {
    await docker.checkAll([
      ["run --rm busybox nosuchcmd", { exit: 127, err: /exec: "nosuchcmd": executable file not found in \$PATH/ }],
      ["run --rm busybox /etc/passwd", { exit: 126, err: /permission denied/ }],
      [
        ["run", "--rm", "--name", "bad name", "busybox", "true"],
        { exit: 125, err: /Invalid container name \(bad name\), only \[a-zA-Z0-9\]\[a-zA-Z0-9_\.-\] are allowed/ },
      ],
      ["run --rm --network nosuchnet busybox true", { exit: 125, err: /network nosuchnet not found/ }],
      ["run --rm -w srv busybox true", { exit: 125, err: /the working directory 'srv' is invalid, it needs to be an absolute path/ }],
      ["ps -aq", { out: "" }],
    ]);
  });

  it("run reads stdin", async (docker) => {
    const input = "line\n".repeat(100_000);
    assert.equal(await docker.says("run --rm -i busybox wc -c", { input }), String(input.length));
  });

  it("the editor's equivalent command makes the same container", (docker) => checkEquivalents((args) => docker.says(args)));

  it("the life of a container", async (docker) => {
    await docker.checkAll([
      ["create --name c1 busybox sleep 1000", { out: new RegExp(`^${ID}\n$`) }],
      [["ps", "-a", "--format", "{{.Names}} {{.State}} {{.Status}}"], { out: "c1 created Created\n" }],
      ["start c1", { out: "c1\n" }],
      ["start c1", { out: "c1\n" }],
      [["ps", "--format", "{{.Names}} {{.Status}} {{.Command}}"], { out: /^c1 Up (Less than a|\d+) seconds? "sleep 1000"\n$/ }],
      ["inspect -f {{.State.Running}}/{{.Config.Image}} c1", { out: "true/busybox\n" }],
      [
        "create --name c1 busybox",
        {
          exit: 1,
          err: new RegExp(
            `Conflict\\. The container name "/c1" is already in use by container "${ID}"\\. You have to remove \\(or rename\\) that container`,
          ),
        },
      ],
      ["rm c1", { exit: 1, err: /cannot remove container "c1": container is running: stop the container before removing or force remove/ }],
      ["rename c1 c2", {}],
      ["pause c2", { out: "c2\n" }],
      [["ps", "--format", "{{.Status}}"], { out: /\(Paused\)/ }],
      ["unpause c2", { out: "c2\n" }],
      ["top c2", { out: /PID[\s\S]*sleep 1000/ }],
      ["kill --signal NOPE c2", { exit: 1, err: /invalid signal: NOPE/ }],
      ["kill c2", { out: "c2\n" }],
      ["wait c2", { out: "137\n" }],
      [["ps", "-a", "--format", "{{.Status}}"], { out: /^Exited \(137\) / }],
      ["kill c2", { exit: 1, err: new RegExp(`cannot kill container: c2: container ${ID} is not running`) }],
      ["restart -t 0 c2", { out: "c2\n" }],
      ["stop -t 0 c2", { out: "c2\n" }],
      ["stop c2", { out: "c2\n" }],
      ["rm c2", { out: "c2\n" }],
      ["rm c2", { exit: 1, err: "Error response from daemon: No such container: c2\n" }],
      ["inspect c2", { exit: 1, out: "[]\n", err: "Error: No such object: c2\n" }],
    ]);
  });

  it("volumes and binds", async (docker, t) => {
    t.after(() => docker.run("volume rm -f data"));
    const shared = docker.context("shared", { "in.txt": "bound\n" });
    await docker.checkAll([
      [["run", "--rm", "-v", "data:/d", "busybox", "sh", "-c", "echo kept > /d/x"], {}],
      ["run --rm -v data:/d:ro busybox cat /d/x", { out: "kept\n" }],
      [["run", "--rm", "-v", `${shared}:/b:ro`, "busybox", "cat", "/b/in.txt"], { out: "bound\n" }],
      ["run --name user -v data:/d busybox true", {}],
      ["volume rm data", { exit: 1, err: new RegExp(`remove data: volume is in use - \\[${ID}\\]`) }],
      ["rm user", {}],
      ["volume rm data", { out: "data\n" }],
    ]);
  });

  it("exec: output, exit code, user, directory, environment, detached", async (docker, t) => {
    t.after(() => docker.run("rm -f e1"));
    await docker.checkAll([
      ["run -d --name e1 busybox sleep 1000", {}],
      [["exec", "e1", "sh", "-c", "echo out; echo err >&2; exit 5"], { exit: 5, out: "out\n", err: "err\n" }],
      [["exec", "-e", "A=1", "-w", "/tmp", "-u", "33", "e1", "sh", "-c", "echo $A; pwd; id -u"], { out: "1\n/tmp\n33\n" }],
      ["exec e1 nosuchcmd", { exit: 127, out: /exec: "nosuchcmd": executable file not found in \$PATH/ }],
      ["exec -d e1 touch /made", {}],
      ["exec e1 true", {}],
      ["exec nosuch true", { exit: 1, err: "Error response from daemon: No such container: nosuch\n" }],
    ]);
    assert.equal(await docker.says("exec -i e1 cat", { input: "piped\n" }), "piped");
    await docker.check(["stop -t 0 e1", {}]);
    await docker.check(["exec e1 true", { exit: 1, err: new RegExp(`container ${ID} is not running`) }]);
  });

  it("an image in use stays", async (docker, t) => {
    t.after(() => docker.run("rm -f user"));
    await docker.checkAll([
      ["tag busybox used:1", {}],
      ["create --name user used:1", {}],
      ["rmi used:1", { exit: 0 }],
      [
        "rmi busybox",
        {
          exit: 1,
          err: new RegExp(
            `conflict: unable to remove repository reference "busybox" \\(must force\\) - container ${SHORT} is using its referenced image ${SHORT}`,
          ),
        },
      ],
    ]);
  });

  it("cp, diff, export and commit", async (docker, t) => {
    t.after(() => docker.run("rm -f f1"));
    docker.context(".", { "in.txt": "in\n" });
    await docker.checkAll([
      [["run", "--name", "f1", "busybox", "sh", "-c", "echo a > /added; rm /etc/group"], {}],
      ["diff f1", { out: /A \/added\nC \/etc\nD \/etc\/group\n|C \/etc\nD \/etc\/group\nA \/added\n/ }],
      ["cp in.txt f1:/srv.txt", {}],
      ["cp f1:/srv.txt out.txt", {}],
      ["cp f1:/nosuch x", { exit: 1, err: /Could not find the file \/nosuch in container f1/ }],
      ["export -o f1.tar f1", {}],
      [
        ["commit", "-a", "A <a@b.example>", "-m", "a message", "-c", 'CMD ["cat","/added"]', "-c", "ENV Q=1", "f1", "committed:1"],
        { out: new RegExp(`^sha256:${ID}\n$`) },
      ],
      ["run --rm committed:1", { out: "a\n" }],
      ["run --rm committed:1 cat /etc/group", { exit: 1 }],
      ["image inspect -f {{.Author}}/{{.Comment}}/{{.Config.Env}} committed:1", { out: /^A <a@b\.example>\/a message\/\[.*Q=1\]\n$/ }],
      [["commit", "-c", "RUN foo", "f1", "foo:1"], { exit: 1, err: "Error response from daemon: RUN is not a valid change command\n" }],
      ["commit nosuch foo:1", { exit: 1, err: "Error response from daemon: No such container: nosuch\n" }],
      ["rmi committed:1", { out: new RegExp(`^Untagged: committed:1\nDeleted: sha256:${ID}\nDeleted: sha256:${ID}\n$`) }],
    ]);
  });
}

function streamTests(it: It): void {
  it("logs: all, the last, with times, until the end", async (docker, t) => {
    t.after(() => docker.run("rm -f l1"));
    await docker.says(["run", "-d", "--name", "l1", "busybox", "sh", "-c", "echo one; echo two >&2; echo three; sleep 1; echo four"]);
    assert.equal(await docker.says("logs -f l1"), "one\nthree\nfour");
    await docker.checkAll([
      ["logs l1", { out: "one\nthree\nfour\n", err: "two\n" }],
      ["logs --tail 1 l1", { out: "four\n", err: "" }],
      ["logs -t --tail 1 l1", { out: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z four\n$/ }],
      ["logs nosuch", { exit: 1, err: "Error response from daemon: No such container: nosuch\n" }],
    ]);
  });

  it(
    "a terminal: run -it, exec -it, its size, Ctrl-C, detach",
    async (docker, t) => {
      t.after(() => docker.run("rm -f t1"));
      const ran = await docker.typed("run --rm -it busybox sh", [
        [/# /, "tty; until stty size | grep -q '24 80'; do :; done; stty size; exit 3\n"],
      ]);
      assert.equal(ran.exitCode, 3, ran.stdout);
      assert.match(ran.stdout, /\/dev\/(pts\/\d|console)\r\n24 80\r\n/);
      await docker.says("run -dit --name t1 busybox sh");
      const executed = await docker.typed("exec -it t1 sh", [
        [/# /, "echo in-$((1+1))\n"],
        // The trap is set before the words are printed, so the key cannot come too early.
        [/in-2/, `sh -c 'trap "echo caught-$((1+1)); exit" INT; echo ready-$((1+1)); while true; do sleep 1; done'\n`],
        [/ready-2/, "\x03"],
        [/caught-2[^]*# /, "exit 4\n"],
      ]);
      assert.equal(executed.exitCode, 4, executed.stdout);
      const attached = await docker.typed("attach t1", [
        [/^/, "echo here-$((1+1))\n"],
        [/here-2/, "\x10\x11"],
      ]);
      assert.match(attached.stdout, /read escape sequence/);
      await docker.check(["inspect -f {{.State.Running}} t1", { out: "true\n" }]);
    },
    { skip: noScript },
  );

  it("events tell the life of a container", async (docker) => {
    const since = Math.trunc(Date.now() / 1000);
    await docker.says("run --rm --name ev busybox true");
    const events = await docker.says([
      "events",
      "--since",
      String(since),
      "--until",
      String(Math.trunc(Date.now() / 1000) + 1),
      "--filter",
      "container=ev",
      "--format",
      "{{.Action}}",
    ]);
    assert.deepEqual(events.split("\n"), ["create", "attach", "start", "die", "destroy"]);
  });

  it("stats of a running container", async (docker, t) => {
    t.after(() => docker.run("rm -f s1"));
    await docker.says("run -d --name s1 busybox sleep 1000");
    await docker.check([["stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}}", "s1"], { out: /^s1 (1|--|0)\n$/ }]);
  });
}

function pruneTests(it: It): void {
  it("disk usage and prunes", async (docker) => {
    docker.context("unnamed", { Dockerfile: "FROM busybox\nRUN echo 1 > /one\n" });
    await docker.checkAll([
      ["create --name gone busybox", {}],
      ["volume create kept", {}],
      ["network create lonely", {}],
      ["build -q unnamed", {}],
      [
        ["system", "df", "--format", "{{.Type}} {{.TotalCount}}"],
        { out: /^Images [1-9]\d*\nContainers 1\nLocal Volumes 1\nBuild Cache \d+\n$/ },
      ],
      ["system df -v", { out: /kept +0 +0B/ }],
      ["container prune -f --filter label=nosuch", { out: "Total reclaimed space: 0B\n" }],
      ["container prune -f", { out: new RegExp(`^Deleted Containers:\n${ID}\n\nTotal reclaimed space: `) }],
      ["container prune -f --filter bogus=1", { exit: 1, err: "Error response from daemon: invalid filter 'bogus'\n" }],
      ["network prune -f", { out: "Deleted Networks:\nlonely\n\n" }],
      ["volume prune -f", { out: "Total reclaimed space: 0B\n" }],
      ["volume prune -af", { out: "Deleted Volumes:\nkept\n\nTotal reclaimed space: 0B\n" }],
      ["image prune -f", { out: new RegExp(`^Deleted Images:\ndeleted: sha256:${ID}\n`) }],
      ["builder prune -af", { out: /Total( reclaimed space)?:/ }],
      ["images -q busybox", { out: new RegExp(`^${SHORT}\n$`) }],
    ]);
  });
}

function networkTests(it: It): void {
  it("published ports answer, names resolve on a network, and conflicts say so", async (docker, t) => {
    t.after(() => docker.run("rm -f web web2"));
    t.after(async () => docker.run("network rm shop"));
    const serve = "mkdir /www; echo served > /www/index.html; httpd -f -p 80 -h /www";
    await docker.says("network create shop");
    await docker.says(["run", "-d", "--name", "web", "--network", "shop", "-p", "127.0.0.1::80", "busybox", "sh", "-c", serve]);
    // The container runs before its server listens.
    await docker.says(["exec", "web", "sh", "-c", "until wget -q -O /dev/null http://127.0.0.1/; do true; done"]);
    const address = await docker.says("port web 80/tcp");
    assert.match(address, /^127\.0\.0\.1:\d+$/);
    assert.equal(await fetchText(`http://${address}/`), "served\n");
    await docker.checkAll([
      [["run", "--rm", "--network", "shop", "busybox", "sh", "-c", "nslookup web | grep Address"], { out: /Address: \d/ }],
      [["run", "--rm", "-p", `${address}:80`, "busybox", "true"], { exit: 125, err: /port is already allocated/ }],
      [["ps", "--format", "{{.Ports}}"], { out: `${address}->80/tcp\n` }],
      [
        "network rm shop",
        { exit: 1, err: new RegExp(`error while removing network: network shop has active endpoints \\(name:"web" id:"${SHORT}"\\)`) },
      ],
      ["network connect bridge web", {}],
      [["inspect", "-f", "{{len .NetworkSettings.Networks}}", "web"], { out: "2\n" }],
      ["network disconnect bridge web", {}],
    ]);
  });
}

function fetchText(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get(url, { agent: false }, (response) => resolve(text(response))).on("error", reject);
  });
}
