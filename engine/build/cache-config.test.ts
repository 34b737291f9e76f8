import assert from "node:assert/strict";
import { test } from "node:test";
import { EngineError } from "../errors.ts";
import type { Descriptor } from "../images/images.ts";
import { chainIdOf } from "../layers/layer-store.ts";
import type { Digest } from "../layers/snapshots.ts";
import { readConfig, readInline, writeConfig, writeInline } from "./cache-config.ts";
import type { StageLayer } from "./stage-result.ts";

function digest(letter: string): Digest {
  return `sha256:${letter.repeat(64)}`;
}

function layers(...letters: string[]): StageLayer[] {
  let parent: Digest | null = null;
  return letters.map((letter) => {
    parent = chainIdOf(parent, digest(letter));
    return { descriptor: { mediaType: "tar", digest: digest(letter), size: 1 }, diffId: digest(letter), chainId: parent };
  });
}

const [base, one] = layers("a", "b") as [StageLayer, StageLayer];
const other = layers("a", "c")[1]!;
const results = [
  { key: "1".repeat(64), chain: [base, one], createdMs: 0 },
  { key: "2".repeat(64), chain: [base, other], createdMs: 0 },
];

test("a cache is read as it was written: each result with what it stands on", () => {
  const sent = new Map([base, one, other].map(({ chainId, descriptor }): [Digest, Descriptor] => [chainId, { ...descriptor, size: 7 }]));
  const text = writeConfig(results, sent);
  assert.deepEqual(
    (JSON.parse(text.toString()) as { layers: { parent: number }[] }).layers.map(({ parent }) => parent),
    [-1, 0, 0],
  );
  const read = readConfig(text);
  assert.deepEqual(
    [...read].map(([key, chain]) => [key[0], chain.map(({ diffId, descriptor }) => `${diffId[7]}${descriptor.size}`)]),
    [
      ["1", ["a7", "b7"]],
      ["2", ["a7", "c7"]],
    ],
  );
});

test("an image carries the results that are its layers", () => {
  const read = readInline(writeInline(results, [base, one]), [base, one]);
  assert.deepEqual([...read.keys()], ["1".repeat(64)]);
  assert.deepEqual(read.get("1".repeat(64)), [base, { ...one, createdMs: 0 }]);
});

const layer = { blob: digest("a"), parent: -1, annotations: { mediaType: "tar", diffID: digest("a"), size: 1 } };
const record = { digest: digest("1"), results: [{ layer: 0 }] };

const damaged: [string, unknown, number | "invalid"][] = [
  ["what is no JSON", undefined, "invalid"],
  ["a null", null, "invalid"],
  ["a document without records", { layers: [] }, "invalid"],
  ["a good one", { layers: [layer], records: [record] }, 1],
  ["a layer that stands on itself", { layers: [{ ...layer, parent: 0 }], records: [record] }, 0],
  ["a parent that is not there", { layers: [{ ...layer, parent: 5 }], records: [record] }, 0],
  ["a layer without a digest", { layers: [{ ...layer, blob: "../../etc" }], records: [record] }, 0],
  ["a result that is not there", { layers: [layer], records: [{ ...record, results: [{ layer: 9 }] }] }, 0],
  ["a key that is a path", { layers: [layer], records: [{ ...record, digest: "sha256:../../x" }] }, 0],
  ["records without results", { layers: [layer], records: [{ digest: digest("1") }, null, 7] }, 0],
];

for (const [name, document, expected] of damaged)
  test(`reading a cache: ${name}`, () => {
    const data = Buffer.from(document === undefined ? "{" : JSON.stringify(document));
    if (expected === "invalid") assert.throws(() => readConfig(data), EngineError);
    else assert.equal(readConfig(data).size, expected);
  });
