import assert from "node:assert/strict";
import { test } from "node:test";
import { StampedLines, sinceAfter } from "./timestamps.ts";

const first = "2026-01-31T12:00:00.123456789Z";
const firstNs = 1_769_860_800_123_456_789n;

const cases: [string, string[], string, bigint | undefined][] = [
  ["whole lines", [`${first} a\n${first} b b\n`], "a\nb b\n", firstNs],
  ["a line in pieces", [`${first} a`, "b", "c\n"], "abc\n", firstNs],
  ["a stamp in pieces", [first.slice(0, 10), first.slice(10), " a\n"], "a\n", firstNs],
  ["a short fraction and an offset", ["2026-01-31T13:00:00.5+01:00 a\n"], "a\n", 1_769_860_800_500_000_000n],
  ["no fraction", ["2026-01-31T12:00:00Z a\n"], "a\n", 1_769_860_800_000_000_000n],
  ["an empty line", [`${first} \n${first} x`], "\nx", firstNs],
  ["text without a stamp", ["plain text\n", "x\n"], "plain text\nx\n", undefined],
  ["a long word without a stamp", ["x".repeat(50)], "x".repeat(50), undefined],
];

for (const [name, pieces, want, last] of cases)
  test(`StampedLines reads ${name}`, () => {
    const lines = new StampedLines();
    assert.equal(pieces.map((piece) => lines.push(piece)).join(""), want);
    assert.equal(lines.lastNs, last);
  });

test("sinceAfter() is one nanosecond later", () => {
  assert.equal(sinceAfter(firstNs), "1769860800.123456790");
  assert.equal(sinceAfter(999_999_999n), "1.000000000");
});
