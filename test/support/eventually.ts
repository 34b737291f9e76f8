/** What becomes true soon without telling anybody. */
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";

const PATIENCE_MS = 120_000;

/** Looks again and again until what is seen is as wanted. @throws {AssertionError} with what was seen last, after two minutes */
export async function eventually<T>(look: () => Promise<T> | T, want: T): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (let seen = await look(); seen !== want; seen = await look()) {
    if (Date.now() > deadline) assert.deepEqual(seen, want);
    await setImmediate();
  }
}
