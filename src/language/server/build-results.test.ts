import assert from "node:assert/strict";
import { test } from "node:test";
import type { TestContext } from "node:test";
import type { BuildRecord, Prediction } from "../../../engine/api/types/builds.ts";
import { BuildResults } from "./build-results.ts";
import type { EngineLink } from "./engine-link.ts";
import type { OpenDocument } from "./feature.ts";

const runs = { outcome: "runs", kind: "run", range: { startLine: 2, endLine: 2 } };
const document = (version: number): OpenDocument => ({ uri: "file:///x/Dockerfile", path: "/x/Dockerfile", version, text: "FROM scratch" });
const record = (status: string): BuildRecord =>
  ({ id: "b", contextName: "/x", dockerfile: "Dockerfile", status, startedMs: 1, steps: [], tags: [] }) as unknown as BuildRecord;

/** An engine whose answers come when the test says so. */
function slowEngine({ mock }: TestContext, listed: readonly BuildRecord[] = []) {
  mock.timers.enable({ apis: ["setTimeout"] });
  const asked: ((steps: readonly unknown[]) => void)[] = [];
  const ended = Promise.withResolvers<void>();
  const order: string[] = [];
  const buildRecords = {
    predict: () => new Promise<Prediction>((resolve) => asked.push((steps) => resolve({ steps } as unknown as Prediction))),
    list: async () => (order.push("list"), listed),
    async *watch() {
      order.push("watch");
      await ended.promise;
      yield record("done");
    },
    progress: () => (order.push("progress"), []),
  };
  const results = new BuildResults({ client: { buildRecords }, signal: new AbortController().signal } as unknown as EngineLink, () => {});
  const ask = (version: number): void => {
    results.predictSoon(document(version));
    mock.timers.tick(1000);
  };
  return { results, asked, ended, order, ask };
}

/** What was answered has arrived. */
const arrived = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("the newest question is what counts, whatever is answered last", async (t) => {
  const { results, asked, ask } = slowEngine(t);
  ask(1);
  ask(2);
  asked[1]!([runs]);
  await arrived();
  asked[0]!([]);
  await arrived();
  assert.equal(results.predicted(document(2)).length, 1);
});

test("a question from before the end of a build is not answered after it", async (t) => {
  const { results, asked, ended, ask } = slowEngine(t);
  results.follow();
  ask(1);
  ended.resolve();
  await arrived();
  asked[0]!([runs]);
  await arrived();
  assert.deepEqual(results.predicted(document(1)), []);
});

test("a build that runs already is followed, and none begins unseen", async (t) => {
  const { results, order } = slowEngine(t, [record("running")]);
  results.follow();
  await arrived();
  assert.deepEqual(order, ["watch", "list", "progress"]);
});
