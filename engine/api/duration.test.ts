import assert from "node:assert/strict";
import { test } from "node:test";
import { humanDuration, nanosecondTime, parseDuration, parseMoment, timeNs } from "./duration.ts";

const [second, minute, hour, day] = [1000, 60_000, 3_600_000, 86_400_000];

// From go-units' own tests.
const durations: [milliseconds: number, text: string][] = [
  [450, "Less than a second"],
  [1 * second, "1 second"],
  [47 * second, "47 seconds"],
  [1 * minute, "About a minute"],
  [61 * second, "About a minute"],
  [3 * minute, "3 minutes"],
  [35 * minute, "35 minutes"],
  [1 * hour, "About an hour"],
  [1 * hour + 45 * minute, "2 hours"],
  [3 * hour, "3 hours"],
  [3 * hour + 59 * minute, "4 hours"],
  [24 * hour, "24 hours"],
  [1 * day + 12 * hour, "36 hours"],
  [2 * day, "2 days"],
  [7 * day, "7 days"],
  [13 * day + 5 * hour, "13 days"],
  [14 * day, "2 weeks"],
  [15 * day, "2 weeks"],
  [30 * day, "4 weeks"],
  [60 * day, "2 months"],
  [75 * day, "2 months"],
  [730 * day, "2 years"],
];
for (const [milliseconds, text] of durations)
  test(`humanDuration() says ${text} for ${milliseconds} ms`, () => assert.equal(humanDuration(milliseconds), text));

test("nanosecondTime() has nine digits", () => {
  assert.equal(nanosecondTime(1795232956_000000007n), "2026-11-21T03:49:16.000000007Z");
});

test("timeNs() reads what the engine writes", () => {
  assert.equal(timeNs("2026-11-21T03:49:16.522528702Z"), 1795232956_522528702n);
  assert.equal(timeNs("2026-11-21T03:49:16.5Z"), 1795232956_500000000n);
  assert.equal(timeNs("2026-11-21T03:49:16Z"), 1795232956_000000000n);
  assert.equal(timeNs(""), 0n);
});

const moments: [text: string, ns: bigint | undefined][] = [
  ["", undefined],
  ["0", undefined],
  ["1795232956", 1795232956_000000000n],
  ["1795232956.5", 1795232956_500000000n],
  ["1795232956.000000007", 1795232956_000000007n],
  ["2026-11-21T03:49:16Z", 1795232956_000000000n],
  ["2026-11-21T04:49:16.25+01:00", 1795232956_250000000n],
  ["2026-11-21", 1795219200_000000000n],
];
for (const [text, ns] of moments) test(`parseMoment() reads ${text || "nothing"}`, () => assert.equal(parseMoment(text, "since"), ns));

test("parseMoment() takes a duration as before now", () => {
  const ago = BigInt(Date.now()) * 1_000_000n - parseMoment("1h30m", "since")!;
  assert.ok(ago - 5_400_000_000_000n < 1_000_000_000n);
});

test("parseMoment() says what it cannot read", () => {
  assert.throws(() => parseMoment("bogus", "since"), /invalid value for "since": failed to parse value as time or duration: "bogus"/);
});

test("parseDuration() reads Go's durations", () => {
  assert.deepEqual(["1h", "1m30s", "1.5s", "-2ms", "0", "10", "x"].map(parseDuration), [
    3_600_000_000_000n,
    90_000_000_000n,
    1_500_000_000n,
    -2_000_000n,
    0n,
    undefined,
    undefined,
  ]);
});
