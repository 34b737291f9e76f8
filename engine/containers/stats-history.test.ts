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

test("StatsHistory remembers six hours, in order, and an engine that is killed loses two minutes of them", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "berth-stats-"));
  after(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "history.json");
  const started = Date.UTC(2026, 0, 1);
  t.mock.timers.enable({ apis: ["Date"], now: started });
  const hours = (count: number): number => count * 3_600_000;
  const containers = { list: () => Promise.resolve([web]), stats: () => Promise.resolve(reading(1)) };
  const events = new Events();
  const first = await new StatsHistory(containers, events, file).recall();
  for (; Date.now() < started + hours(7); t.mock.timers.tick(5000)) {
    if (Date.now() === started + hours(6)) events.publish("container", "oom", web.id);
    await first.sample();
  }
  const timesOf = (history: StatsHistory): number[] => {
    const line = history.remembered()[1]!;
    return line.type === "container" ? line.samples.map(({ time }) => time) : [];
  };
  const before = timesOf(first);
  assert.deepEqual(
    before,
    before.toSorted((a, b) => a - b),
  );
  assert.ok(before.at(-1)! - before[0]! >= hours(6), `${before.at(-1)! - before[0]!}`);
  // Nobody closes it: this is a kill.
  const second = await new StatsHistory(containers, new Events(), file).recall();
  const kept = timesOf(second);
  assert.ok(before.at(-1)! - kept.at(-1)! <= 120_000 + 5000 * 6, `${before.at(-1)! - kept.at(-1)!}`);
  assert.ok(kept.at(-1)! - kept[0]! >= hours(5.75), `${kept.at(-1)! - kept[0]!}`);
  assert.deepEqual(second.remembered()[0], { type: "marks", marks: [{ time: started + hours(6), id: web.id, action: "oom" }] });
  const gaps = kept.slice(1).map((time, index) => time - kept[index]!);
  assert.ok(Math.max(...gaps) <= 60_000, `${Math.max(...gaps)}`);
});
