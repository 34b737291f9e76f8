import assert from "node:assert/strict";
import test from "node:test";
import { usedUp } from "./buffers.ts";

const CHUNK = 1 << 18;

test("usedUp() keeps a stream's dead buffers from piling up", () => {
  let most = 0;
  for (let i = 0; i < 400; i++) {
    const chunk = Buffer.allocUnsafeSlow(CHUNK).fill(i);
    most = Math.max(most, process.memoryUsage().arrayBuffers);
    usedUp(chunk.length);
  }
  assert.ok(most < 24 << 20, `${most} bytes of buffers were waiting`);
  assert.equal(globalThis.gc, undefined);
});
