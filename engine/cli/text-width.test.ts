import assert from "node:assert/strict";
import { test } from "node:test";
import { cutToWidth, fitToWidth, textWidth } from "./text-width.ts";

const WIDTHS: readonly [text: string, columns: number][] = [
  ["plain", 5],
  ["構築する", 8],
  ["한국어", 6],
  ["e\u0301", 1],
  ["ｆｕｌｌ", 8],
  ["🚀", 2],
  ["❤\ufe0f", 2],
  ["→ ✓ …", 5],
  ["\u200bx", 1],
];

test("how wide texts are", () => {
  for (const [text, columns] of WIDTHS) assert.equal(textWidth(text), columns, JSON.stringify(text));
});

test("texts are cut between characters, and filled up", () => {
  assert.equal(cutToWidth("構築する", 5, "…"), "構築…");
  assert.equal(cutToWidth("🚀🚀", 3), "🚀");
  assert.equal(cutToWidth("abc", 3, "…"), "abc");
  assert.equal(fitToWidth("構築する", 6, "…"), "構築… ");
  assert.equal(cutToWidth("ae\u0301o", 2), "ae\u0301");
});
