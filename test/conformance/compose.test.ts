/**
 * The real docker compose and ours take turns on one application: each sees what the other made, and leaves it alone.
 * BERTH_TEST_CLI_PLUGINS names a directory with docker-compose; else the one that docker finds itself is used.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { findProgram } from "../../engine/host/programs.ts";
import { busyboxTar } from "../../scripts/base-image.ts";
import { docker as startDockerd } from "../bench/peers.ts";
import { berth, importBusybox } from "../support/berth.ts";
import { runProgram, startEngine } from "../support/engine.ts";
import type { Result } from "../support/engine.ts";
import { eventually } from "../support/eventually.ts";
import { SHOP_ENVIRONMENT, SHOP_PAGE, writeShop } from "../support/shop.ts";
import { cannotRunAs, testUser, USERS } from "../support/user.ts";

const plugins = process.env["BERTH_TEST_CLI_PLUGINS"];
const DOCKER_CONFIG = mkdtempSync(join(tmpdir(), "berth-compose-config-"));
process.once("exit", () => rmSync(DOCKER_CONFIG, { recursive: true, force: true }));
if (plugins !== undefined) cpSync(plugins, join(DOCKER_CONFIG, "cli-plugins"), { recursive: true, dereference: true });

function cannotCompose(): string | false {
  if (findProgram("docker") === undefined) return "needs the docker command";
  const { stdout } = spawnSync("docker", ["compose", "version"], { env: { ...process.env, DOCKER_CONFIG }, encoding: "utf8" });
  return !/v?2\.\d+\.\d+/.test(stdout) && "needs docker's plugin compose";
}

type Compose = (...words: string[]) => Promise<Result>;

async function works(compose: Compose, ...words: string[]): Promise<Result> {
  const result = await compose(...words);
  assert.equal(result.exitCode, 0, `${words.join(" ")}: ${result.stderr}${result.stdout}`);
  return result;
}

/** Goes once through the application's life. */
async function drive(compose: Compose, folder: string): Promise<void> {
  await works(compose, "up", "-d", "--wait");
  assert.deepEqual((await works(compose, "ps", "--services")).stdout.trim().split("\n").toSorted(), ["api", "cache", "proxy"]);
  await eventually(async () => (await works(compose, "logs", "--no-log-prefix", "--no-color", "proxy")).stdout, `${SHOP_PAGE}proxy up\n`);
  assert.equal((await works(compose, "exec", "-T", "api", "cat", "/built.txt")).stdout, "hello\n");
  assert.equal((await compose("exec", "-T", "api", "sh", "-c", "exit 7")).exitCode, 7);
  assert.equal((await works(compose, "run", "--rm", "-T", "--no-deps", "init", "echo", "once")).stdout, "once\n");
  await works(compose, "cp", "api:/built.txt", join(folder, "copied.txt"));
  await works(compose, "cp", join(folder, "copied.txt"), "api:/tmp/back.txt");
  assert.equal((await works(compose, "exec", "-T", "api", "cat", "/tmp/back.txt")).stdout, "hello\n");
  await works(compose, "scale", "cache=2");
  await works(compose, "scale", "cache=1");
  await works(compose, "restart", "-t", "0", "proxy");
}

/** Another tool finds everything as it should be. */
async function leavesAlone(compose: Compose): Promise<void> {
  const { stderr } = await works(compose, "up", "-d");
  for (const name of ["cache", "api", "proxy"]) assert.match(stderr, new RegExp(`Container shop-${name}-1 +Running`), stderr);
  assert.doesNotMatch(stderr, /Recreate|Creat/);
}

for (const as of USERS)
  suite(`compose projects are shared with docker compose, as ${as}`, { skip: cannotRunAs(as) || cannotCompose() }, () => {
    test("what one made the other uses, and the other way round", async (t) => {
      const engine = await startEngine({ as });
      t.after(() => engine.remove());
      const folder = mkdtempSync(join(tmpdir(), "berth-shop-"));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      writeShop(folder, engine.user);
      rmSync(join(folder, "copied.txt"), { force: true });
      spawnSync("chmod", ["a+rwx", folder]);
      await importBusybox(engine);
      const env = { ...process.env, DOCKER_CONFIG, DOCKER_HOST: engine.socket, ...SHOP_ENVIRONMENT };
      const theirs: Compose = (...words) => runProgram(["docker", "compose", ...words], { cwd: folder, env });
      const ours: Compose = (...words) => berth(engine, ["compose", ...words], { cwd: folder, env: SHOP_ENVIRONMENT });
      await drive(theirs, folder);
      await leavesAlone(ours);
      assert.match((await works(ours, "ls")).stdout, /^shop +running\(3\)/m);
      await works(ours, "down", "-v", "-t", "0");
      rmSync(join(folder, "copied.txt"), { force: true });
      await drive(ours, folder);
      await leavesAlone(theirs);
      if (as === "user") await sayTheSame(theirs, ours);
      assert.match((await works(theirs, "ls")).stdout, /^shop +running\(3\)/m);
      await works(theirs, "down", "-v", "-t", "0");
      assert.equal((await works(ours, "ps", "-aq")).stdout, "");
    });
  });

/** Lines that both say the same to, whoever is asked first. */
const SAME = `ps -q|ps --services|ps --format {{.Name}}:{{.State}}|images --format json proxy|top|port nosuch 80|logs nosuch|ls -q|volumes -q
exec -T nosuch true|exec -T proxy sh -c true|cp proxy:/etc/passwd -|cp proxy:/nosuch .|cp nosuch proxy:/|export nosuch|commit nosuch|kill -s BAD proxy|stop nosuch
scale proxy=x|scale nosuch=2|up -d --scale nosuch=2|up -d --no-deps --pull sometimes|up --exit-code-from nosuch|up -d --wait --abort-on-container-exit
push proxy|--dry-run stop|--progress odd ps|--env-file nosuch ps|-f nosuch.yaml ps|-p BAD! ps|down --rmi some|unpause proxy`;

async function sayTheSame(theirs: Compose, ours: Compose): Promise<void> {
  for (const line of SAME.split(/[|\n]/)) {
    const words = line.split(" ");
    const [want, got] = [await theirs(...words), await ours(...words)];
    const stderr = want.stderr.replaceAll("docker compose", "berth compose");
    assert.deepEqual({ line, ...got }, { line, ...want, stderr });
  }
}

/** Services whose containers' labels depend on files and variables outside the compose file. */
const LABELLED = `
name: labelled
x-common: &common {image: busybox, command: sleep 100000, stop_grace_period: 0s}
services:
  plain: *common
  variables: {<<: *common, env_file: [a.env, {path: raw.env, format: raw}, {path: none.env, required: false}], environment: {OWN: "1", FROM: , NOWHERE: }}
  labels: {<<: *common, label_file: [l.labels], labels: {own: "1"}}
  platform: {<<: *common, platform: linux/amd64}
  both: {<<: *common, env_file: a.env, label_file: l.labels, depends_on: [plain]}
`;

async function labelsOf(compose: Compose, socket: string): Promise<Record<string, Record<string, string>>> {
  await works(compose, "up", "-d");
  const ids = (await works(compose, "ps", "-q")).stdout.trim().split("\n");
  const { stdout } = await runProgram(["docker", "inspect", ...ids], { env: { ...process.env, DOCKER_HOST: socket } });
  const all = JSON.parse(stdout) as { Name: string; Config: { Labels: Record<string, string> } }[];
  return Object.fromEntries(
    all.map(({ Name, Config }) => {
      const { "com.docker.compose.version": _version, ...labels } = Config.Labels;
      return [Name, labels];
    }),
  );
}

test("files and variables give containers the labels that docker compose gives them", { skip: cannotCompose() }, async (t) => {
  const engine = await startEngine({ as: "root" });
  t.after(() => engine.remove());
  const cwd = mkdtempSync(join(tmpdir(), "berth-labelled-"));
  t.after(() => rmSync(cwd, { recursive: true, force: true }));
  for (const [name, text] of [
    ["compose.yaml", LABELLED],
    ["a.env", 'A=1\nB="two $A"\nC=${NOPE:-x}\nD\n'],
    ["raw.env", 'R="quoted" $A\n'],
    ["l.labels", 'l.one=1\nl.two="b c"\n'],
  ] as const)
    writeFileSync(join(cwd, name), text);
  await importBusybox(engine);
  for (const platform of [{}, { DOCKER_DEFAULT_PLATFORM: "linux/amd64" }]) {
    const more = { FROM: "outside", ...platform };
    const env = { ...process.env, DOCKER_CONFIG, DOCKER_HOST: engine.socket, ...more };
    const theirs: Compose = (...words) => runProgram(["docker", "compose", ...words], { cwd, env });
    const ours: Compose = (...words) => berth(engine, ["compose", ...words], { cwd, env: more });
    const want = await labelsOf(theirs, engine.socket);
    assert.equal(Object.keys(want).length, 5);
    assert.doesNotMatch((await works(ours, "up", "-d")).stderr, /Recreate|Creat/);
    await works(ours, "down");
    assert.deepEqual(await labelsOf(ours, engine.socket), want);
    await works(theirs, "down");
  }
});

test("berth compose drives Debian's dockerd", { timeout: 300_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "berth-dockerd-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const tar = join(folder, "busybox.tar");
  writeFileSync(tar, await busyboxTar());
  const peer = await startDockerd(folder, tar);
  if (!peer) return t.skip("needs dockerd and root");
  let clear = (): Promise<unknown> => Promise.resolve();
  // Containers of a dockerd outlive it: a test that fails must not leave them behind.
  t.after(async () => (await clear(), await peer.stop()));
  const user = testUser("root");
  const shop = mkdtempSync(join(tmpdir(), "berth-shop-"));
  t.after(() => rmSync(shop, { recursive: true, force: true }));
  writeShop(shop, user);
  const host = peer.env["DOCKER_HOST"] ?? "";
  await runProgram(["docker", "import", "--change", 'CMD ["sh"]', tar, "busybox:latest"], { env: peer.env });
  const ours: Compose = (...words) =>
    berth({ user, root: "" }, ["-H", host, "compose", ...words], { cwd: shop, env: { ...SHOP_ENVIRONMENT, BERTH_ROOT: "" } });
  clear = () => ours("down", "-v", "-t", "0");
  await drive(ours, shop);
  await leavesAlone(ours);
  await works(ours, "down", "-v", "--rmi", "local", "-t", "0");
  assert.equal((await works(ours, "ps", "-aq")).stdout, "");
});
