/** What keeps a container in: looked at from inside and from the host, as root and as an unprivileged user. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs"; // oxfmt-ignore
import http from "node:http";
import type { RequestOptions } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { MASKED_PATHS, READONLY_PATHS } from "../../engine/containers/spec.ts";
import { importBusybox } from "../support/berth.ts";
import { startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { commandLine } from "../support/processes.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

/** How often a path is copied while a container swaps it; the full count is 10000. */
const ROUNDS = Number(process.env["BERTH_COPY_ROUNDS"] ?? 300);

/** Arguments of `docker run --rm`, and what it prints; a container that says more, or less, is a way out or in. */
const PRINTS: readonly (readonly [name: string, args: readonly string[], prints: string | RegExp])[] = [
  [
    "the capabilities are Docker's fourteen, and none is inherited",
    ["busybox", "grep", "Cap", "/proc/self/status"],
    /^CapInh:\t0{16}\nCapPrm:\t00000000a80425fb\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nCapAmb:\t0{16}\n$/,
  ],
  ["a user that is not root holds none", ["-u", "1000", "busybox", "grep", "-E", "CapPrm|CapEff", "/proc/self/status"], "CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"],
  ["--cap-drop ALL leaves none, also none to get", ["--cap-drop", "ALL", "busybox", "grep", "-E", "CapEff|CapBnd", "/proc/self/status"], "CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\n"],
  ["a dropped capability is missed", ["--cap-drop", "CHOWN", "busybox", "sh", "-c", "chown 1 /tmp 2>&1"], /Operation not permitted/],
  ["no descriptor but three is there", ["busybox", "sh", "-c", "ls /proc/self/fd /proc/1/fd; true"], "/proc/1/fd:\n0\n1\n2\n\n/proc/self/fd:\n0\n1\n2\n3\n"],
  ["no device but the usual ones is there", ["busybox", "ls", "/dev"], "core\nfd\nfull\nmqueue\nnull\nptmx\npts\nrandom\nshm\nstderr\nstdin\nstdout\ntty\nurandom\nzero\n"],
  ["the processes of the host are not seen", ["busybox", "sh", "-c", "ls /proc | grep -c '^[0-9]*$'; cat /proc/1/comm; true"], /^[1-4]\nsh\n$/],
  ["the default filter is on and refuses a user namespace", ["busybox", "sh", "-c", "grep Seccomp: /proc/self/status; unshare -U true 2>&1"], /^Seccomp:\t2\n.*Operation not permitted\n$/],
  ["the default filter refuses to mount, also with the capability dropped", ["--cap-drop", "ALL", "busybox", "sh", "-c", "mount -t tmpfs x /tmp 2>&1"], /permission denied|Operation not permitted/],
  ["without a filter a user namespace can be made", ["--security-opt", "seccomp=unconfined", "busybox", "sh", "-c", "grep Seccomp: /proc/self/status; unshare -U id -u"], "Seccomp:\t0\n65534\n"],
  ["no new privileges means that setuid gives none", ["--security-opt", "no-new-privileges", "-u", "1000", "setuid", "sh", "-c", "/as-root -- /roots -- echo ran 2>&1"], "docker-init: exec /roots failed: Permission denied\n"],
  ["without that it does", ["-u", "1000", "setuid", "/as-root", "--", "/roots", "--", "echo", "ran"], "ran\n"],
  ["a read-only root file system takes nothing", ["--read-only", "busybox", "sh", "-c", "for p in /x /etc/hosts /etc/resolv.conf /bin/new; do (echo x >>$p) 2>&1; done | grep -c 'Read-only file system'"], "4\n"],
  ["but --tmpfs does", ["--read-only", "--tmpfs", "/t:noexec", "busybox", "sh", "-c", "echo x >/t/x; cat /t/x; grep ' /t ' /proc/mounts | grep -c 'noexec'"], "x\n1\n"],
  ["a variable with newlines is one variable", ["-e", "A=1\nB=2\nLD_PRELOAD=/x", "busybox", "sh", "-c", 'echo "$A"; echo "<$B$LD_PRELOAD>"'], "1\nB=2\nLD_PRELOAD=/x\n<>\n"],
  ["a device node cannot be made and read", ["busybox", "sh", "-c", "mknod /d b 8 0 2>&1 && dd if=/d of=/dev/null count=1 2>&1"], /Operation not permitted/],
  ["kernel settings of the machine cannot be changed", ["busybox", "sh", "-c", "(echo x >/proc/sys/kernel/core_pattern) 2>&1"], /Read-only file system/],
  ["not even with all capabilities", ["--cap-add", "ALL", "busybox", "sh", "-c", "(echo x >/proc/sys/kernel/core_pattern) 2>&1"], /Read-only file system/],
  ["cgroups cannot be written", ["busybox", "sh", "-c", "find /sys/fs/cgroup -name cgroup.procs 2>/dev/null | head -1 | while read f; do (echo 1 >$f) 2>&1; done; mkdir /sys/fs/cgroup/x 2>&1"], /(Read-only file system|Permission denied|No such file)/],
  ["a volume on /sys, through a link too, stays the container's", ["-v", "sys:/into-sys/kernel", "--tmpfs", "/sys/fs", "linked", "sh", "-c", "ls /sys/fs /sys/kernel; echo x >/sys/kernel/x; cat /sys/kernel/x"], "/sys/fs:\n\n/sys/kernel:\nx\n"],
  ["the host's name stays the host's", ["busybox", "sh", "-c", "hostname taken 2>&1"], /Operation not permitted/],
]; // oxfmt-ignore

/** Arguments of `docker run --rm`, and why it is refused. */
const REFUSED: readonly (readonly [name: string, args: readonly string[], says: RegExp])[] = [
  ...["/proc", "/proc/self", "/proc/sys", "/proc/1/root", "/x/../proc/self"].map((target) => [`a mount on ${target}`, ["-v", `vol:${target}`, "busybox"], /cannot be mounted because it is inside \/proc/] as const),
  ["a mount over everything", ["-v", "vol:/", "busybox"], /invalid volume specification|destination can't be '\/'/],
  ["a tmpfs on /proc", ["--tmpfs", "/proc/x", "busybox"], /inside \/proc/],
  ["an image whose /proc is a link", ["odd"], /"\/proc" is a symbolic link in the image/],
  ["a mount through a link into /proc", ["-v", "vol:/into-proc/sys", "linked"], /proc/],
  ...["/proc/self/fd/7", "/proc/self/fd/3/../..", "//proc/1/root", "/way-out"].map((directory) => [`a working directory ${directory}`, ["-w", directory, "linked"], /is inside \/proc|symbolic link/] as const),
  ["an unknown capability", ["--cap-add", "EVERYTHING", "busybox"], /unknown capability: "CAP_EVERYTHING"/],
  ["a filter that is none", ["--security-opt", "seccomp={", "busybox"], /opening seccomp profile|[Dd]ecoding seccomp profile|seccomp/],
  ["an unknown security option", ["--security-opt", "nosuch=1", "busybox"], /invalid --security-opt 2: "nosuch=1"/],
]; // oxfmt-ignore

/** The same path is a link to the host's file, as the container sees it, a directory, nothing, and a file, in turns. */
const SWAP = (host: string): string =>
  `cd /race; while :; do ln -s ${host} a; rm a; mkdir a; echo own >a/victim; rm -r a; ln -s /proc/1/root${host} a; rm a; done`;

for (const as of USERS)
  describe(`what keeps a container in, as ${as}`, { skip: cannotRunAs(as) }, () => {
    let engine: TestEngine;
    const folder = mkdtempSync(join(tmpdir(), "berth-security-"));
    const docker = (...args: string[]): Promise<Result> => engine.docker(args);
    const says = async (...args: string[]): Promise<string> => {
      const { exitCode, stdout, stderr } = await docker(...args);
      assert.equal(exitCode, 0, `docker ${args.join(" ")}: ${stderr}`);
      return stdout.trimEnd();
    };

    before(async () => {
      engine = await startEngine({ as });
      await importBusybox(engine);
      await importTree("odd", { proc: "/tmp" });
      await makeImage("linked", "ln -s /proc/self/fd/7 /way-out; ln -s /proc /into-proc; ln -s /sys /into-sys");
      // The init runs whatever it is given. Only root may run the second one.
      await makeImage("setuid", "cp /sbin/docker-init /as-root; cp /as-root /roots; chmod 4755 /as-root; chmod 700 /roots");
    });
    after(async () => {
      await engine.remove();
      rmSync(folder, { recursive: true });
    });

    async function makeImage(name: string, script: string): Promise<void> {
      await says("run", "--init", "--name", "made", "busybox", "sh", "-c", script);
      await says("commit", "made", name);
      await says("rm", "made");
    }

    async function importTree(name: string, links: Readonly<Record<string, string>>): Promise<void> {
      const tree = join(folder, name);
      mkdirSync(tree);
      for (const [link, target] of Object.entries(links)) symlinkSync(target, join(tree, link));
      const tar = spawn("tar", ["-C", tree, "-c", "."], { stdio: ["ignore", "pipe", "inherit"] });
      await engine.docker(["import", "-c", 'CMD ["sh"]', "-", name], { input: Buffer.concat(await tar.stdout.toArray()) });
    }

    for (const [name, args, prints] of PRINTS)
      test(name, async () => {
        const { stdout, stderr } = await docker("run", "--rm", ...args);
        if (typeof prints === "string") assert.equal(stdout, prints, stderr);
        else assert.match(stdout, prints, stderr);
      });

    for (const [name, args, sentence] of REFUSED)
      test(`${name} is refused`, async () => {
        const { exitCode, stderr } = await docker("run", "--rm", ...args, "sh", "-c", "cat /etc/shadow");
        assert.notEqual(exitCode, 0);
        assert.match(stderr, sentence);
      });

    test("masked paths show nothing and read-only paths take nothing", async () => {
      const files = (paths: readonly string[]): string[] => paths.filter((path) => existsSync(path));
      const look = files(MASKED_PATHS).map((path) => `[ -d ${path} ] && ls -A ${path} || cat ${path}`);
      assert.equal(await says("run", "--rm", "busybox", "sh", "-c", look.join("; ")), "");
      const mounts = await says("run", "--rm", "busybox", "cat", "/proc/mounts");
      for (const path of files(READONLY_PATHS)) assert.match(mounts, new RegExp(` ${path} \\S+ ro[, ]`));
      assert.match(mounts, / \/sys sysfs ro[, ]/);
    });

    test("--privileged takes all of that away", async () => {
      const mounts = await says("run", "--rm", "--privileged", "busybox", "sh", "-c", "grep CapEff /proc/self/status; cat /proc/mounts");
      assert.doesNotMatch(mounts, / \/proc\/(sys|bus|fs|irq) /);
      const [, bits = ""] = /CapEff:\t(\w+)/.exec(mounts) ?? [];
      assert.ok(BigInt(`0x${bits}`) > 0xa80425fbn);
    });

    test("a filter from a file is the whole filter", async () => {
      const profile = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [{ names: ["uname"], action: "SCMP_ACT_ERRNO", errnoRet: 42 }] };
      writeFileSync(join(folder, "profile.json"), JSON.stringify(profile));
      const run = await docker(
        "run",
        "--rm",
        "--security-opt",
        `seccomp=${folder}/profile.json`,
        "busybox",
        "sh",
        "-c",
        "uname 2>&1; unshare -U echo made",
      );
      assert.match(run.stdout, /^\nmade\n$/);
    });

    test(
      "root in a container is not root on the host, where there is a user namespace",
      { skip: as === "root" && "root has none" },
      async () => {
        await says("run", "-d", "--name", "mapped", "busybox", "sleep", "1000");
        const pid = await says("inspect", "-f", "{{.State.Pid}}", "mapped");
        assert.equal(statSync(`/proc/${pid}`).uid, engine.user.uid);
        assert.doesNotMatch(readFileSync(`/proc/${pid}/uid_map`, "utf8"), /^\s*0\s+0\s/);
        assert.equal(await says("run", "--rm", "-v", "/:/host:ro", "busybox", "sh", "-c", "cat /host/etc/shadow 2>/dev/null; id -u"), "0");
        await says("rm", "-f", "mapped");
      },
    );

    test("the runtime and what it starts have no descriptor of the host's directories", async () => {
      await says("run", "-d", "--name", "open", "busybox", "sh", "-c", "sleep 1000; true");
      const pid = Number(await says("inspect", "-f", "{{.State.Pid}}", "open"));
      await says("exec", "-d", "open", "sleep", "1001");
      const pidsInside = (): number[] => readdirSync("/proc").map(Number).filter((each) => Number.isInteger(each) && sharesNamespace(each, pid)); // oxfmt-ignore
      // Until then the runtime itself is inside, with its log.
      const run = (words: string): boolean => pidsInside().some((each) => commandLine(each).trim() === words);
      while (!run("sleep 1000") || !run("sleep 1001")) await setImmediate();
      const inside = pidsInside();
      assert.ok(inside.length >= 3);
      for (const each of inside)
        for (const fd of readdirSync(`/proc/${each}/fd`))
          assert.match(readlinkSync(`/proc/${each}/fd/${fd}`), /^(pipe:|\/dev\/null|.*\/tasks\/.*\/(in|out|err)$)/, `${each}: ${fd}`);
      await says("rm", "-f", "open");
    });

    test(
      `what is copied while the container swaps it for links comes from the container and goes to it, ${ROUNDS} rounds`,
      { timeout: 900_000 },
      async () => {
        const host = join(folder, "host");
        mkdirSync(host);
        writeFileSync(join(host, "victim"), "the host's");
        // Whoever came out could read and write it.
        for (const [path, mode] of [[folder, 0o755], [host, 0o777], [join(host, "victim"), 0o666]] as const) chmodSync(path, mode); // oxfmt-ignore
        await says("run", "-d", "--name", "race", "busybox", "sh", "-c", `mkdir -p /race ${host}; echo own >${host}/victim; ${SWAP(host)}`);
        const archive = (method: string, path: string, body?: Buffer): Promise<{ status: number; body: Buffer }> =>
          request({ socketPath: engine.socketPath, method, path: `/containers/race/archive?path=${path}` }, body);
        const { body: tar } = await archive("GET", "/etc/passwd");
        const seen: Record<string, number> = {};
        // A race that never was won and never was lost tells nothing.
        const tells = (): boolean => ["out 200", "out 404", "into 200"].every((each) => seen[each]);
        for (let round = 0; round < ROUNDS || !tells(); round += 1) {
          const [out, into] = await Promise.all([archive("GET", "/race/a/victim"), archive("PUT", "/race/a", tar)]);
          assert.doesNotMatch(out.body.toString(), /the host's/);
          for (const [way, { status }] of [
            ["out", out],
            ["into", into],
          ] as const)
            seen[`${way} ${status}`] = (seen[`${way} ${status}`] ?? 0) + 1;
          assert.deepEqual(readdirSync(host), ["victim"]);
        }
        assert.equal(readFileSync(join(host, "victim"), "utf8"), "the host's");
        await says("rm", "-f", "race");
      },
    );
  });

/** Whether a process is in the container of another one. */
function sharesNamespace(pid: number, other: number): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`) === readlinkSync(`/proc/${other}/ns/pid`);
  } catch {
    return false;
  }
}

/** One request of the API, with its whole answer. */
function request(options: RequestOptions, body?: Buffer): Promise<{ status: number; body: Buffer }> {
  return new Promise((resolve, reject) => {
    const sent = http.request(options, (response) => {
      response.toArray().then((chunks) => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks) }), reject);
    });
    sent.on("error", reject).end(body);
  });
}
