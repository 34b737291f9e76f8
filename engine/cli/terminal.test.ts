import assert from "node:assert/strict";
import { test } from "node:test";
import { KeyWatcher, readKeys } from "./terminal.ts";

for (const [text, want] of [
  ["", [16, 17]],
  ["ctrl-a,d", [1, 100]],
  ["ctrl-@,ctrl-[,DEL", [0, 27, 127]],
] as const)
  test(`readKeys() reads "${text}"`, () => assert.deepEqual(readKeys(text), want));

test("readKeys() refuses unknown keys", () => {
  assert.throws(() => readKeys("ctrl-p,nope"), { message: "invalid detach keys: Unknown character: 'nope'" });
});

for (const [typed, passed, detached] of [
  ["abc", "abc", false],
  ["a\x10\x11b", "a", true],
  ["a\x10b", "a\x10b", false],
  ["\x10\x10\x11", "\x10", true],
  ["\x10", "", false],
] as const)
  for (const pieces of [[typed], typed.split("")])
    test(`KeyWatcher passes on ${JSON.stringify(typed)} in ${pieces.length} pieces`, () => {
      const watcher = new KeyWatcher(readKeys(""));
      const results = pieces.map((piece) => watcher.feed(Buffer.from(piece)));
      const end = results.findIndex((result) => result.detached);
      const seen = end < 0 ? results : results.slice(0, end + 1);
      assert.equal(seen.map(({ data }) => data.toString()).join(""), passed);
      assert.equal(end >= 0, detached);
    });
