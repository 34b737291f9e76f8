/** What berth.sh tells the engine before Node starts: it runs the real script, with a program in Node's place that prints what it got. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { EventEmitter, once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { readAnnouncement } from "../build/look-ahead.ts";
import { hearAnnouncements } from "../host/announcements.ts";
import { announcementsPath, enginePaths } from "../host/paths.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "berth-sh-")));
after(() => rmSync(root, { recursive: true }));
const place = (name: string): string => join(root, name);
for (const name of ["context", "two words", 'quo"te', "other", "run"]) mkdirSync(place(name));
symlinkSync("context", place("link"));
writeFileSync(place("file"), "");
writeFileSync(place("node"), '#!/bin/sh\nif [ "$1" = --version ]; then echo v24.0.0; else printf "%s" "$BERTH_ANNOUNCED"; fi\n');
chmodSync(place("node"), 0o755);
const fifo = announcementsPath(enginePaths(root));
const heard = new EventEmitter();
hearAnnouncements(fifo, (line) => heard.emit("line", line));
// Nothing of this test shall be waited for when it has ended.
const alive = setInterval(() => undefined, 1000);
after(() => clearInterval(alive));

const context = place("context");
const own = { BERTH_ROOT: root };
const cases: Record<string, { words: string[]; env?: NodeJS.ProcessEnv; directory: string | undefined }> = {
  "the only word": { words: [context], directory: context },
  "the working directory": { words: ["."], directory: root },
  "the last of two directories": { words: ["-f", place("other"), context], directory: context },
  "flags behind it": { words: ["context", "-t", "web", "--quiet"], directory: context },
  "a link to it": { words: ["-q", place("link")], directory: context },
  "a directory elsewhere of the same name": { words: ["context"], env: { ...own, CDPATH: place("other") }, directory: context },
  "a name with a blank": { words: [place("two words")], directory: place("two words") },
  "a name that JSON would have to quote": { words: [place('quo"te')], directory: undefined },
  "a file is none": { words: [place("file")], directory: undefined },
  "nothing on this machine": { words: ["-t", "web", "https://example.com/a.git"], directory: undefined },
  "standard input": { words: ["-"], directory: undefined },
  "another engine": { words: [context], env: { DOCKER_HOST: "tcp://x:1" }, directory: undefined },
  "another context": { words: [context], env: { DOCKER_CONTEXT: "x" }, directory: undefined },
  "our own engine in spite of docker's": { words: [context], env: { ...own, DOCKER_HOST: "tcp://x:1" }, directory: context },
  "an engine that was never there": { words: [context], env: { BERTH_ROOT: place("other") }, directory: undefined },
};

function announced(verb: string, words: readonly string[], env: NodeJS.ProcessEnv): string {
  const script = join(import.meta.dirname, "berth.sh");
  const options = {
    cwd: root,
    env: { PATH: process.env["PATH"], HOME: root, BERTH_NODE: place("node"), ...env },
    encoding: "utf8",
  } as const;
  return execFileSync("sh", [script, verb, ...words], options);
}

for (const [name, { words, env = own, directory }] of Object.entries(cases))
  test(`What is announced before a build's words are read: ${name}`, { timeout: 10_000 }, async () => {
    const line = directory === undefined ? undefined : once(heard, "line");
    const [id, ...rest] = announced("build", words, env).split("\n");
    assert.deepEqual(rest, directory === undefined ? [] : [fifo, directory]);
    if (line) assert.deepEqual(readAnnouncement(String((await line)[0])), { id, contextDir: directory });
  });

test("Only a build is announced", () => assert.equal(announced("run", [context], own), ""));
