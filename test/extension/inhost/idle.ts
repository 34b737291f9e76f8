/** What the extension costs: activation, heap, and a minute in which nobody does anything with all views open. */
import assert from "node:assert/strict";
import { subscribe } from "node:diagnostics_channel";
import { appendFileSync, readFileSync } from "node:fs";
import { Session } from "node:inspector/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import * as vscode from "vscode";
import { berth } from "./inside.ts";

const IDLE_MS = Number(process.env["BERTH_BENCH_MS"] ?? 60_000);
const VIEWS = ["containers", "images", "volumes", "networks", "projects", "registries", "endpoints"];

/** What is in use after a collection, in bytes: what a collection takes back is no cost. */
function heap(): number {
  setFlagsFromString("--expose_gc");
  const collect = runInNewContext("gc") as () => void;
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** Resolves when the extension host has come to rest: VS Code starts its own extensions meanwhile, and reads their programs. */
async function settled(): Promise<number> {
  for (let before = heap(); ;) {
    await sleep(3000);
    const now = heap();
    if (Math.abs(now - before) < 100_000) return now;
    before = now;
  }
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

/**
 * Milliseconds as "Developer: Show Running Extensions" and "Developer: Startup Performance" count them: reading the program, the
 * call of `activate`, and waiting for what it gives.
 */
async function activationTimes(): Promise<readonly number[]> {
  await vscode.commands.executeCommand("perfview.show");
  const isReport = ({ uri }: vscode.TextDocument): boolean => uri.scheme === "perf";
  const rowOf = (text: string): string[] | undefined =>
    text
      .split("\n")
      .map((line) => line.split("|").map((cell) => cell.trim()))
      .find((cells) => cells.includes("berth.berth"));
  for (;;) {
    const report = vscode.workspace.textDocuments.find(isReport);
    const row = report && rowOf(report.getText());
    if (row)
      return row
        .slice(row.indexOf("berth.berth") + 2)
        .slice(0, 3)
        .map(Number);
    await sleep(100);
  }
}

interface Activation {
  readonly wallMs: number;
  readonly cpuMs: number;
}

async function activate(): Promise<Activation> {
  const [started, busy] = [performance.now(), process.cpuUsage()];
  await vscode.extensions.getExtension("berth.berth")!.activate();
  return { wallMs: performance.now() - started, cpuMs: milliseconds(process.cpuUsage(busy)) };
}

/** Leaves VS Code's number to the run, which makes a median of several windows. Its report starts more of VS Code's own extensions. */
async function report({ wallMs, cpuMs }: Activation): Promise<void> {
  const [load, call, resolve] = await activationTimes();
  appendFileSync(process.env["BERTH_BENCH_ACTIVATIONS"]!, `${load! + call! + resolve!}\n`);
  const around = `${wallMs.toFixed(0)} ms until VS Code has done its part, ${cpuMs.toFixed(0)} ms of CPU in the whole extension host`;
  console.log(`[berth]  activation: load ${load} ms, call ${call} ms, resolve ${resolve} ms (${around})`);
}

/** Counts the processes that code of ours starts; VS Code itself looks for open ports with programs of the system. */
function countSpawns(): () => number {
  let spawned = 0;
  Error.stackTraceLimit = 100;
  subscribe("child_process", () => {
    if (/dist\/extension/.test(new Error("started").stack!)) spawned += 1;
  });
  return () => spawned;
}

interface EngineCost {
  /** Of children that have ended: any at all faults pages in. */
  readonly childFaults: number;
  readonly children: string;
  readonly cpuMs: number;
}

/** What the engine has used; its main thread is the only one that starts processes. */
function engineCost(pid: number): EngineCost {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .map(Number);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return { childFaults: fields[8]!, children, cpuMs: (fields[11]! + fields[12]!) * 10 };
}

async function enginePid(): Promise<number> {
  const status = await berth("engine", "status", "--format", "json");
  return (JSON.parse(status) as { pid: number }).pid;
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

suite("Idle", () => {
  test("costs next to nothing", async function () {
    this.timeout(IDLE_MS + 180_000);
    if (process.env["BERTH_BENCH"] === "activation") return report(await activate());
    const before = await settled();
    const activation = await activate();
    await vscode.commands.executeCommand("berth.engine.start");
    for (const view of VIEWS) await vscode.commands.executeCommand(`berth.${view}.focus`);
    const pid = await enginePid();
    const opened = await settled();
    const [spawned, engine] = [countSpawns(), engineCost(pid)];
    const share = await profileOf(() => sleep(IDLE_MS));
    const [after, engineAfter] = [heap(), engineCost(pid)];
    const engineShare = ((engineAfter.cpuMs - engine.cpuMs) / IDLE_MS) * 100;
    console.log(
      `[berth]  heap +${megabytes(opened - before)} by all views, ${megabytes(after - opened)} more in ${IDLE_MS / 1000} s of idling`,
    );
    console.log(
      `[berth]  idle: ${spawned()} processes, CPU ${share.toFixed(3)} % of the extension, ${engineShare.toFixed(2)} % of the engine`,
    );
    await report(activation);
    assert.equal(spawned(), 0);
    assert.deepEqual([engineAfter.childFaults, engineAfter.children], [engine.childFaults, engine.children]);
    assert.ok(after - before < 15e6, `The heap grew by ${megabytes(after - before)}`);
    assert.ok(share + engineShare < 1, `Idling used ${(share + engineShare).toFixed(2)} % of a CPU`);
  });
});
