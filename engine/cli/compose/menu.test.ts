import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { openMenu } from "./menu.ts";

test("openMenu() takes keys of a terminal, and gives it back", async () => {
  const said: string[] = [];
  const modes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), { isTTY: true, setRawMode: (raw: boolean) => modes.push(raw) });
  let watches = false;
  const detached = Promise.withResolvers<void>();
  const keys = {
    watch: () => (watches = !watches),
    detach: () => detached.resolve(),
    interrupt: () => void said.push("interrupted"),
  };
  const close = openMenu({ stdin, complain: (line) => void said.push(line) }, keys);
  stdin.write("wxw\x03d");
  await detached.promise;
  close();
  const [enable, disable] = ["w Enable Watch   d Detach", "w Disable Watch   d Detach"];
  assert.deepEqual(said, [enable, disable, enable, "interrupted"]);
  assert.deepEqual(modes, [true, false]);
  assert.equal(stdin.listenerCount("data"), 0);
});

test("openMenu() does nothing without a terminal", () => {
  const stdin = new PassThrough();
  openMenu({ stdin, complain: () => assert.fail("it says something") }, { watch: () => false, detach: () => {}, interrupt: () => {} })();
  assert.equal(stdin.listenerCount("data"), 0);
});
