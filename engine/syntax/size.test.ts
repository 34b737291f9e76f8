import assert from "node:assert/strict";
import { test } from "node:test";
import { binarySize, humanSize, parseBytes } from "./size.ts";

for (const [bytes, precision, want] of [
  [0, 4, "0B"],
  [1000, 4, "1kB"],
  [1024, 4, "1.024kB"],
  [1986169, 3, "1.99MB"],
  [220_000_000, 3, "220MB"],
  [711938381, 4, "711.9MB"],
  [1e15, 4, "1PB"],
  [999_999, 4, "1000kB"],
] as const)
  test(`humanSize() says ${want}`, () => assert.equal(humanSize(bytes, precision), want));

test("binarySize() counts in 1024", () => {
  assert.deepEqual([0, 512, 1024, 3_096_576, 25_275_000_000].map(binarySize), ["0B", "512B", "1KiB", "2.953MiB", "23.54GiB"]);
});

for (const [text, want] of [
  ["32", 32],
  ["32b", 32],
  ["32k", 32768],
  ["32KB", 32768],
  ["64m", 67108864],
  ["1.5GiB", 1610612736],
  ["1 g", 1073741824],
] as const)
  test(`parseBytes() reads ${text}`, () => assert.equal(parseBytes(text), want));

test("parseBytes() refuses what is no size", () => {
  for (const text of ["", "x", "-1", "m", "1 2"]) assert.throws(() => parseBytes(text), { message: `invalid size: '${text}'` });
  for (const suffix of ["x", "ib", "kk"]) assert.throws(() => parseBytes(`10${suffix}`), { message: `invalid suffix: '${suffix}'` });
});
