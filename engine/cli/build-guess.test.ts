import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { hearAnnouncements } from "../host/announcements.ts";
import { announcementsPath, enginePaths } from "../host/paths.ts";
import { announceGuess } from "./build-guess.ts";

const root = realpathSync(mkdtempSync(join(tmpdir(), "berth-guess-")));
after(() => rmSync(root, { recursive: true }));
const [context, other, link, file] = ["context", "other", "link", "file"].map((name) => join(root, name)) as [
  string,
  string,
  string,
  string,
];
for (const directory of [context, other, join(root, "run")]) mkdirSync(directory);
symlinkSync("context", link);
writeFileSync(file, "");
const fifo = announcementsPath(enginePaths(root));
hearAnnouncements(fifo, () => undefined);

const own = { BERTH_ROOT: root };
const cases: Record<string, { words: string[]; env?: NodeJS.ProcessEnv; directory: string | undefined }> = {
  "the only word": { words: [context], directory: context },
  "the last of two directories": { words: ["-f", other, context], directory: context },
  "flags behind it": { words: [context, "-t", "web", "--quiet"], directory: context },
  "a link to it": { words: ["-q", link], directory: context },
  "a file is none": { words: [file], directory: undefined },
  "nothing on this machine": { words: ["-t", "web", "https://example.com/a.git"], directory: undefined },
  "standard input": { words: ["-"], directory: undefined },
  "another engine": { words: [context], env: { DOCKER_HOST: "tcp://x:1" }, directory: undefined },
  "another context": { words: [context], env: { DOCKER_CONTEXT: "x" }, directory: undefined },
  "our own engine in spite of docker's": { words: [context], env: { ...own, DOCKER_HOST: "tcp://x:1" }, directory: context },
  "an engine that does not run": { words: [context], env: { BERTH_ROOT: other }, directory: undefined },
};
for (const [name, { words, env = own, directory }] of Object.entries(cases))
  test(`What is announced before a build's words are read: ${name}`, () => {
    const announced = announceGuess(words, env);
    assert.equal(announced?.contextDir, directory);
    assert.equal(announced?.fifo, directory && fifo);
  });
