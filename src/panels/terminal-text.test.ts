import assert from "node:assert/strict";
import { test } from "node:test";
import { paletteColor, plainOf, runsOf } from "../../webviews/logs/terminal-text.ts";
import type { Run } from "../../webviews/logs/terminal-text.ts";

const run = (text: string, look: Partial<Run> = {}): Run => ({ text, looks: [], ...look });

const cases: [string, Run[]][] = [
  ["plain, tab\tkept", [run("plain, tab\tkept")]],
  ["\u001b[31mred\u001b[0m not", [run("red", { ink: 1 }), run(" not")]],
  ["\u001b[1;93;44mloud\u001b[22;39mless", [run("loud", { looks: ["bold"], ink: 11, ground: 4 }), run("less", { ground: 4 })]],
  ["\u001b[38;5;208mpalette", [run("palette", { ink: 208 })]],
  ["\u001b[38;2;1;2;300mtrue", [run("true", { ink: "#0102ff" })]],
  ["\u001b[7;31mswapped\u001b[27m", [run("swapped", { ground: 1, looks: ["swapped"] })]],
  ["\u001b[2K\u001b[1Gcursor", [run("cursor")]],
  ["\u001b]0;title\u0007\u001b(Btext", [run("text")]],
  ["10%\r50%\r100%\r", [run("100%")]],
  ["a\u0000b\u0007\u007f", [run("a␀b␇␡")]],
  ["cut \u001b[3", [run("cut ␛[3")]],
  ["\r", []],
];
for (const [line, want] of cases)
  test(`runsOf() reads ${JSON.stringify(line)}`, () => {
    assert.deepEqual(runsOf(line), want);
    assert.equal(plainOf(line), want.map(({ text }) => text).join(""));
  });

test("paletteColor() is xterm's", () => {
  assert.deepEqual([16, 21, 208, 231, 232, 255].map(paletteColor), [
    [0, 0, 0],
    [0, 0, 255],
    [255, 135, 0],
    [255, 255, 255],
    [8, 8, 8],
    [238, 238, 238],
  ]);
});
