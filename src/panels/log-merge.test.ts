import assert from "node:assert/strict";
import { test } from "node:test";
import { mergeByTime } from "./log-merge.ts";
import type { LogBatch } from "./log-merge.ts";

async function* pieces(mark: number, ...batches: readonly (readonly string[])[]): AsyncGenerator<LogBatch> {
  for (const lines of batches) yield { lines, marks: lines.map(() => mark) };
}

async function all(...streams: AsyncIterator<LogBatch>[]): Promise<string[]> {
  const found: string[] = [];
  for await (const { lines, marks } of mergeByTime(streams)) found.push(...lines.map((line, at) => `${marks[at]}:${line}`));
  return found;
}

test("mergeByTime() gives one stream as it is", async () =>
  assert.deepEqual(await all(pieces(0, ["1 b", "1 a"], ["2 c"])), ["0:1 b", "0:1 a", "0:2 c"]));

test("mergeByTime() puts several in order, however they are cut into pieces", async () =>
  assert.deepEqual(await all(pieces(0, ["1 a", "4 d"], ["5 e"]), pieces(2, ["2 b"], ["3 c", "9 z"]), pieces(4)), [
    "0:1 a",
    "2:2 b",
    "2:3 c",
    "0:4 d",
    "0:5 e",
    "2:9 z",
  ]));

test("mergeByTime() keeps the order of lines of one time", async () =>
  assert.deepEqual(await all(pieces(0, ["1 z", "1 a"], ["1 m"]), pieces(2, ["1 b"])), ["0:1 z", "0:1 a", "2:1 b", "0:1 m"]));
