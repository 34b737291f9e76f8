/**
 * `berth VERB --help` beside `docker VERB --help`: the same flags, words and layout. Needs docker's command.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { test } from "node:test";
import { runApp } from "../../engine/cli/app.ts";

const docker = (...words: string[]): string =>
  spawnSync("docker", words, { encoding: "utf8", env: { ...process.env, COLUMNS: "80" } }).stdout ?? "";

/** The words of this version are what is compared. */
const hasDocker = docker("--version").includes("version 28.");

async function berthHelp(words: readonly string[]): Promise<string> {
  const streams = { stdin: new PassThrough(), stdout: new PassThrough(), stderr: new PassThrough() };
  const signals = { ended: new AbortController().signal, take: () => () => {} };
  await runApp({ words: [...words, "--help"], streams, env: {}, workingDirectory: () => "/", now: Date.now, signals });
  streams.stdout.end();
  return text(streams.stdout);
}

/** Flags of docker's that Berth leaves out: other systems', swarm's, and what is nothing to it. */
const LEFT_OUT =
  /^(cpu-count|cpu-percent|io-maxbandwidth|io-maxiops|kernel-memory|help|cluster|availability|group|limit-bytes|required-bytes|scope|secret|sharing|topology-preferred|topology-required|type)$/;

/** Sections of a help page; flags by name, their texts unwrapped. */
function sections(page: string): { head: string; flags: Record<string, string> } {
  const [head = "", options = ""] = page.split("Options:\n");
  const flags: Record<string, string> = {};
  let name = "";
  for (const line of options.split("\n")) {
    const match = /^ {2}(?:-\w, | {4})--([\w-]+)/.exec(line);
    if (match) name = match[1]!;
    if (line.trim() !== "") flags[name] = `${flags[name] ?? ""} ${line.trim()}`.replace(/\s+/g, " ");
  }
  return { head: head.trim(), flags };
}

const VERBS =
  `run create exec ps images rmi rm stop start restart kill logs inspect wait events version info pull push login logout cp rename
pause unpause top stats port diff commit history export attach update tag save load import search
container|ls container|prune container|inspect image|ls image|prune image|inspect
network|connect network|create network|disconnect network|inspect network|ls network|prune network|rm
volume|create volume|inspect volume|ls volume|prune volume|rm system|df system|prune`.split(/\s+/);

test("help says what docker's does", { skip: !hasDocker && "needs docker's command, version 28" }, async (t) => {
  for (const verb of VERBS) await t.test(`berth ${verb.replace("|", " ")} --help`, () => compareHelp(verb.split("|")));
});

async function compareHelp(words: readonly string[]): Promise<void> {
  const theirs = sections(docker(...words, "--help"));
  const ours = sections(await berthHelp(words));
  for (const name of Object.keys(theirs.flags)) if (LEFT_OUT.test(name) && !(name in ours.flags)) delete theirs.flags[name];
  const named = (value: string): string => value.replaceAll("docker ", "berth ").replace("Docker version", "Berth version");
  assert.equal(ours.head, named(theirs.head));
  assert.deepEqual(ours.flags, Object.fromEntries(Object.entries(theirs.flags).map(([name, value]) => [name, named(value)])));
}
