import assert from "node:assert/strict";
import { test } from "node:test";
import { Recent } from "./recent.ts";

test("Recent keeps the last values up to a weight", () => {
  const recent = new Recent<string>(10);
  recent.set("a", "first", 4);
  recent.set("b", "second", 4);
  recent.set("a", "again", 5);
  assert.deepEqual([recent.get("a"), recent.get("b")], ["again", "second"]);
  recent.set("c", "third", 5);
  assert.deepEqual([recent.get("a"), recent.get("b"), recent.get("c")], ["again", undefined, "third"]);
  recent.set("d", "too heavy", 11);
  assert.deepEqual([recent.get("a"), recent.get("c"), recent.get("d")], [undefined, undefined, undefined]);
});
