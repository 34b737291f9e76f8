/** What the docker command says of containers and their streams. */
import assert from "node:assert/strict";
import { checkEquivalents } from "./equivalent-steps.ts";
import { ID, SHORT, noScript } from "./docker-command.ts";
import type { It } from "./docker-command.ts";

export function containerTests(it: It): void {
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

export function streamTests(it: It): void {
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
