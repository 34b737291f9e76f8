import assert from "node:assert/strict";
import { test } from "node:test";
import type { CacheEntry } from "./builder.ts";
import { cacheFilter } from "./cache-filter.ts";

const about = { sizeBytes: 1, createdMs: 0, lastUsedMs: 0, usageCount: 1 };
const ENTRIES: readonly CacheEntry[] = [
  { ...about, id: "aaa1", type: "regular", description: "RUN x", inUse: true },
  { ...about, id: "bbb1", type: "regular", description: "COPY y", inUse: false },
  { ...about, id: "ccc2", type: "source.local", description: "context", inUse: false },
];

const CASES: readonly [filters: string[], ids: string[]][] = [
  [[], ["aaa1", "bbb1", "ccc2"]],
  [[""], ["aaa1", "bbb1", "ccc2"]],
  [["type==source.local"], ["ccc2"]],
  [["type!=regular"], ["ccc2"]],
  [["id~=bb"], ["bbb1"]],
  [["id==bb"], []],
  [["inuse"], ["aaa1"]],
  [["inuse==false,type==regular"], ["bbb1"]],
  [
    ["private==1", "id==aaa1"],
    ["aaa1", "bbb1", "ccc2"],
  ],
  [["mutable"], ["ccc2"]],
];

test("which entries a filter means", () => {
  for (const [filters, ids] of CASES)
    assert.deepEqual(ENTRIES.filter(cacheFilter(filters)).map(({ id }) => id), ids, filters.join(" or ")); // oxfmt-ignore
  assert.throws(() => cacheFilter(["nothing==1"]), /^EngineError: failed to parse cache filter "nothing==1"$/);
});
