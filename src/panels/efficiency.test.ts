import assert from "node:assert/strict";
import { test } from "node:test";
import type { LayerFile } from "../../webviews/protocol.ts";
import { efficiencyOf } from "./efficiency.ts";

const file = (kind: LayerFile["kind"], path: string, sizeBytes: number): LayerFile => ({ kind, path, sizeBytes });

const cases: [string, LayerFile[][], { efficiency: number; wastedBytes: number; wasted: string[] }][] = [
  ["nothing", [], { efficiency: 1, wastedBytes: 0, wasted: [] }],
  ["files that are there once", [[file("added", "/a", 10)], [file("added", "/b", 5)]], { efficiency: 1, wastedBytes: 0, wasted: [] }],
  [
    "a file that is written again",
    [[file("added", "/a", 60)], [file("changed", "/a", 40)]],
    { efficiency: 0.4, wastedBytes: 60, wasted: ["/a"] },
  ],
  [
    "a file that is removed",
    [[file("added", "/a", 30), file("added", "/b", 10)], [file("removed", "/a", 0)]],
    { efficiency: 0.25, wastedBytes: 30, wasted: ["/a"] },
  ],
  [
    "a folder that is removed",
    [[file("added", "/d/a", 30), file("added", "/db", 10)], [file("removed", "/d", 0)]],
    { efficiency: 0.25, wastedBytes: 30, wasted: ["/d/a"] },
  ],
];
for (const [name, layers, want] of cases)
  test(`efficiencyOf() judges ${name}`, () => {
    const { wasted, ...rest } = efficiencyOf(layers);
    assert.deepEqual({ ...rest, wasted: wasted.map(({ path }) => path) }, want);
  });
