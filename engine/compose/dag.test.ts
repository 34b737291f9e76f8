import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { runDag } from "./dag.ts";

test("runDag() begins nothing after enough, ends what waits, and lets what has begun go on", async () => {
  const nodes = ["begun", "waiting", "queued", "after"].map((id) => ({ id, after: id === "after" ? ["begun"] : [] }));
  const enough = new AbortController();
  const ran: string[] = [];
  let letGo = (): void => {};
  const gate = new Promise<void>((resolve) => (letGo = resolve));
  const all = runDag(
    nodes,
    async ({ id }, signal) => {
      ran.push(id);
      if (id === "waiting") {
        await once(signal, "abort");
        letGo();
        throw signal.reason;
      }
      setImmediate(() => enough.abort());
      await gate;
      assert.equal(signal.aborted, false);
      ran.push(`${id} ended`);
    },
    { parallel: 1, signal: new AbortController().signal, enough: enough.signal, waits: ({ id }) => id === "waiting" },
  );
  await all;
  assert.deepEqual(ran, ["begun", "waiting", "begun ended"]);
});
