import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import type { Server } from "node:http";
import { mock, test } from "node:test";
import { whenIdle } from "./idle.ts";

/** Lets promises that are settled run their continuations. */
const settle = async (): Promise<void> => {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
};

test("whenIdle() ends only when nobody is connected and nothing runs, for the whole time", async (t) => {
  mock.timers.enable({ apis: ["setTimeout"] });
  t.after(() => mock.timers.reset());
  const server = new EventEmitter();
  let busy = true;
  const ends: boolean[] = [];
  const answers = [false, true];
  const end = async (): Promise<boolean> => {
    const ended = answers.shift()!;
    ends.push(ended);
    return Promise.resolve(ended);
  };
  whenIdle({ server: server as Server, busy: async () => Promise.resolve(busy) }, 10, end);
  const pass = async (seconds: number): Promise<number> => {
    mock.timers.tick(seconds * 1000);
    await settle();
    return ends.length;
  };

  assert.equal(await pass(10), 0, "something runs");
  const [first, second] = [new EventEmitter(), new EventEmitter()];
  server.emit("connection", first);
  server.emit("connection", second);
  busy = false;
  assert.equal(await pass(100), 0, "two are connected");
  first.emit("close");
  assert.equal(await pass(100), 0, "one is connected");
  second.emit("close");
  assert.equal(await pass(9), 0, "not long enough");
  assert.equal(await pass(1), 1, "it could not end");
  assert.equal(await pass(9), 1);
  assert.equal(await pass(1), 2, "it asks again");
  assert.equal(await pass(100), 2, "it has ended");
});
