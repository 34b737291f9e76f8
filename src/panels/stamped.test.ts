import assert from "node:assert/strict";
import { test } from "node:test";
import { parseStampedLines } from "./stamped.ts";

const cases: [string, [string, string][], string][] = [
  ["", [], ""],
  ["2026-01-01T00:00:00Z hello\n", [["2026-01-01T00:00:00Z", "hello"]], ""],
  [
    "t a b\nt \nt2 unfini",
    [
      ["t", "a b"],
      ["t", ""],
    ],
    "t2 unfini",
  ],
  ["t tty\r\n", [["t", "tty"]], ""],
];
for (const [text, lines, unfinished] of cases)
  test(`parseStampedLines() reads ${JSON.stringify(text)}`, () =>
    assert.deepEqual(parseStampedLines(text), { lines: lines.map(([time, line]) => ({ time, text: line })), unfinished }));
