import { test } from "node:test";
import assert from "node:assert/strict";
import { IgnoreMatcher, parseDockerignore } from "./dockerignore.ts";

const cases: [string, { out: string[]; in: string[] }][] = [
  ["node_modules", { out: ["node_modules", "node_modules/a/b.js"], in: ["src/node_modules", "node_modules2"] }],
  ["/build/", { out: ["build", "build/x"], in: ["a/build"] }],
  ["**/*.log", { out: ["a.log", "a/b.log", "a/b/c.log"], in: ["a.logs", "log"] }],
  ["*.md\n!README.md", { out: ["a.md"], in: ["README.md", "docs/a.md"] }],
  ["*\n!src", { out: ["a", "b/c"], in: ["src", "src/x/y"] }],
  ["*\n!src/keep.txt", { out: ["src", "src/x"], in: ["src/keep.txt"] }],
  ["a\n!a/b\na/b/c", { out: ["a/x", "a/b/c"], in: ["a/b", "a/b/d"] }],
  ["**/temp?", { out: ["temp1", "x/temp2"], in: ["temp", "temp12"] }],
  ["foo/**", { out: ["foo/a", "foo/a/b"], in: ["foo"] }],
  ["**/foo/bar", { out: ["foo/bar", "a/foo/bar", "a/b/foo/bar/c"], in: ["foo/x/bar"] }],
  ["a/**/b", { out: ["a/b", "a/x/b", "a/x/y/b"], in: ["b", "a/x"] }],
  ["[a-c].txt", { out: ["a.txt", "c.txt"], in: ["d.txt", "ab.txt"] }],
  ["[^a].txt", { out: ["b.txt"], in: ["a.txt"] }],
  ["\\#x\n#comment\n \n  # not a comment", { out: ["#x", "# not a comment"], in: ["comment"] }],
  ["a.b", { out: ["a.b"], in: ["axb"] }],
  ["./x/../y", { out: ["y"], in: ["x"] }],
  ["dir/*/x", { out: ["dir/a/x"], in: ["dir/a/b/x", "dir/x"] }],
];
for (const [text, want] of cases) {
  test(`IgnoreMatcher follows ${JSON.stringify(text)}`, () => {
    const matcher = new IgnoreMatcher(parseDockerignore(text).patterns);
    for (const path of want.out) assert.ok(matcher.excludedBy(path), `${path} should be excluded`);
    for (const path of want.in) assert.equal(matcher.excludedBy(path), undefined, `${path} should be kept`);
  });
}

test("IgnoreMatcher names the pattern that excludes", () => {
  const matcher = new IgnoreMatcher(parseDockerignore("# x\n*.md\n!a.md\na.*").patterns);
  assert.deepEqual(matcher.excludedBy("a.md"), { pattern: "a.*", negated: false, line: 3 });
});

test("IgnoreMatcher.mayHoldExceptions() asks only where a negation can reach", () => {
  const matcher = new IgnoreMatcher(parseDockerignore("*\n!src/*/keep\n!**/LICENSE").patterns);
  assert.equal(new IgnoreMatcher(parseDockerignore("*\n!src/*/keep").patterns).mayHoldExceptions("other"), false);
  assert.equal(new IgnoreMatcher(parseDockerignore("*\n!src/*/keep").patterns).mayHoldExceptions("src/a"), true);
  assert.equal(matcher.mayHoldExceptions("other"), true);
  assert.equal(new IgnoreMatcher(parseDockerignore("*").patterns).mayHoldExceptions("src"), false);
});

test("parseDockerignore() reports malformed patterns with their line", () => {
  assert.deepEqual(parseDockerignore("ok\n[a\n!").problems, [
    { message: "syntax error in pattern", line: 1 },
    { message: 'illegal exclusion pattern: "!"', line: 2 },
  ]);
});
