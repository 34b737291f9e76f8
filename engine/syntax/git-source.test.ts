import assert from "node:assert/strict";
import { test } from "node:test";
import { isGitSource, isGitSourceOfAdd, isSshSource, parseGitSource, withoutCredentials } from "./git-source.ts";

const REPOSITORIES = [
  "https://example.org/a.git",
  "https://example.org/a.git#main:sub",
  "https://example.org/a.git?branch=main",
  "git://x/y",
  "git@example.org:a.git",
  "deploy@10.0.0.1:team/a.git#v1",
  "ssh://git@example.org:2222/a.git",
];

test("what is a repository, and which need an ssh agent", () => {
  for (const url of REPOSITORIES) assert.ok(isGitSource(url) && isGitSourceOfAdd(url), url);
  assert.deepEqual(REPOSITORIES.filter(isSshSource), REPOSITORIES.slice(4));
  assert.ok(isGitSource("github.com/a/b") && !isGitSourceOfAdd("github.com/a/b"));
  for (const text of ["https://example.org/a.tar.gz", "https://example.org/Dockerfile", "./git@a", "dir/a.git", "http://u@h:80//x"])
    assert.ok(!isGitSource(text), text);
});

const PARTS: readonly [text: string, parts: object][] = [
  ["github.com/a/b#v1:docker", { url: "https://github.com/a/b", ref: "v1", folder: "docker" }],
  ["git@h:a.git#:sub", { url: "git@h:a.git", folder: "sub", isSsh: true }],
  ["https://h/a.git?branch=main&subdir=x", { url: "https://h/a.git", ref: "refs/heads/main", folder: "x" }],
  ["https://h/a.git?tag=refs/tags/v1&keep-git-dir", { url: "https://h/a.git", ref: "refs/tags/v1", keepGitDir: true }],
  ["https://h/a.git?ref=b&commit=abc&submodules=0", { url: "https://h/a.git", ref: "b", checksum: "abc", submodules: false }],
  ["https://h/a.git?checksum=abc#:d", { url: "https://h/a.git", ref: "abc", checksum: "abc", folder: "d" }],
];

test("the parts of a repository's URL", () => {
  for (const [text, parts] of PARTS)
    assert.deepEqual(parseGitSource(text), { ref: "", folder: "", submodules: true, isSsh: false, ...parts }, text);
});

const PROBLEMS: readonly [query: string, problem: string][] = [
  ["?depth=1", 'unexpected query "depth"'],
  ["?ref", 'query "ref" has no value'],
  ["?ref=a&ref=b", 'query "ref" has multiple values'],
  ["?ref=a#b", 'ref conflicts: "b" vs "a"'],
  ["?subdir=a#:b", 'subdir conflicts: "b" vs "a"'],
  ["?tag=a&branch=b", "branch conflicts with tag"],
  ["?submodules=maybe", 'invalid submodules value: "maybe"'],
];

test("what is wrong with a repository's query", () => {
  for (const [query, problem] of PROBLEMS) assert.deepEqual(parseGitSource(`https://h/a.git${query}`), { problem }, query);
});

test("a URL is shown without its credentials", () => {
  assert.equal(withoutCredentials("https://me:token@h/a.git#b"), "https://xxxxx@h/a.git#b");
  assert.equal(withoutCredentials("git@h:a.git"), "git@h:a.git");
});
