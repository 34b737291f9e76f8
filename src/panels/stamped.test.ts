import assert from "node:assert/strict";
import { test } from "node:test";
import { StampedLines } from "./stamped.ts";

const T = "2026-01-01T00:00:00.000000001Z";
const U = "2026-01-01T00:00:00.000000002Z";
const long = "日".repeat(10_000);

/** Docker's pieces of a line. */
function pieces(...stamped: [string, Buffer][]): Buffer {
  return Buffer.concat(stamped.flatMap(([stamp, bytes]) => [Buffer.from(`${stamp} `), bytes]));
}
const bytes = Buffer.from(long);
const inPieces = Buffer.concat([pieces([T, bytes.subarray(0, 16_384)], [U, bytes.subarray(16_384)]), Buffer.from("\n")]);

const cases: [string, Buffer[], string[], string | undefined][] = [
  ["nothing", [], [], undefined],
  ["a line", [Buffer.from(`${T} hello\n`)], [`${T} hello`], undefined],
  ["what has not ended", [Buffer.from(`${T} a b\n${T} \n${U} unfini`)], [`${T} a b`, `${T} `], `${U} unfini`],
  ["a terminal's line", [Buffer.from(`${T} tty\r\n`)], [`${T} tty`], undefined],
  ["a progress bar", [Buffer.from(`${T} bar 1\rbar 2\n`)], [`${T} bar 1\rbar 2`], undefined],
  [
    "a letter in two frames",
    [Buffer.from(`${T} \u{1f389}`).subarray(0, -2), Buffer.from("\u{1f389}\n").subarray(2)],
    [`${T} 🎉`],
    undefined,
  ],
  ["a line in pieces", [inPieces], [`${T} ${long}`], undefined],
  [
    "a line in pieces, cut anywhere",
    [inPieces.subarray(0, 9000), inPieces.subarray(9000, 16_420), inPieces.subarray(16_420)],
    [`${T} ${long}`],
    undefined,
  ],
  ["a time that was printed", [Buffer.from(`${T} ${"x".repeat(5000)}${U} y\n`)], [`${T} ${"x".repeat(5000)}${U} y`], undefined],
];
for (const [name, frames, lines, end] of cases)
  test(`StampedLines reads ${name}`, () => {
    const stamped = new StampedLines();
    assert.deepEqual(
      frames.flatMap((frame) => stamped.push(frame)),
      lines,
    );
    assert.equal(stamped.end(), end);
  });

test("StampedLines knows the latest time, also of a piece", () => {
  const stamped = new StampedLines();
  stamped.push(inPieces);
  assert.equal(stamped.last, U);
});
