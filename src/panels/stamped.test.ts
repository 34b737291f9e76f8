import assert from "node:assert/strict";
import { test } from "node:test";
import { stampedLines } from "./stamped.ts";

const cases: [string, string[], string][] = [
  ["", [], ""],
  ["2026-01-01T00:00:00Z hello\n", ["2026-01-01T00:00:00Z hello"], ""],
  ["t a b\nt \nt2 unfini", ["t a b", "t "], "t2 unfini"],
  ["t tty\r\n", ["t tty"], ""],
  ["t bar 1\rbar 2\n", ["t bar 1\rbar 2"], ""],
];
for (const [text, lines, unfinished] of cases)
  test(`stampedLines() reads ${JSON.stringify(text)}`, () => assert.deepEqual(stampedLines(text), { lines, unfinished }));
