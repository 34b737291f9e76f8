/** What the extension costs: activation, heap, and a minute in which nobody does anything with all views open. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
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

function percent({ user, system }: NodeJS.CpuUsage, ms: number): number {
  return ((user + system) / 1000 / ms) * 100;
}

suite("Idle", () => {
  test("costs next to nothing", async function () {
    this.timeout(IDLE_MS + 60_000);
    const quiet = process.cpuUsage();
    await sleep(IDLE_MS / 3);
    const alone = percent(process.cpuUsage(quiet), IDLE_MS / 3);
    const before = heap();
    const started = performance.now();
    await vscode.extensions.getExtension("berth.berth")!.activate();
    const activationMs = performance.now() - started;
    await vscode.commands.executeCommand("berth.engine.start");
    for (const view of VIEWS) await vscode.commands.executeCommand(`berth.${view}.focus`);
    await sleep(3000);
    const [spawned, cpu] = [children(), process.cpuUsage()];
    await sleep(IDLE_MS);
    const share = percent(process.cpuUsage(cpu), IDLE_MS) - alone;
    const megabytes = (heap() - before) / 1e6;
    console.log(
      `[berth]  activation ${activationMs.toFixed(0)} ms, heap +${megabytes.toFixed(1)} MB, CPU ${share.toFixed(2)} % above the ${alone.toFixed(2)} % of the extension host without it`,
    );
    assert.deepEqual(
      children().filter((pid) => !spawned.includes(pid)),
      [],
    );
    assert.ok(megabytes < 15, `The heap grew by ${megabytes.toFixed(1)} MB`);
    assert.ok(share < 1, `The extension used ${share.toFixed(2)} % of a CPU`);
  });
});
