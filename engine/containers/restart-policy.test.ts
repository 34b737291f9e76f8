import assert from "node:assert/strict";
import { test } from "node:test";
import type { RestartPolicy } from "../api/types/container.ts";
import { restartDelay, shouldRestart, shouldStartWithEngine } from "./restart-policy.ts";

for (const [policy, ending, want] of [
  ["no", {}, false],
  ["always", { exitCode: 0 }, true],
  ["always", { stopped: true }, false],
  ["unless-stopped", { exitCode: 0 }, true],
  ["unless-stopped", { stopped: true }, false],
  ["on-failure", { exitCode: 0 }, false],
  ["on-failure", { exitCode: 1 }, true],
  ["on-failure:2", { exitCode: 1, restartCount: 1 }, true],
  ["on-failure:2", { exitCode: 1, restartCount: 2 }, false],
] as const)
  test(`shouldRestart() of ${policy} after ${JSON.stringify(ending)}`, () => {
    assert.equal(shouldRestart(parse(policy), { exitCode: 1, stopped: false, restartCount: 0, ...ending }), want);
  });

for (const [policy, stoppedByUser, want] of [
  ["always", true, true],
  ["unless-stopped", true, false],
  ["unless-stopped", false, true],
  ["no", false, false],
] as const)
  test(`shouldStartWithEngine() of ${policy}, ${stoppedByUser ? "stopped" : "not stopped"} by its user`, () => {
    assert.equal(shouldStartWithEngine(parse(policy), { exitCode: 1, stopped: false, restartCount: 0, stoppedByUser }), want);
  });

test("restartDelay() doubles to a minute, and starts anew after a steady run", () => {
  const delays = [0];
  for (let round = 0; round < 12; round += 1) delays.push(restartDelay(delays.at(-1)!, 10));
  assert.deepEqual(delays.slice(1), [100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 60000, 60000]);
  assert.equal(restartDelay(51200, 10_000), 100);
});

function parse(text: string): RestartPolicy {
  const [Name, count] = text.split(":") as [NonNullable<RestartPolicy["Name"]>, string | undefined];
  return { Name, MaximumRetryCount: Number(count ?? 0) };
}
