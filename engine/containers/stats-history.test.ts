import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Events } from "../events.ts";
import type { ContainerRecord, Containers } from "./containers.ts";
import { StatsHistory } from "./stats-history.ts";

const web = { id: "a".repeat(64), name: "web", state: { status: "running" } } as ContainerRecord;

function reading(cpuNs: number): Record<string, unknown> {
  return {
    cpu_stats: { cpu_usage: { total_usage: cpuNs } },
    memory_stats: { usage: 1000, limit: 5000, stats: { inactive_file: 400 } },
    pids_stats: { current: 3 },
    blkio_stats: { io_service_bytes_recursive: [{ op: "read", value: 7 }] },
    networks: { eth0: { rx_bytes: 10, tx_bytes: 20 } },
  };
}

function open(records: ContainerRecord[], stats: Containers["stats"]): { history: StatsHistory; events: Events } {
  const events = new Events();
  return { history: new StatsHistory({ list: () => Promise.resolve(records), stats }, events), events };
}

test("StatsHistory samples what runs, and tells those who listen", async () => {
  let cpu = 0;
  const { history } = open([web], () => Promise.resolve(reading((cpu += 1e6))));
  const heard: string[] = [];
  const stop = history.subscribe(({ type }) => heard.push(type));
  assert.equal(await history.sample(), true);
  assert.equal(await history.sample(), true);
  stop();
  await history.sample();
  assert.deepEqual(heard, ["container", "container"]);
  const line = history.remembered()[1]!;
  assert.ok(line.type === "container");
  assert.deepEqual([line.id, line.name, line.samples.length], [web.id, "web", 3]);
  const { time, cpu: share, ...rest } = line.samples[1]!;
  assert.ok(time > 0 && share >= 0);
  assert.deepEqual(rest, { memory: 600, limit: 5000, received: 10, sent: 20, read: 7, written: 0, pids: 3 });
});

test("StatsHistory keeps a bounded number of samples, the old ones coarser", async () => {
  const { history } = open([web], () => Promise.resolve(reading(1)));
  for (let count = 0; count < 180 + 6 * 730; count++) await history.sample();
  const line = history.remembered()[1]!;
  assert.ok(line.type === "container");
  assert.equal(line.samples.length, 180 + 720);
});

test("StatsHistory takes no sample of what does not run, and survives what just ended", async () => {
  const { history } = open([web], () => Promise.reject(new Error("gone")));
  assert.equal(await history.sample(), true);
  assert.equal(await open([], () => Promise.resolve(reading(1))).history.sample(), false);
  assert.equal(history.remembered().length, 1);
});

test("StatsHistory marks what explains a curve", async () => {
  const { history, events } = open([], () => Promise.reject(new Error("unused")));
  for (const action of ["create", "start", "exec_create: sh", "oom", "health_status: unhealthy"])
    events.publish("container", action, web.id);
  await history.close();
  const [marks] = history.remembered();
  assert.deepEqual(marks?.type === "marks" && marks.marks.map(({ action }) => action), ["start", "oom", "health_status: unhealthy"]);
});

test("StatsHistory goes on where the engine before has ended, and without what it cannot read", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-stats-"));
  after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "history.json");
  const next = (): Promise<StatsHistory> => {
    const containers = { list: () => Promise.resolve([web]), stats: () => Promise.resolve(reading(1)) };
    return new StatsHistory(containers, new Events(), file).recall();
  };
  const first = await next();
  for (let count = 0; count < 13; count++) await first.sample();
  await first.close();
  const second = await next();
  await second.sample();
  const line = second.remembered()[1]!;
  assert.equal(line.type === "container" && line.samples.length, 3 + 1);
  await second.close();
  writeFileSync(file, '{"marks":');
  assert.equal((await next()).remembered().length, 1);
});
