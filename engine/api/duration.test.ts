import assert from "node:assert/strict";
import { test } from "node:test";
import { nanosecondTime, parseDuration, parseMoment, timeNs } from "./duration.ts";

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
