/** What the extension costs: activation, heap, and a minute in which nobody does anything with all views open. */
import assert from "node:assert/strict";
import { appendFileSync, readdirSync, readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as vscode from "vscode";

const IDLE_MS = Number(process.env["BERTH_BENCH_MS"] ?? 60_000);
const VIEWS = ["containers", "images", "volumes", "networks", "projects", "registries", "endpoints"];

function heap(): number {
  setFlagsFromString("--expose_gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Processes whose parent is this one. */
function children(): string[] {
  return readdirSync("/proc").filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]) === process.pid;
    } catch {
      return false;
    }
  });
}

const milliseconds = ({ user, system }: NodeJS.CpuUsage): number => (user + system) / 1000;

/** Share of the time in which our own code ran, from a profile of the whole extension host: what others do there does not count. */
async function profileOf(work: () => Promise<void>): Promise<number> {
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 500 });
  await session.post("Profiler.start");
  await work();
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  const children = new Map(profile.nodes.map((node) => [node.id, node.children ?? []]));
  const ours = new Set<number>();
  const mark = (id: number): void => {
    ours.add(id);
    children.get(id)?.forEach(mark);
  };
  for (const { id, callFrame } of profile.nodes) if (/dist\/extension/.test(callFrame.url)) mark(id);
  const own = profile.samples!.reduce((sum, id, at) => sum + (ours.has(id) ? Math.max(0, profile.timeDeltas![at]!) : 0), 0);
  return (own / (profile.endTime - profile.startTime)) * 100;
}

/** Activates the extension; gives milliseconds, and leaves them to the run, which makes a median of several windows. */
async function activation(): Promise<{ wallMs: number; cpuMs: number }> {
  const [started, busy] = [performance.now(), process.cpuUsage()];
  await vscode.extensions.getExtension("berth.berth")!.activate();
  const [wallMs, cpuMs] = [performance.now() - started, milliseconds(process.cpuUsage(busy))];
  appendFileSync(process.env["BERTH_BENCH_ACTIVATIONS"]!, `${wallMs}\n`);
  console.log(`[berth]  activation ${wallMs.toFixed(0)} ms (${cpuMs.toFixed(0)} ms of CPU in the whole extension host)`);
  return { wallMs, cpuMs };
}

suite("Idle", () => {
  test("costs next to nothing", async function () {
    this.timeout(IDLE_MS + 120_000);
    const before = heap();
    await activation();
    if (process.env["BERTH_BENCH"] === "activation") return;
    await vscode.commands.executeCommand("berth.engine.start");
    for (const view of VIEWS) await vscode.commands.executeCommand(`berth.${view}.focus`);
    await sleep(3000);
    const spawned = children();
    const share = await profileOf(() => sleep(IDLE_MS));
    const megabytes = (heap() - before) / 1e6;
    console.log(`[berth]  heap +${megabytes.toFixed(1)} MB, CPU ${share.toFixed(3)} % while idle for ${IDLE_MS / 1000} s`);
    assert.deepEqual(
      children().filter((pid) => !spawned.includes(pid)),
      [],
    );
    assert.ok(megabytes < 15, `The heap grew by ${megabytes.toFixed(1)} MB`);
    assert.ok(share < 1, `The extension used ${share.toFixed(2)} % of a CPU`);
  });
});
