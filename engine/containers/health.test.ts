import assert from "node:assert/strict";
import { test } from "node:test";
import { Events } from "../events.ts";
import { processStartTime } from "../host/process.ts";
import { nowText } from "../runtime/clock.ts";
import type { Entry } from "./entry.ts";
import { watchHealth } from "./health.ts";
import type { Rooms } from "./rooms.ts";
import type { ContainerStore } from "./store.ts";

test("who sees a new status finds its event told already", { timeout: 60_000 }, async (t) => {
  const events = new Events();
  const state = { status: "running", pid: process.pid, pidStartTime: processStartTime(process.pid), startedAt: nowText() };
  const config = { Healthcheck: { Test: ["CMD", "check"], Interval: 1e6 } };
  const entry = { record: { id: "id", name: "checked", imageName: "image", config, state } } as unknown as Entry;
  const commands = { collect: () => Promise.resolve({ exitCode: 0, output: "", timedOut: false }) };
  let stop = (): void => undefined;
  t.after(() => stop());
  const seen = new Promise<[status: string | undefined, told: string | undefined]>((resolve) => {
    const note = async (): Promise<void> => resolve([entry.record.state.health?.status, events.recent().at(-1)?.action]);
    stop = watchHealth({ events } as Rooms, { note } as unknown as ContainerStore, { entry, commands });
  });
  assert.deepEqual(await seen, ["healthy", "health_status: healthy"]);
});
