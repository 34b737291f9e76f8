/**
 * `berth` beside recordings of docker: the same command line, against a server that answers as dockerd did, has to make the
 * same requests, print the same and end the same. Only the command's name may differ.
 */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { after, test } from "node:test";
import { runApp } from "../../engine/cli/app.ts";
import { Replay } from "../support/replay.ts";
import type { Recording } from "../support/replay.ts";

const fixtures = join(import.meta.dirname, "../fixtures/recordings");
const home = mkdtempSync(join(tmpdir(), "berth-replay-"));
after(() => rmSync(home, { recursive: true, force: true }));

/** Recordings whose command line needs more of a shell than this test has, or that show docker's own programs. */
const SKIPPED: Readonly<Record<string, string>> = JSON.parse(readFileSync(join(fixtures, "skipped.json"), "utf8")) as Record<
  string,
  string
>;

interface Simple {
  readonly env: Record<string, string>;
  readonly words: readonly string[];
  readonly stdin: string;
  /** Output goes nowhere. */
  readonly silent: boolean;
  /** Runs only when the one before succeeded. */
  readonly onSuccess: boolean;
}

/** Words and operators of a shell line; undefined for what this test's shell does not have. */
function tokenize(line: string): { text: string; operator: boolean }[] | undefined {
  const tokens: { text: string; operator: boolean }[] = [];
  const pattern = /\s*(?:(&&|;|\||>)|((?:"(?:[^"\\]|\\.)*"|'[^']*'|\\.|[^\s"'\\;&|<>()`$]|\$(?![({]))+))/gsy;
  let at = 0;
  while (line.slice(at).trim() !== "") {
    pattern.lastIndex = at;
    const match = pattern.exec(line);
    if (!match) return undefined;
    tokens.push(match[1] === undefined ? { text: unquote(match[2]!), operator: false } : { text: match[1], operator: true });
    at = pattern.lastIndex;
  }
  return tokens;
}

function unquote(word: string): string {
  return word.replace(
    /"((?:[^"\\]|\\.)*)"|'([^']*)'|\\(.)/gs,
    (_all, double: string | undefined, single: string | undefined, escaped: string | undefined) =>
      double !== undefined ? double.replace(/\\(["\\$`])/g, "$1") : (single ?? escaped ?? ""),
  );
}

/** Reads the little shell that the recordings use. */
function parseShell(line: string): Simple[] | undefined {
  const commands: Simple[] = [];
  let words: string[] = [];
  let stdin = "";
  let silent = false;
  let onSuccess = false;
  const finish = (): boolean => {
    const env: Record<string, string> = {};
    while (/^\w+=/.test(words[0] ?? "")) {
      const [name = "", value = ""] = words.shift()!.split("=");
      env[name] = value;
    }
    const [name, ...rest] = words;
    words = [];
    if (name === "sleep" || name === "rm" || name === undefined) return true;
    if (name !== "docker") return false;
    commands.push({ env, words: rest, stdin, silent, onSuccess });
    [stdin, silent] = ["", false];
    return true;
  };
  const tokens = tokenize(line);
  if (!tokens) return undefined;
  for (let at = 0; at < tokens.length; at++) {
    const { text, operator } = tokens[at]!;
    if (!operator) words.push(text);
    else if (text === ">") {
      silent = true;
      at++;
    } else if (text === "|") {
      if (words[0] !== "printf" && words[0] !== "echo") return undefined;
      stdin = words[0] === "echo" ? `${words.slice(1).join(" ")}\n` : words[1]!.replaceAll("\\n", "\n");
      words = [];
    } else {
      if (!finish()) return undefined;
      onSuccess = text === "&&";
    }
  }
  return finish() ? commands : undefined;
}

/** Files that the recorded command lines name. */
function prepareFiles(directory: string): void {
  const files: Record<string, string> = {
    "in.txt": "in\n",
    "vars.env": "# comment\nFOO=from-file\nBAR=two words\n",
    "bind/file.txt": "bound\n",
    "ok/Dockerfile": "FROM busybox\n",
    "ok/a.txt": "a\n",
    "arg/Dockerfile": "ARG BASE=busybox\n",
    "multi/Dockerfile": "FROM busybox AS build\n",
    "fail/Dockerfile": "FROM busybox\n",
    "syntax/Dockerfile": "RUNN\n",
    "../dc2/config.json": '{"auths":{"127.0.0.1:5000":{"auth":"dXNlcjpwYXNz"}}}',
    "../s.tar": "",
    "../s2.tar": "",
    "../e.tar": "",
    "../junk.tar": "",
  };
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(directory, name)), { recursive: true });
    writeFileSync(join(directory, name), content);
  }
}

/** What these print of the client is the client's own. */
function serverPart(name: string, output: string): string {
  if (name === "version-json") return output.slice(output.indexOf('"Server"'));
  return name === "version" || name === "info" ? output.slice(output.indexOf("Server:")) : output;
}

/** Docker lists the repositories of one image in any order. */
const UNORDERED = /^(images|images-digests|images-filter-reference|system-df-v)$/;

const sorted = (output: string): string =>
  output
    .split("\n")
    .toSorted((a, b) => (a < b ? -1 : 1))
    .join("\n");

/** Ages and running times depend on when one looks. */
function timeless(output: string): string {
  return output
    .replace(/(Less than a second|About an? (minute|hour)|\d+ (seconds?|minutes|hours|days|weeks|months|years)) ago/g, "TIME ago")
    .replace(/(Sending build context to Docker daemon) .*\r/g, "$1 SIZE\r")
    .replace(/ {2,}/g, "  ");
}

function asBerth(output: string): string {
  return output
    .replaceAll("docker: ", "berth: ")
    .replaceAll("'docker ", "'berth ")
    .replace(/^(Usage: {2})docker /gm, "$1berth ")
    .replace(/DEPRECATED: The legacy builder[\s\S]*?environment-variable\.\n\n/g, "");
}

interface Outcome {
  stdout: string;
  stderr: string;
  exitCode: number;
}

async function runSequence(commands: readonly Simple[], directory: string, socket: string): Promise<Outcome> {
  const outcome: Outcome = { stdout: "", stderr: "", exitCode: 0 };
  for (const { words, env, stdin, silent, onSuccess } of commands) {
    if (onSuccess && outcome.exitCode !== 0) break;
    const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
    streams.stdin.end(stdin);
    const output = Promise.all([text(streams.stdout), text(streams.stderr)]);
    const exitCode = await runApp({
      words: words.map((word) => word.replace("/home/user", dirname(directory))),
      streams,
      env: { HOME: "/root", DOCKER_CONFIG: join(directory, "dc"), DOCKER_HOST: `unix://${socket}`, TZ: "UTC", ...env },
      workingDirectory: () => directory,
      now: Date.now,
      signals: { ended: new AbortController().signal, take: () => () => {} },
    });
    streams.stdout.end();
    streams.stderr.end();
    const [stdout, stderr] = await output;
    outcome.stdout += silent ? "" : stdout;
    outcome.stderr += stderr;
    outcome.exitCode = exitCode;
  }
  return outcome;
}

for (const file of readdirSync(fixtures)) {
  if (file === "skipped.json" || file === "README.md") continue;
  const name = file.replace(/\.json$/, "");
  test(`berth prints what docker prints: ${name}`, async (t) => {
    if (SKIPPED[name]) return t.skip(SKIPPED[name]);
    const recording = JSON.parse(readFileSync(join(fixtures, file), "utf8")) as Recording;
    const commands = parseShell(recording.command);
    assert.ok(commands, `this test's shell cannot run: ${recording.command}`);
    const directory = join(mkdtempSync(join(home, "run-")), "project");
    prepareFiles(directory);
    const socket = join(dirname(directory), "s");
    const rewrite = (output: string): string => output.replaceAll(dirname(directory), "/home/user");
    const replay = new Replay(recording.exchanges, rewrite);
    await replay.listen(socket);
    t.after(() => replay.close());
    const outcome = await runSequence(commands, directory, socket);
    const order = UNORDERED.test(name) ? sorted : (output: string): string => output;
    const plain = (output: string): string => order(timeless(serverPart(name, rewrite(output))));
    assert.deepEqual(replay.problems, []);
    assert.deepEqual(
      { stdout: plain(outcome.stdout), stderr: plain(outcome.stderr), exitCode: outcome.exitCode },
      {
        stdout: order(timeless(serverPart(name, recording.stdout))),
        stderr: timeless(asBerth(recording.stderr)),
        exitCode: recording.exitCode,
      },
    );
  });
}
