/** The real buildx and compose, unmodified, on this engine. */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { suite, test } from "node:test";
import type { TestContext } from "node:test";
import { setImmediate } from "node:timers/promises";
import type { PredictRequest } from "../../engine/api/types/builds.ts";
import { connect } from "../../engine/client/client.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { berth } from "../support/berth.ts";
import { cannotHave, DOCKER_CONFIG } from "../support/cli-plugins.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { cannotServeSsh, startSshServer } from "../support/sshd.ts";
import { cannotRunAs, USERS } from "../support/user.ts";
import type { As } from "../support/user.ts";

class Builds {
  readonly engine: TestEngine;
  readonly folder: string;

  constructor(t: TestContext, engine: TestEngine) {
    this.engine = engine;
    this.folder = mkdtempSync(join(tmpdir(), "berth-buildx-"));
    t.after(() => rmSync(this.folder, { recursive: true, force: true }));
  }

  get env(): NodeJS.ProcessEnv {
    return { ...process.env, DOCKER_HOST: this.engine.socket, DOCKER_CONFIG, DOCKER_BUILDKIT: "1", BUILDKIT_PROGRESS: "plain" };
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(dirname(join(this.folder, path)), { recursive: true });
      writeFileSync(join(this.folder, path), content);
    }
  }

  docker(args: readonly string[], input?: string | Buffer, env: NodeJS.ProcessEnv = {}): Promise<Result> {
    return this.engine.docker(args, { env: { ...this.env, ...env }, cwd: this.folder, ...(input !== undefined && { input }) });
  }

  /** Its stderr, which is where the progress is. */
  async build(args: readonly string[], input?: string | Buffer): Promise<string> {
    const { exitCode, stdout, stderr } = await this.docker(["build", ...args], input);
    assert.equal(exitCode, 0, stderr + stdout);
    return stderr;
  }

  /** Outcomes and reasons of what the editor asks for the folder. */
  async predicts(asked: Omit<PredictRequest, "contextDir">): Promise<string> {
    const client = connect(this.engine.socket);
    try {
      const { steps } = await client.buildRecords.predict({ contextDir: this.folder, ...asked });
      return steps.map(({ outcome, reason = "" }) => `${outcome} ${reason}`).join("\n");
    } finally {
      await client.close();
    }
  }

  async fails(args: readonly string[]): Promise<string> {
    const { exitCode, stderr } = await this.docker(["build", ...args]);
    assert.equal(exitCode, 1, stderr);
    return stderr;
  }

  async says(args: readonly string[]): Promise<string> {
    const { exitCode, stdout, stderr } = await this.docker(args);
    assert.equal(exitCode, 0, stderr);
    return stdout.trim();
  }
}

const DOCKERFILE = `FROM busybox AS base
ARG WHO=nobody
RUN echo "hello $WHO" | tee /greeting
FROM base
COPY . /app/
RUN cat /app/src/a.txt
CMD ["cat", "/greeting"]
`;
const FILES = { Dockerfile: DOCKERFILE, ".dockerignore": "*.log\n!keep.log\n", "src/a.txt": "one\n", "x.log": "x", "keep.log": "k" };

type Case = (docker: Builds) => Promise<void>;

const CASES: Readonly<Record<string, Case>> = {
  "two tags, a build argument, .dockerignore, and a cached second build": async (docker) => {
    docker.write(FILES);
    const args = ["-t", "bx/one:1", "-t", "bx/two", "--build-arg", "WHO=me", "."];
    const first = await docker.build(args);
    assert.match(first, /\[internal\] load build context/);
    assert.match(first, /\[stage-1 1\/2\] COPY \. \/app\//);
    assert.match(first, /naming to docker\.io\/bx\/two:latest/);
    assert.equal(await docker.says(["run", "--rm", "bx/one:1"]), "hello me");
    assert.equal(await docker.says(["run", "--rm", "bx/two", "ls", "/app"]), "Dockerfile\nkeep.log\nsrc");
    const second = await docker.build(args);
    assert.equal(second.match(/^#\d+ CACHED$/gm)?.length, 4, second);
    docker.write({ "src/a.txt": "changed\n" });
    // Here docker is another user's program then, and the engine does not see where that works.
    const isOwn = docker.engine.user.uid === process.getuid!();
    const predicts = (): Promise<string> => docker.predicts({ buildArgs: { WHO: "me" } });
    if (isOwn) assert.match(await predicts(), /file "src\/a\.txt" changed/, "a prediction for the directory knows the client's builds");
    assert.match(await docker.build(args), /^#\d+ [\d.]+ changed$/m);
    if (isOwn) assert.doesNotMatch(await predicts(), /runs/);
  },
  "--target, --iidfile and -q": async (docker) => {
    docker.write(FILES);
    await docker.build(["--target", "base", "--iidfile", "iid", "."]);
    const id = readFileSync(join(docker.folder, "iid"), "utf8");
    assert.match(id, /^sha256:[0-9a-f]{64}$/);
    assert.equal(await docker.says(["build", "-q", "--target", "base", "."]), id);
    assert.equal(await docker.says(["run", "--rm", id, "cat", "/greeting"]), "hello nobody");
  },
  "a secret is there, and a missing one is not": async (docker) => {
    docker.write({
      Dockerfile:
        "FROM busybox\nRUN --mount=type=secret,id=a wc -c </run/secrets/a\nRUN --mount=type=secret,id=b test ! -e /run/secrets/b\n",
      secret: "12345",
    });
    assert.match(await docker.build(["--secret", "id=a,src=secret", "."]), /^#\d+ [\d.]+ 5$/m);
  },
  "a failing step shows its place in the Dockerfile": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nRUN echo ok\nRUN echo boom >&2; exit 7\n" });
    const told = await docker.fails(["."]);
    assert.match(told, /^Dockerfile:3\n-+\n.*1 \|.*FROM busybox\n.*2 \|.*RUN echo ok\n.*3 \| >>> RUN echo boom >&2; exit 7$/m);
    assert.match(told, /failed to solve: process "\/bin\/sh -c echo boom >&2; exit 7" did not complete successfully: exit code: 7/);
    assert.match(told, /^ > \[3\/3\] RUN echo boom >&2; exit 7:\n[\d.]+ boom$/m);
  },
  "a Dockerfile that cannot be read, and one that is not there": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nRUM x\n" });
    assert.match(await docker.fails(["."]), /Dockerfile:2[^]*dockerfile parse error on line 2: unknown instruction: RUM/);
    assert.match(await docker.fails(["-f", "No", "."]), /failed to read dockerfile: open No: no such file or directory/);
  },
  "archives of several platforms, annotated; a cache in a directory": async (docker) => {
    docker.write({ Dockerfile: "FROM scratch\nARG TARGETARCH\nCOPY $TARGETARCH /arch\n", amd64: "a", arm64: "b" });
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    const annotations = ["--annotation", "who=me", "--annotation", "index:which=all"];
    await docker.build([...platforms, ...annotations, "-o", "type=oci,dest=all.tar", "--cache-to", "type=inline", "."]);
    const read = (path: string): { manifests: { digest: string; platform?: object }[]; annotations?: object } =>
      JSON.parse(execFileSync("tar", ["-xOf", join(docker.folder, "all.tar"), path], { encoding: "utf8" }));
    const blob = (digest: string) => read(`blobs/sha256/${digest.slice(7)}`);
    const index = blob(read("index.json").manifests[0]!.digest);
    assert.deepEqual(index.annotations, { which: "all" });
    assert.deepEqual(
      index.manifests.map(({ platform, digest }) => [platform, blob(digest).annotations]),
      ["amd64", "arm64"].map((architecture) => [{ architecture, os: "linux" }, { who: "me" }]),
    );
    await docker.build(["--cache-to", "type=local,dest=cache,mode=max", "."]);
    await docker.says(["buildx", "prune", "-af"]);
    assert.match(await docker.build(["--cache-from", "type=local,src=cache", "."]), /COPY \$TARGETARCH \/arch\n#\d+ CACHED/);
  },
  "provenance, beside an image and beside files; without a word there is none": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nARG WHO\nRUN --mount=type=secret,id=s echo $WHO > /w\nFROM scratch\nCOPY --from=0 /w /w\n" });
    const read = (path: string) => JSON.parse(execFileSync("tar", ["-xOf", join(docker.folder, "p.tar"), path], { encoding: "utf8" }));
    const blob = ({ digest }: { digest: string }) => read(`blobs/sha256/${digest.slice(7)}`);
    const build = (...args: string[]) => docker.build(["-t", "bx/p:1", "--build-arg", "WHO=me", "-o", "type=oci,dest=p.tar", ...args, "."]);
    await build();
    assert.equal(read("index.json").manifests[0].mediaType, "application/vnd.oci.image.manifest.v1+json");
    await build("--provenance=mode=max");
    const [image, attestation] = blob(read("index.json").manifests[0]).manifests;
    assert.deepEqual(attestation.annotations, {
      "vnd.docker.reference.digest": image.digest,
      "vnd.docker.reference.type": "attestation-manifest",
    });
    const { config, layers } = blob(attestation);
    assert.deepEqual(blob(config).rootfs.diff_ids, [layers[0].digest]);
    const { subject, predicate } = blob(layers[0]);
    assert.deepEqual(subject, [{ name: "pkg:docker/bx/p@1?platform=linux%2Famd64", digest: { sha256: image.digest.slice(7) } }]);
    assert.equal(predicate.materials[0].uri, "pkg:docker/busybox@latest?platform=linux%2Famd64");
    assert.deepEqual(predicate.invocation.parameters.secrets, [{ id: "s", optional: true }]);
    assert.equal(predicate.invocation.parameters.args["build-arg:WHO"], "me");
    const [ran, copied] = predicate.buildConfig.llbDefinition;
    assert.deepEqual([ran.op.Op.exec.meta.args[2], copied.inputs], ["echo $WHO > /w", ["step0:0"]]);
    await docker.build(["--provenance=mode=min", "--build-arg", "WHO=me", "-o", "out", "."]);
    const least = JSON.parse(readFileSync(join(docker.folder, "out/provenance.json"), "utf8"));
    assert.deepEqual(
      [least.subject[0].name, least.predicate.invocation.parameters.args, least.predicate.buildConfig],
      ["w", {}, undefined],
    );
    assert.match(await docker.fails(["--sbom=true", "."]), /An SBOM is not made, because it takes a scanner's image/);
  },
  "contexts from layouts, repositories and archives; host-gateway": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nCOPY f /f\nRUN cat /f; grep gate /etc/hosts || true\n", f: "told\n" });
    await docker.build(["-q", "-o", "type=oci,dest=layout.tar", "."]);
    mkdirSync(join(docker.folder, "layout"));
    execFileSync("tar", ["-xf", "layout.tar", "-C", "layout"], { cwd: docker.folder });
    const other = "FROM scratch\nCOPY --from=other f /g\n";
    await docker.build(["-q", "--build-context", "other=oci-layout://layout", "-f", "-", "."], other);
    execFileSync("tar", ["-czf", "context.tgz", "Dockerfile", "f"], { cwd: docker.folder });
    const server = createServer((_request, response) => response.end(readFileSync(join(docker.folder, "context.tgz"))));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/context`;
    try {
      const told = await docker.build(["--no-cache", "--add-host", "gate:host-gateway", url]);
      assert.match(told, /^#\d+ [\d.]+ told\n#\d+ [\d.]+ [\da-f.:]+\s+gate$/m);
      assert.doesNotMatch(told, /2001:db8/);
      await docker.build(["-q", "--build-context", `other=${url}`, "-f", "-", "."], other);
    } finally {
      server.close();
    }
  },
  "history: builds are listed, inspected, their logs told again, and removed": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nARG WHO=a\nRUN echo told-$WHO; exit $WHO\n" });
    await docker.fails(["--build-arg", "WHO=4", "."]);
    await docker.build(["-q", "--build-arg", "WHO=0", "."]);
    const list = async (...args: string[]): Promise<string[]> =>
      (await docker.says(["buildx", "history", "ls", "--format", "{{.Ref}} {{.Status}}", ...args])).split("\n");
    const [newest = "", failed = ""] = await list();
    assert.match(newest, / Completed$/);
    assert.deepEqual(await list("--filter", "status=error", "--filter", `ref=${failed.split("/").at(-1)!.split(" ")[0]!}`), [failed]);
    const [ref = ""] = failed.split(" ");
    const logs = await docker.docker(["buildx", "history", "logs", ref]);
    assert.match(logs.stderr, /^#\d+ [\d.]+ told-4$/m);
    const about = await docker.says(["buildx", "history", "inspect", ref]);
    assert.match(about, /^Error:.* did not complete successfully: exit code: 4$/m);
    assert.match(about, /^WHO\s+4$/m);
    await docker.says(["buildx", "history", "rm", ref]);
    assert.ok(!(await list()).includes(failed));
  },
  "a Dockerfile, or a whole context, by stdin": async (docker) => {
    docker.write(FILES);
    assert.match(await docker.build(["-f", "-", "."], "FROM busybox\nCOPY src /s\nRUN cat /s/a.txt\n"), /^#\d+ [\d.]+ one$/m);
    assert.match(await docker.build(["-"], "FROM busybox\nRUN echo inline\n"), /^#\d+ [\d.]+ inline$/m);
    const tar = spawnSync("tar", ["-c", "."], { cwd: docker.folder }).stdout;
    assert.match(await docker.build(["-t", "bx/tar", "-"], tar), /naming to docker\.io\/bx\/tar/);
  },
  "-o gives files, as a directory and as a tar": async (docker) => {
    docker.write({ Dockerfile: "FROM scratch\nCOPY a d/\nCOPY --chmod=755 a /x\n", a: "content\n" });
    await docker.build(["-o", "type=local,dest=out", "."]);
    assert.deepEqual(readdirSync(join(docker.folder, "out"), { recursive: true, encoding: "utf8" }).toSorted(), ["d", "d/a", "x"]);
    assert.equal(readFileSync(join(docker.folder, "out/d/a"), "utf8"), "content\n");
    await docker.build(["-o", "type=tar,dest=out.tar", "."]);
    const listed = spawnSync("tar", ["-tf", "out.tar"], { cwd: docker.folder, encoding: "utf8" }).stdout;
    assert.equal(listed, "d/\nd/a\nx\n");
  },
  "a named context": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nCOPY --from=other f /f\nRUN cat /f\n", "more/f": "from the other\n" });
    assert.match(await docker.build(["--build-context", "other=more", "."]), /^#\d+ [\d.]+ from the other$/m);
  },
  "Ctrl-C ends the build and what runs in it": async (docker) => {
    docker.write({ Dockerfile: "FROM busybox\nRUN echo begun; exec sleep 7654321\n" });
    const child = spawn("docker", ["build", "."], { env: docker.env, cwd: docker.folder, stdio: ["ignore", "ignore", "pipe"] });
    let told = "";
    let interrupted = false;
    const ended = once(child, "close");
    for await (const chunk of child.stderr) {
      told += String(chunk);
      if (!interrupted && /^#\d+ [\d.]+ begun$/m.test(told)) interrupted = child.kill("SIGINT");
    }
    assert.deepEqual(await ended, [130, null], told);
    assert.match(told, /CANCELED/);
    // Nobody tells when the engine has seen that its client is gone.
    while (spawnSync("pgrep", ["-f", "sleep 7654321"], { encoding: "utf8" }).stdout !== "") await setImmediate();
  },
};

/** Debian's, which knows BuildKit by `/build?version=2` and a session. */
const OLD_DOCKER = "/usr/bin/docker";

function cannotHaveOldDocker(): string | false {
  const { stdout } = spawnSync(OLD_DOCKER, ["--version"], { encoding: "utf8" });
  return !/version (1\d|20)\./.test(stdout ?? "") && "needs docker's command from before buildx";
}

async function buildsWithOldDocker(docker: Builds): Promise<void> {
  docker.write({
    Dockerfile: "FROM busybox\nARG WHO\nCOPY a /a\nRUN --mount=type=secret,id=s echo $WHO $(cat /a /run/secrets/s)\n",
    a: "A",
  });
  const run = (args: readonly string[], input?: Buffer): Promise<Result> =>
    runProgram([OLD_DOCKER, "build", ...args], { env: docker.env, cwd: docker.folder, ...(input && { input }) });
  const named = ["-t", "old:1", "--build-arg", "WHO=me", "--secret", "id=s,src=a"];
  const built = await run([...named, "."]);
  assert.equal(built.exitCode, 0, built.stderr);
  assert.match(built.stderr, /^#\d+ [\d.]+ me AA$/m);
  const { stdout } = await run(["-q", ...named, "."]);
  assert.equal(stdout.trim(), await docker.says(["inspect", "-f", "{{.Id}}", "old:1"]));
  const archive = execFileSync("tar", ["-c", "."], { cwd: docker.folder });
  const uploaded = await run([...named, "-"], archive);
  assert.equal(uploaded.exitCode, 0, uploaded.stderr);
  docker.write({ Dockerfile: "FROM busybox\nRUN exit 7\n" });
  assert.match((await run(["."])).stderr, /process "\/bin\/sh -c exit 7" did not complete successfully: exit code: 7/);
}

async function buildsBySsh(t: TestContext, docker: Builds): Promise<void> {
  const server = await startSshServer(docker.engine.user);
  t.after(() => server.stop());
  docker.write({ "repo/app/Dockerfile": "FROM busybox\nCOPY f /f\nRUN cat /f\n", "repo/app/f": "by ssh\n" });
  const git = (...args: string[]): Buffer =>
    execFileSync("git", ["-c", "user.name=a", "-c", "user.email=a@b", ...args], { cwd: join(docker.folder, "repo") });
  git("init", "--quiet", "--initial-branch=main");
  git("add", ".");
  git("commit", "--quiet", "--message=first");
  const url = `ssh://${server.address}${docker.folder}/repo`;
  const env = { SSH_AUTH_SOCK: server.agent };
  // buildx gives its agent to a context that needs one; an ADD has to ask for it.
  const built = await docker.docker(["build", "--no-cache", `${url}#main:app`], undefined, env);
  assert.match(built.stderr, /^#\d+ [\d.]+ by ssh$/m);
  docker.write({ Dockerfile: `FROM busybox\nADD ${url}#main:app /src\nRUN echo "$(ls /src)" "$(cat /src/f)"\n` });
  const added = await docker.docker(["build", "--ssh", "default", "."], undefined, env);
  assert.match(added.stderr, /^#\d+ [\d.]+ Dockerfile\nf by ssh$|^#\d+ [\d.]+ f by ssh$/m, added.stderr);
  assert.match(await docker.fails(["."]), /no SSH key "default" forwarded from the client/);
  const own = await berth(docker.engine, ["build", "--progress=plain", "--no-cache", `${url}?branch=main&subdir=app`], { env });
  assert.match(own.stderr, /^#\d+ [\d.]+ by ssh$/m, own.stderr);
  const none = await berth(docker.engine, ["build", url]);
  assert.match(none.stderr, /invalid empty ssh agent socket: make sure SSH_AUTH_SOCK is set/);
}

for (const as of USERS)
  suite(`docker build with buildx, as ${as}`, { skip: cannotRunAs(as) || cannotHave("buildx") }, () => buildxSuite(as));

function buildxSuite(as: As): void {
  test("builds", async (t) => {
    const engine = await startEngine({ as });
    t.after(() => engine.remove());
    const imported = await engine.docker(["import", "-", "busybox:latest"], { input: await busyboxTar() });
    assert.equal(imported.exitCode, 0, imported.stderr);
    const before = mounted(engine);
    for (const [name, run] of Object.entries(CASES)) await t.test(name, (each) => run(new Builds(each, engine)));
    await t.test("docker from before buildx", { skip: cannotHaveOldDocker() }, async (each) =>
      buildsWithOldDocker(new Builds(each, engine)),
    );
    await t.test("repositories by ssh, with the client's agent", { skip: cannotServeSsh() }, async (each) =>
      buildsBySsh(each, new Builds(each, engine)),
    );
    await t.test("docker compose build", { skip: cannotHave("compose") }, async (each) => {
      const docker = new Builds(each, engine);
      const Dockerfile = "FROM busybox\nCOPY f /f\nCMD cat /f\n";
      docker.write({ "a/Dockerfile": Dockerfile, "b/Dockerfile": Dockerfile, "a/f": "A\n", "b/f": "B\n" });
      docker.write({
        "compose.yaml":
          "name: bx\nservices:\n  a: { build: ./a }\n  b: { build: ./b }\n  c: { build: { context: ./c, additional_contexts: { base: 'service:a' } } }\n",
      });
      docker.write({ "c/Dockerfile": "FROM base\nCMD cat /f; echo again\n" });
      await docker.says(["compose", "build"]);
      assert.equal(await docker.says(["run", "--rm", "bx-c"]), "A\nagain", "one service stands on another");
      assert.equal(await docker.says(["run", "--rm", "bx-a"]), "A");
      assert.equal(await docker.says(["run", "--rm", "bx-b"]), "B");
    });
    await t.test("nothing stays mounted", () => assert.deepEqual(mounted(engine), before));
  });
}

/** Where something is mounted in the engine's own root. */
function mounted({ status, root }: TestEngine): string[] {
  const lines = readFileSync(`/proc/${status.pid}/mounts`, "utf8").split("\n");
  return lines.flatMap((line) => line.split(" ")[1] ?? []).filter((path) => path.startsWith(root));
}
