/** What the docker command says of the engine, images, builds and networks, and what it prunes. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { ID, SHORT } from "./docker-command.ts";
import type { It } from "./docker-command.ts";

export function engineTests(it: It): void {
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

export function imageTests(it: It): void {
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

export function buildTests(it: It): void {
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

export function pruneTests(it: It): void {
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

export function networkTests(it: It): void {
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
