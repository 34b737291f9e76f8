import assert from "node:assert/strict";
import { test } from "node:test";
import { formatDuration, humanDuration, parseDuration } from "./duration.ts";

const SECOND = 1000;
const HOUR = 3600 * SECOND;
const DAY = 24 * HOUR;

for (const [milliseconds, want] of [
  [450, "Less than a second"],
  [1 * SECOND, "1 second"],
  [45 * SECOND, "45 seconds"],
  [46 * SECOND, "46 seconds"],
  [59 * SECOND, "59 seconds"],
  [60 * SECOND, "About a minute"],
  [90 * SECOND, "About a minute"],
  [3 * 60 * SECOND, "3 minutes"],
  [35 * 60 * SECOND, "35 minutes"],
  [35.7 * 60 * SECOND, "35 minutes"],
  [50 * 60 * SECOND, "50 minutes"],
  [61 * 60 * SECOND, "About an hour"],
  [HOUR + 45 * 60 * SECOND, "2 hours"],
  [3 * HOUR + 59 * 60 * SECOND, "4 hours"],
  [35 * HOUR, "35 hours"],
  [DAY + 12 * HOUR, "36 hours"],
  [2 * DAY, "2 days"],
  [13 * DAY, "13 days"],
  [14 * DAY, "2 weeks"],
  [15 * DAY, "2 weeks"],
  [35 * DAY, "5 weeks"],
  [70 * DAY, "2 months"],
  [365 * DAY, "12 months"],
  [24 * 30 * DAY, "24 months"],
  [730 * DAY, "2 years"],
  [3 * 365 * DAY + 40 * DAY, "3 years"],
] as const)
  test(`humanDuration() says ${want}`, () => assert.equal(humanDuration(milliseconds), want));

for (const [text, want] of [
  ["0", 0],
  ["300ms", 300e6],
  ["1m30s", 90e9],
  ["1.5h", 5400e9],
  ["-2s", -2e9],
] as const)
  test(`parseDuration() reads ${text}`, () => assert.equal(parseDuration(text), want));

for (const [text, message] of [
  ["x", 'time: invalid duration "x"'],
  ["", 'time: invalid duration ""'],
  ["3", 'time: missing unit in duration "3"'],
  ["3d", 'time: unknown unit "d" in duration "3d"'],
] as const)
  test(`parseDuration() refuses "${text}"`, () => assert.throws(() => parseDuration(text), { message }));

test("formatDuration() writes Go's text", () => {
  assert.deepEqual([0, 500e6, 1e9, 90e9, 3600e9, 5430e9].map(formatDuration), ["0s", "500ms", "1s", "1m30s", "1h0m0s", "1h30m30s"]);
});
