/**
 * Everything that Berth's first users are known to type about containers, images, volumes, networks and the system, line by
 * line, through `berth` and, where it has the form, through the real docker command, with a real registry that asks for a password.
 */
import assert from "node:assert/strict";
import { chownSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { networkInterfaces, tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { findProgram } from "../../engine/host/programs.ts";
import { testPrograms } from "../support/programs.ts";
import { importBusybox, personEnvironment } from "../support/berth.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result, TestEngine } from "../support/engine.ts";
import { realRegistry } from "../support/registry.ts";
import { cannotRunAs, USERS } from "../support/user.ts";

const ID = "[0-9a-f]{12}";
const LONG = "[0-9a-f]{64}";

/** bcrypt of "secret". */
const PASSWORDS = "me:$2y$05$p9yd5wC4v0KjDE7RFRZ/4O5wzAfu3wQoOFM4lVkDb/aZecbfdCIB.\n";

/** One that containers on the host's network have to see; other engines' come and go. */
const hostInterface = new RegExp(`^${Object.keys(networkInterfaces()).find((name) => !/^(lo$|berth-)/.test(name)) ?? "lo"}$`, "m");

/** A shell line with `D` for the command and `R` for the registry, and what it prints; a line with † is a form that docker itself lacks. */
const LINES: readonly (readonly [line: string, prints?: RegExp])[] = [
  // Images
  ["D images", /^REPOSITORY +TAG +IMAGE ID/],
  ["D build -q -t app:1 context", /sha256:/],
  ["cd context && D build -q -t app:2 .", /sha256:/],
  ["D tag app:1 me/app:1"],
  ["D history app:1", /CMD/],
  ["D save -o app.tar app:1"],
  ["D rmi app:1", /Untagged: app:1/],
  ["D load -i app.tar", /Loaded image: app:1/],
  ["D image prune -f", /Total reclaimed space/],
  ["D tag app:1 R/me/app:1"],
  ["! D push R/me/app:1 2>&1", /no basic auth credentials/],
  ["! D login -u me -p wrong R 2>&1", /unauthorized/],
  ["echo secret | D login -u me --password-stdin R", /Login Succeeded/],
  ["D push R/me/app:1", /1: digest: sha256:/],
  ["D rmi R/me/app:1", /Untagged: .*me\/app:1/],
  ["D pull R/me/app:1", /Status: (Downloaded newer image|Image is up to date) for/],
  ["D pull R/me/app:1", /Status: Image is up to date for/],
  ["D run --rm R/me/app:1", /^hello\n$/],
  ["D rmi R/me/app:1", /Untagged: .*me\/app:1/],
  ["D logout R", /Removing login credentials/],
  ["! D pull R/me/app:1 2>&1", /no basic auth credentials|unauthorized/],
  // Containers
  ["D run app:1", /^hello\n$/],
  ["D run --rm busybox echo plain", /^plain\n$/],
  ["D run -d --name bg busybox sleep 1000", new RegExp(`^${LONG}\n$`)],
  ["D run -it -d --name tty busybox", new RegExp(`^${LONG}\n$`)],
  ["D run -d -v vol:/data --name vol busybox sh -c 'echo kept >/data/f; sleep 1000'"],
  ["D network create net", new RegExp(`^${LONG}\n$`)],
  ["D run -d --name web --network net busybox sh -c 'echo served; sleep 1000'"],
  ["D ps", /bg\n/],
  ["D ps -a", /Exited \(0\)/],
  ["D stop -t 0 bg", /^bg\n$/],
  ["D start bg", /^bg\n$/],
  ["D restart -t 0 bg", /^bg\n$/],
  ["until D logs web | grep served; do :; done", /^served\n$/],
  ["D exec -it bg sh -c 'tty; exit 0'", /\/dev\//],
  ["D inspect bg", /"Name": "\/bg"/],
  ["D inspect app:1", /"RepoTags"/],
  ["D stats --no-stream bg", /CPU %/],
  ["echo in >in.txt; D cp in.txt bg:/in.txt"],
  ["D cp bg:/in.txt out.txt; cat out.txt", /^in\n$/],
  ["D info", /Containers: \d/],
  ["D version", /API version/i],
  ["D --version", /version \d/],
  ["D container ls", /bg\n/],
  ["D container inspect bg", /"Name": "\/bg"/],
  ["D container logs web", /^served\n$/],
  ["D container stats --no-stream bg", /CPU %/],
  ["D container stop -t 0 bg", /^bg\n$/],
  ["D container start bg", /^bg\n$/],
  ["D container restart -t 0 bg", /^bg\n$/],
  ["D container exec -it bg echo executed", /executed/],
  ["D container cp bg:/in.txt local.txt; cat local.txt", /^in\n$/],
  ["D container cp local.txt bg:/back.txt; D exec bg cat /back.txt", /^in\n$/],
  ["D commit bg me/bg", new RegExp(`^sha256:${LONG}\n$`)],
  ["D container commit bg me/bg2", new RegExp(`^sha256:${LONG}\n$`)],
  ["D run --rm me/bg cat /in.txt", /^in\n$/],
  ["† D container tag me/bg me/bg3"],
  ["† D container network connect net bg"],
  ["† D container network disconnect net bg"],
  ["D container update --restart no bg", /^bg\n$/],
  ["D container pause bg", /^bg\n$/],
  ["D container unpause bg", /^bg\n$/],
  ["D run -d --name talks busybox sh -c 'while :; do echo said; sleep 0.1; done'", new RegExp(`^${LONG}\n$`)],
  // It is killed once the attached command has shown a line.
  [
    "{ D container attach --no-stdin talks; echo ended $?; } | { read first; D kill talks >/dev/null; cat >/dev/null; echo $first; }",
    /^said\n$/,
  ],
  ["D rm -f talks; D kill bg", /^talks\nbg\n$/],
  ["D container wait bg", /^137\n$/],
  ["D container export bg >bg.tar; tar tf bg.tar | grep -x in.txt", /in\.txt/],
  ["† D container import bg.tar", /^sha256:/],
  ["D rm bg", /^bg\n$/],
  ["D container rm -f tty", /^tty\n$/],
  ["D container prune -f", /Deleted Containers:/],
  // Volumes and networks
  ["D volume create", new RegExp(`^${LONG}\n$`)],
  ["D volume create named", /^named\n$/],
  ["D volume ls", /local +named\n/],
  ["D volume inspect named", /"Driver": "local"/],
  ["D volume rm named", /^named\n$/],
  ["D run --rm -v vol:/data busybox cat /data/f", /^kept\n$/],
  ["D volume prune -f", /Total reclaimed space/],
  ["D network ls", /bridge +bridge +local\n[^]*host +host +local\n[^]*none +null +local\n/],
  ["D network connect net vol"],
  // A static busybox resolves by itself in ping only through the C library, so the address is asked for.
  ["D exec vol sh -c 'nslookup web | grep -c Address'", /^[2-9]\n$/],
  ["D network inspect net", /"Name": "net"/],
  ["D network disconnect net vol"],
  ["D run --rm --network none busybox ls /sys/class/net", /^lo\n$/],
  ["D run --rm --network host busybox ls /sys/class/net", hostInterface],
  ["D rm -f web vol", /^web\nvol\n$/],
  ["D network rm net", /^net\n$/],
  ["D network prune -f"],
  // The system
  ["D system df", /Images/],
  ["D system prune -f", /Total reclaimed space/],
  ["† D prune -f", /Total reclaimed space/],
  ["D rmi -f app:1 app:2 me/app:1 me/bg me/bg2", /Untagged/],
  ["D ps -aq", new RegExp(`^(${ID}\n)*$`)],
];

/** Runs shell lines in `folder` under a terminal where one is asked for, with `D` for the command. */
async function commandLine(
  engine: TestEngine,
  { program, folder, registry }: { program: "berth" | "docker"; folder: string; registry: string },
): Promise<(line: string) => Promise<Result>> {
  const { folder: programs, node } = await testPrograms();
  const own = { ...personEnvironment(engine.user, engine.root), BERTH_NODE: node, DOCKER_CONFIG: join(folder, "config") };
  const docker = { PATH: process.env["PATH"], DOCKER_HOST: engine.socket, DOCKER_CONFIG: join(folder, "config"), DOCKER_BUILDKIT: "0" };
  const command = program === "berth" ? join(programs, "berth") : "docker";
  mkdirSync(join(folder, "context"));
  writeFileSync(join(folder, "context/Dockerfile"), 'FROM busybox\nCOPY a.txt /a.txt\nCMD ["cat", "/a.txt"]\n');
  writeFileSync(join(folder, "context/a.txt"), "hello\n");
  if (program === "berth") for (const path of [folder, join(folder, "context")]) chownSync(path, engine.user.uid, engine.user.gid);
  const options = { cwd: folder, env: program === "berth" ? own : docker, ...(program === "berth" && { user: engine.user }) };
  return (line) => {
    const script = line.replace(/\bD (?=[a-z-])/g, `${command} `).replace(/\bR(?=\/| |$)/g, registry);
    return runProgram(line.includes(" -it ") ? ["script", "-qec", script, "/dev/null"] : ["sh", "-c", script], options);
  };
}

for (const as of USERS)
  for (const program of as === "root" ? (["berth"] as const) : (["berth", "docker"] as const)) {
    const skip =
      cannotRunAs(as) ||
      (program === "docker" && !findProgram("docker") && "needs the docker command") ||
      (!findProgram("script") && "needs script") ||
      (!findProgram("docker-registry") && "needs docker-registry");
    suite(`first users: ${program}, engine as ${as}`, { skip }, () => {
      void test("every line", { timeout: 600_000 }, async (t) => {
        const engine = await startEngine({ as });
        t.after(() => engine.remove());
        await importBusybox(engine);
        const folder = mkdtempSync(join(tmpdir(), "berth-first-"));
        t.after(() => rmSync(folder, { recursive: true, force: true }));
        writeFileSync(join(folder, "htpasswd"), PASSWORDS);
        const registry = await realRegistry(t, folder, `auth: {htpasswd: {realm: test, path: ${join(folder, "htpasswd")}}}\n`);
        const run = await commandLine(engine, { program, folder, registry: registry! });
        for (const [line, prints] of LINES) {
          if (line.startsWith("†") && program === "docker") continue;
          const { exitCode, stdout, stderr } = await run(line.replace("† ", ""));
          assert.equal(exitCode, 0, `${line}: ${stdout}${stderr}`);
          if (prints) assert.match(stdout.replaceAll("\r", ""), prints, line);
        }
      });
    });
  }
