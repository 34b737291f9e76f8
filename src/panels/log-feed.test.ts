import assert from "node:assert/strict";
import { test } from "node:test";
import type { Engine } from "../engine/engine.ts";
import { LogFeed } from "./log-feed.ts";
import type { RemovedLogs } from "./removed-logs.ts";

interface Asked {
  readonly follow: boolean;
  readonly until?: string | undefined;
  readonly since?: string | undefined;
}

/** An engine with one container, whose state is asked for again and again. */
function engineOf(states: string[], printed: (asked: Asked) => readonly string[]): { engine: Engine; asked: Asked[] } {
  const asked: Asked[] = [];
  const containers = {
    list: async () => [{ Id: "1", Names: ["/one"], Labels: {}, State: states.length > 1 ? states.shift() : states[0] }],
    inspect: async () => ({ Config: { Tty: false } }),
    logs: async (_id: string, { follow, until, since }: Asked) => {
      asked.push({ follow, until, since });
      const data = Buffer.from(
        printed({ follow, until, since })
          .map((line) => `${line}\n`)
          .join(""),
      );
      return {
        async *frames() {
          yield { stream: "stdout", data };
        },
      };
    },
  };
  const nothing = (): { dispose: () => void } => ({ dispose: () => {} });
  const engine = {
    own: true,
    state: { kind: "stopped" },
    client: async () => ({ containers }),
    onDidHappen: nothing,
    onDidChangeState: nothing,
  };
  return { engine: engine as unknown as Engine, asked };
}

const words = { stopped: () => "stopped", removed: () => "removed", lost: () => "lost", back: () => "back" };

/** Lines until the container is said to have stopped, or until all that there is was read. */
async function linesOf(engine: Engine, last: "stopped" | "caughtUp"): Promise<string[]> {
  const lines: string[] = [];
  const closed = new AbortController();
  await new Promise<void>((resolve) => {
    const seen = (what: string): void => void (what === last && setImmediate(resolve));
    const listener = {
      sources: () => {},
      lines: async (batch: { lines: readonly string[] }) => void lines.push(...batch.lines),
      note: (text: string) => seen(text),
      caughtUp: () => seen("caughtUp"),
    };
    const removed = { read: async () => [] } as unknown as RemovedLogs;
    const options = { subject: { id: "1", name: "one" }, tail: 1000, removed, signal: closed.signal, words };
    void new LogFeed(engine, { ...listener }, options).run();
  });
  closed.abort();
  return lines;
}

const OLD = "2026-01-01T00:00:00.000000001Z before";
const NEW = "2026-01-01T00:00:00.000000002Z meanwhile";

test("LogFeed reads all of a container that has ended, whatever the clocks say", { timeout: 10_000 }, async () => {
  const { engine, asked } = engineOf(["exited"], ({ until }) => (until === undefined ? [OLD, NEW] : [OLD]));
  assert.deepEqual(await linesOf(engine, "caughtUp"), [OLD, NEW]);
  assert.deepEqual(asked, [{ follow: false, until: undefined, since: undefined }]);
});

for (const state of ["running", "paused", "exited"])
  test(`LogFeed shows what was printed while the past was read, of one that is ${state} then`, { timeout: 10_000 }, async () => {
    const { engine, asked } = engineOf([state === "exited" ? "running" : state, state], ({ follow }) => (follow ? [OLD, NEW] : [OLD]));
    await linesOf(engine, "stopped");
    assert.deepEqual(
      asked.map(({ follow, since }) => [follow, since]),
      [
        [false, undefined],
        [true, OLD.slice(0, 30)],
      ],
    );
  });

test("LogFeed says that a container was removed when its lines are kept: a window may be reloaded then", { timeout: 10_000 }, async () => {
  const { engine } = engineOf(["running"], () => [OLD]);
  const nothing = (): void => {};
  let happens: (event: unknown) => void = nothing;
  Object.assign(engine, { onDidHappen: (listener: typeof happens) => ((happens = listener), { dispose: nothing }) });
  const closed = new AbortController();
  const order: string[] = [];
  await new Promise<void>((resolve) => {
    const keep = async (): Promise<void> => {
      await new Promise(setImmediate);
      order.push("kept");
      setImmediate(resolve);
    };
    const listener = {
      sources: nothing,
      lines: async () => {},
      note: (text: string) => void (text === "removed" && order.push(text)),
      caughtUp: () => happens({ Type: "container", Action: "destroy", Actor: { ID: "1", Attributes: { name: "one" } } }),
    };
    const removed = { read: async () => [], keep } as unknown as RemovedLogs;
    const options = { subject: { id: "1", name: "one" }, tail: 1000, removed, signal: closed.signal, words };
    void new LogFeed(engine, listener, options).run();
  });
  closed.abort();
  assert.deepEqual(order, ["kept", "removed"]);
});
