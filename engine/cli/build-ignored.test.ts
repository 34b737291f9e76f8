import assert from "node:assert/strict";
import { test } from "node:test";
import { ignoredWarnings } from "./build-ignored.ts";

for (const [given, named] of [
  [{ memory: "", squash: false, "security-opt": [] }, []],
  [{ memory: "64m", squash: true }, ["--memory", "--squash"]],
  [{ "security-opt": ["a"], debug: true }, ["--security-opt"]],
] as const)
  test(`ignoredWarnings() names ${named.join(" and ") || "nothing"}`, () => {
    const said = ignoredWarnings(given);
    assert.deepEqual(said.map((line) => /^WARNING: (\S+) has no effect/.exec(line)?.[1]), named); // oxfmt-ignore
  });
