import assert from "node:assert/strict";
import { test } from "node:test";
import { levelOf, matcher } from "../../webviews/logs/filter.ts";
import { mayTakeForever } from "../../webviews/logs/pattern.ts";

const none = { text: "", level: "", fields: "" } as const;
const json = '{"level":"warn","status":503,"req":{"path":"/api"},"msg":"slow"}';

const cases: [Partial<Parameters<typeof matcher>[0]>, string, boolean][] = [
  [{}, "anything", true],
  [{ text: "ERROR|warn" }, "a Warning", true],
  [{ text: "^GET" }, "say GET", false],
  [{ text: "a(b" }, "xA(By", true],
  [{ level: "warn" }, "2026 ERROR it broke", true],
  [{ level: "warn" }, "[info] fine", false],
  [{ level: "warn" }, "no level", false],
  [{ level: "error" }, json, false],
  [{ level: "warn" }, json, true],
  [{ level: "error" }, '{"level":50}', true],
  [{ fields: "status>=500" }, json, true],
  [{ fields: "status<500" }, json, false],
  [{ fields: "req.path=/api msg~SLO" }, json, true],
  [{ fields: "req.path=/api msg=slo" }, json, false],
  [{ fields: "missing" }, json, false],
  [{ fields: "status" }, "status 500", false],
  [{ fields: 'msg="slow"' }, `web-1 ${json}`, true],
];
for (const [filter, text, want] of cases)
  test(`matcher() with ${JSON.stringify(filter)} on ${text}`, () => assert.equal(matcher({ ...none, ...filter })({ text }), want));

for (const [pattern, want] of [
  ["(a+)+$", true],
  ["(a|aa)+b", true],
  ["((a)*b)*", true],
  ["(x\\d{2,})*y", true],
  ["(a)\\1+", true],
  ["GET /api/\\d+ (200|304)", false],
  ["(error|warn).*timeout", false],
  ["\\(a+\\)+", false],
  ["[(+]+a*", false],
  ["(abc)+", false],
] as const)
  test(`mayTakeForever() of ${pattern}`, () => assert.equal(mayTakeForever(pattern), want));

test("matcher() refuses a field that is none", () => assert.throws(() => matcher({ ...none, fields: "=x" }), /=x/));

for (const [text, level] of [
  ["plain", undefined],
  ["error: x", "error"],
  ["terror", undefined],
  ['level=warning msg="x"', "warn"],
  ["E 12:00 [DEBUG] x", "debug"],
] as const)
  test(`levelOf() reads ${text}`, () => assert.equal(levelOf(text), level));
