import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { runApp } from "./app.ts";
import { findTarget } from "./endpoint.ts";
import { readGlobals } from "./globals.ts";
import { indentJson } from "./json-text.ts";
import { alignTabs } from "./tabs.ts";
import { formatTime, readTimestamp } from "./time.ts";
import { ENTRIES, GROUPS, findCommand } from "./tree.ts";

const directory = mkdtempSync(join(tmpdir(), "berth-app-"));
after(() => rmSync(directory, { recursive: true }));

const here = (): string => directory;

async function berth(
  line: string,
  env: NodeJS.ProcessEnv = {},
  workingDirectory = here,
): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const exitCode = await runApp({
    words: line.split(" ").filter((word) => word !== ""),
    streams,
    env: { HOME: directory, DOCKER_HOST: `unix://${directory}/nobody.sock`, ...env },
    workingDirectory,
    now: Date.now,
    signals: { ended: new AbortController().signal, take: () => () => {} },
  });
  streams.stdout.end();
  streams.stderr.end();
  return { exitCode, stdout: await text(streams.stdout), stderr: await text(streams.stderr) };
}

for (const [line, exitCode, stderr] of [
  ["psx", 1, "berth: unknown command: berth psx\n\nDid you mean this?\n  berth ps\n\nRun 'berth --help' for more information\n"],
  [
    "container foo",
    1,
    "berth: unknown command: berth container foo\n\nUsage:  berth container\n\nRun 'berth container --help' for more information\n",
  ],
  ["--nope", 125, "unknown flag: --nope\n\nUsage:  berth [OPTIONS] COMMAND [ARG...]\n\nRun 'berth --help' for more information\n"],
  ["ps foo", 1, "berth: 'berth ps' accepts no arguments\n\nUsage:  berth ps [OPTIONS]\n\nRun 'berth ps --help' for more information\n"],
  [
    "tag a",
    1,
    "berth: 'berth tag' requires 2 arguments\n\nUsage:  berth tag SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]\n\nRun 'berth tag --help' for more information\n",
  ],
  [
    "stop",
    1,
    "berth: 'berth stop' requires at least 1 argument\n\nUsage:  berth stop [OPTIONS] CONTAINER [CONTAINER...]\n\nSee 'berth stop --help' for more information\n",
  ],
  [
    "container ps -z",
    125,
    "unknown shorthand flag: 'z' in -z\n\nUsage:  berth container ls [OPTIONS]\n\nRun 'berth container ls --help' for more information\n",
  ],
  ["buildx bake -f docker-bake.hcl", 1, 'berth buildx bake is not there: "berth compose build"'],
  ["buildx create --use --driver docker-container", 1, "berth buildx create is not there: there is one builder"],
  ["buildx use other", 1, 'no builder "other" found: there is one, "default"'],
] as const)
  test(`berth ${line} is refused`, async () => {
    const result = await berth(line);
    assert.equal(result.exitCode, exitCode);
    if (stderr.endsWith("\n")) assert.equal(result.stderr, stderr);
    else assert.ok(result.stderr.startsWith(stderr) && result.stderr.trimEnd().split("\n").length === 1);
  });

for (const [line, stderr] of [
  ["ps --format {{.ID", "failed to parse template: template: :1: unclosed action"],
  [
    "ps -q --format {{.Nope}}",
    `WARNING: Ignoring custom format, because both --format and --quiet are set.
failed to execute template: template: :1:2: executing "" at <.Nope>: can't evaluate field Nope in type *formatter.ContainerContext`,
  ],
] as const)
  test(`berth ${line} is refused before any engine is asked`, async () => {
    assert.deepEqual(await berth(line), { exitCode: 1, stdout: "", stderr: `${stderr}\n` });
  });

test("a full disk behind stdout is told in one sentence", { skip: !existsSync("/dev/full") && "needs /dev/full" }, () => {
  const full = openSync("/dev/full", "w");
  const { status, stderr } = spawnSync(process.execPath, [join(import.meta.dirname, "main.ts"), "--help"], {
    stdio: ["ignore", full, "pipe"],
    encoding: "utf8",
  });
  closeSync(full);
  assert.deepEqual([status, stderr], [1, "write /dev/stdout: no space left on device\n"]);
});

test("a command without an engine says so in docker's words", async () => {
  const { exitCode, stderr } = await berth("ps");
  assert.equal(exitCode, 1);
  assert.equal(stderr, `Cannot connect to the Docker daemon at unix://${directory}/nobody.sock. Is the docker daemon running?\n`);
  assert.equal((await berth("run busybox")).exitCode, 125);
});

test("berth --version is one line", async () => {
  assert.match((await berth("--version")).stdout, /^Berth version \d+\.\d+\.\d+\n$/);
});

test("every command loads, has a usage and is found by all its names", async () => {
  for (const entry of ENTRIES) {
    const command = await entry.load();
    assert.equal(typeof command.run, "function");
    for (const name of entry.names) {
      const found = findCommand(name.split(" "));
      assert.ok(found.kind === "command" && found.entry === entry, name);
    }
  }
});

test("help is shown for the whole, for groups and for every command", async () => {
  assert.match((await berth("--help")).stdout, /^Usage: {2}berth \[OPTIONS\] COMMAND[\s\S]*Common Commands:\n {2}run {9}Create/);
  for (const group of Object.keys(GROUPS)) assert.match((await berth(group)).stdout, new RegExp(`^Usage:  berth ${group} COMMAND`));
  for (const { names } of ENTRIES) assert.match((await berth(`${names[0]} --help`)).stdout, /^Usage: {2}berth /);
});

const BARE = { globals: readGlobals([]).globals };

for (const [words, env, want] of [
  [[], {}, { own: true, root: undefined }],
  [[], { DOCKER_HOST: "tcp://h:1" }, { own: false, url: "tcp://h:1", context: "default" }],
  [["-H", "tcp://a:1"], { DOCKER_HOST: "tcp://h:1" }, { own: false, url: "tcp://a:1", context: "default" }],
  [["--root", "/r"], { DOCKER_HOST: "tcp://h:1" }, { own: true, root: "/r" }],
  [[], { BERTH_ROOT: "/r", DOCKER_HOST: "tcp://h:1" }, { own: true, root: "/r" }],
] as const)
  test(`findTarget() with ${words.join(" ")} and ${Object.keys(env).join(" ") || "nothing"}`, async () => {
    assert.deepEqual(await findTarget({ env, globals: readGlobals(words).globals }), want);
  });

test("findTarget() reads docker's contexts", async () => {
  const meta = join(directory, ".docker/contexts/meta", createHash("sha256").update("far").digest("hex"));
  mkdirSync(meta, { recursive: true });
  writeFileSync(join(meta, "meta.json"), '{"Name":"far","Endpoints":{"docker":{"Host":"tcp://far:2375"}}}');
  const env = { HOME: directory, DOCKER_CONTEXT: "far" };
  assert.deepEqual(await findTarget({ env, ...BARE }), { own: false, url: "tcp://far:2375", context: "far" });
  await assert.rejects(findTarget({ env: { ...env, DOCKER_CONTEXT: "nope" }, ...BARE }), /context "nope": context not found/);
});

test("logout forgets credentials and keeps other settings", async () => {
  const config = join(directory, "dc");
  mkdirSync(config);
  writeFileSync(join(config, "config.json"), '{"auths":{"r:5000":{"auth":"dTpw"}},"other":1}');
  const { stdout } = await berth(`--config ${config} logout r:5000`);
  assert.equal(stdout, "Removing login credentials for r:5000\n");
  assert.deepEqual(JSON.parse(readFileSync(join(config, "config.json"), "utf8")), { auths: {}, other: 1 });
});

test("indentJson() changes nothing but the layout", () => {
  assert.equal(
    indentJson('{"10":1,"2":[],"a":{ },"n":12345678901234567890,"e":"\\u003c, }"}'),
    '{\n    "10": 1,\n    "2": [],\n    "a": {},\n    "n": 12345678901234567890,\n    "e": "\\u003c, }"\n}',
  );
});

test("alignTabs() lines up columns and leaves the last text alone", () => {
  const lines = ["A\tB\tC", "aaaaaaaaaaaa\t\tc", "x"];
  assert.deepEqual(alignTabs(lines, { minWidth: 10, padding: 3 }), ["A              B         C", "aaaaaaaaaaaa             c", "x"]);
});

const NOW = Date.parse("2026-11-21T03:50:00Z");

for (const [value, want] of [
  ["", undefined],
  ["10m", "1795232400"],
  ["1795232956", "1795232956"],
  ["1795232956.5", "1795232956.5"],
  ["2026-11-21T03:50:00Z", "1795233000.000000000"],
  ["2026-11-21T03:50:00.123Z", "1795233000.123000000"],
] as const)
  test(`readTimestamp() reads "${value}"`, () => assert.equal(readTimestamp(value, NOW), want));

test("readTimestamp() refuses what is neither", () => {
  assert.throws(() => readTimestamp("bogus", NOW), { message: 'failed to parse value as time or duration: "bogus"' });
});

test("formatTime() keeps an engine's time in UTC", () => {
  assert.equal(formatTime("2026-11-21T03:49:45.962133296Z"), "2026-11-21 03:49:45.962133296 +0000 UTC");
});

for (const [line, stderr] of [
  ["ps", /^Cannot connect to the Docker daemon/],
  ["run -v ./data:/data web", /^berth: getwd: no such file or directory\n/],
  ["build .", /^(ERROR: )?getwd: no such file or directory\n$/],
] as const)
  test(`In a directory that is gone: berth ${line}`, async () => {
    const gone = (): never => {
      throw new Error("uv_cwd");
    };
    const { exitCode, stderr: said } = await berth(line, {}, gone);
    assert.notEqual(exitCode, 0);
    assert.match(said, stderr);
  });
