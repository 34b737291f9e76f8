import assert from "node:assert/strict";
import { mock, test } from "node:test";
import { Later } from "./later.ts";

/** Lets promises and immediates go on; timers stand still. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise(setImmediate);
}

test("Later does what was left, each name once, when nobody waits any more", async () => {
  mock.timers.enable({ apis: ["setTimeout"] });
  const done: string[] = [];
  const later = new Later();
  const leave = (name: string, what: string): void => later.do(name, async () => void done.push(what));
  leave("a", "first");
  leave("a", "second");
  later.do("b", () => Promise.reject(new Error("of no interest")));
  leave("c", "third");
  later.run();
  later.postpone();
  mock.timers.tick(1000);
  await turns();
  assert.equal(done.length, 0);
  later.run();
  mock.timers.tick(1000);
  await turns();
  assert.deepEqual(done, ["second", "third"]);
  // Somebody comes while it works: the rest waits.
  later.do("d", async () => (later.postpone(), void done.push("fourth")));
  leave("e", "fifth");
  later.run();
  mock.timers.tick(1000);
  await turns();
  assert.deepEqual(done.slice(2), ["fourth"]);
  later.run();
  mock.timers.tick(1000);
  await turns();
  assert.deepEqual(done.slice(2), ["fourth", "fifth"]);
  mock.timers.reset();
});
