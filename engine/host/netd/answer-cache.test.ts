import assert from "node:assert/strict";
import { test } from "node:test";
import dns from "dns-packet";
import { AnswerCache } from "./answer-cache.ts";

const question = (id: number, name: string, flags = dns.RECURSION_DESIRED): Buffer =>
  dns.encode({ type: "query", id, flags, questions: [{ type: "A", name }] });
const answer = (name: string, ttls: number[], flags = 0): Buffer =>
  dns.encode({
    type: "response",
    id: 1,
    flags,
    questions: [{ type: "A", name }],
    answers: ttls.map((ttl) => ({ type: "A", name, ttl, data: "10.0.0.1" })),
  });

test("AnswerCache gives an answer under the new question's number and spelling, until it ends", () => {
  let now = 0;
  const cache = new AnswerCache(() => now);
  cache.put(question(1, "example.org"), "s", answer("example.org", [20, 10]));
  now = 9_999;
  const found = dns.decode(cache.get(question(2, "EXAMPLE.org"), "s")!);
  assert.deepEqual([found.id, found.questions?.[0]?.name, found.answers?.length], [2, "EXAMPLE.org", 2]);
  assert.equal(cache.get(question(2, "example.com"), "s"), undefined);
  assert.equal(cache.get(question(2, "example.org"), "other servers"), undefined);
  assert.equal(cache.get(question(2, "example.org", 0), "s"), undefined);
  now = 10_000;
  assert.equal(cache.get(question(3, "example.org"), "s"), undefined);
});

const notKept: [string, Buffer][] = [
  ["a failure", answer("a.b", [60], 2)],
  ["no such name", answer("a.b", [], 3)],
  ["no data", answer("a.b", [])],
  ["a cut answer", answer("a.b", [60], dns.TRUNCATED_RESPONSE)],
  ["what must not be kept", answer("a.b", [0])],
  ["garbage", Buffer.alloc(13, 0)],
];
for (const [what, bytes] of notKept)
  test(`AnswerCache does not keep ${what}`, () => {
    const cache = new AnswerCache(() => 0);
    cache.put(question(1, "a.b"), "s", bytes);
    assert.equal(cache.get(question(2, "a.b"), "s"), undefined);
  });

test("AnswerCache keeps nothing longer than half a minute, and not without end", () => {
  let now = 0;
  const cache = new AnswerCache(() => now);
  for (let number = 0; number < 1500; number++) cache.put(question(1, `n${number}.example`), "s", answer(`n${number}.example`, [86_400]));
  assert.equal(cache.get(question(1, "n0.example"), "s"), undefined);
  assert.ok(cache.get(question(1, "n1499.example"), "s"));
  now = 30_000;
  assert.equal(cache.get(question(1, "n1499.example"), "s"), undefined);
});
