import assert from "node:assert/strict";
import { test } from "node:test";
import { Memory } from "../../webviews/ui/memory.ts";
import type { Keeper } from "../../webviews/ui/memory.ts";

interface View {
  readonly text: string;
  readonly wrap: boolean;
}

/** What the editor keeps of a page, also while there is none. */
function keeper(): Keeper & { state: unknown } {
  return {
    state: undefined,
    getState() {
      return this.state;
    },
    setState(state) {
      this.state = structuredClone(state);
    },
  };
}

test("Memory keeps what was chosen beside what the page is opened on, from one page to the next", () => {
  const kept = keeper();
  const first = new Memory<View>(kept, { id: "1" });
  assert.deepEqual([first.before, kept.state], [{}, { id: "1", view: {} }]);
  first.keep({ text: "a" });
  first.keep({ wrap: true });
  // After a reload the extension gives back what was kept, all of it.
  const second = new Memory<View>(kept, kept.state as object);
  assert.deepEqual(second.before, { text: "a", wrap: true });
  second.keep({ text: "b" });
  assert.deepEqual(kept.state, { id: "1", view: { text: "b", wrap: true } });
  assert.deepEqual(second.before.text, "a");
});

test("Memory takes what another version kept for nothing", () => {
  for (const state of [undefined, null, { id: "1" }, { view: "x" }, { view: null }]) {
    const kept = keeper();
    kept.state = state;
    assert.deepEqual(new Memory<View>(kept, { id: "1" }).before, {});
  }
});
