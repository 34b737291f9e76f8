/** `berth compose` drives Debian's podman. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { busyboxTar } from "../../scripts/base-image.ts";
import { berth } from "../support/berth.ts";
import { eventually } from "../support/eventually.ts";
import { cannotRunPodman, startPodman } from "../support/podman.ts";
import { testUser } from "../support/user.ts";

/** Without the right to raise limits podman's own ones cannot be set. */
const COMMON = "image: busybox, ulimits: {nofile: 1024, nproc: 4096}, stop_grace_period: 0s, networks: [net]";

const COMPOSE = `
name: pod
services:
  a:
    {${COMMON}, command: 'sh -c "cat /run/secrets/token /motd; sleep 100000"', volumes: ["data:/data", /keep],
     environment: {X: "\${X:-1}"}, secrets: [token], configs: [motd]}
  b: {${COMMON}, command: sleep 100000, depends_on: {a: {condition: service_started, restart: true}}}
networks: {net: }
volumes: {data: }
secrets: {token: {file: ./token.txt}}
configs: {motd: {content: "message\\n"}}
`;

test("berth compose drives Debian's podman", { skip: cannotRunPodman(), timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-podman-"));
  const tar = join(folder, "busybox.tar");
  writeFileSync(tar, await busyboxTar());
  writeFileSync(join(folder, "compose.yaml"), COMPOSE);
  writeFileSync(join(folder, "token.txt"), "s3cret\n");
  const podman = await startPodman(join(folder, "podman"), tar);
  const user = testUser("root");
  const run = (words: string[], env: NodeJS.ProcessEnv = {}) =>
    berth({ user, root: "" }, ["-H", podman.socket, "compose", ...words], { cwd: folder, env: { BERTH_ROOT: "", ...env } });
  t.after(async () => {
    await run(["down", "-v", "-t", "0"]);
    await podman.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const works = async (line: string, env?: NodeJS.ProcessEnv): Promise<{ stdout: string; stderr: string }> => {
    const result = await run(line.split(" "), env);
    assert.equal(result.exitCode, 0, `${line}: ${result.stderr}${result.stdout}`);
    return result;
  };

  await works("up -d");
  assert.equal((await works("ps --format {{.Name}}:{{.State}}")).stdout, "pod-a-1:running\npod-b-1:running\n");
  await eventually(async () => (await works("logs --no-log-prefix a")).stdout, "s3cret\nmessage\n");
  assert.equal((await works("exec -T a cat /motd")).stdout, "message\n");
  assert.equal((await run(["exec", "-T", "a", "sh", "-c", "exit 7"])).exitCode, 7);
  assert.doesNotMatch((await works("up -d")).stderr, /Creat|Recreat|Start/);
  // Podman 4.3 answers 200 with nothing here.
  assert.match(
    (await run(["top"])).stderr,
    /^(?!.*JSON).*the engine does not tell the processes of container [0-9a-f]{64}: try ps inside it/,
  );
  await works("exec -T a touch /keep/me /data/me");
  assert.match((await works("up -d", { X: "2" })).stderr, /pod-b-1 {2}Stopped[\s\S]*pod-a-1 {2}Recreated/);
  assert.equal((await works("exec -T a ls /keep /data", { X: "2" })).stdout, "/data:\nme\n\n/keep:\nme\n");
  await works("scale b=2", { X: "2" });
  await works("restart -t 0", { X: "2" });
  await works("cp a:/motd copied.txt");
  assert.equal((await works("run --rm -T --no-deps a echo once", { X: "2" })).stdout, "once\n");
  assert.match((await works("ls")).stdout, /^pod +running\(3\)/m);
  await works("stop -t 0");
  await works("start");
  await works("kill b");
  assert.match((await works("down -v -t 0")).stderr, /Volume pod_data {2}Removed/);
  assert.equal((await works("ps -aq")).stdout, "");
});
