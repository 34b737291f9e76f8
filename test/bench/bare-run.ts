/**
 * `crun run` and nothing else, or runc: what a start by an engine is compared with. For each line on stdin it runs the bundle
 * once and prints the milliseconds.
 *
 *     node bare-run.ts RUNTIME BUNDLE STATE
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";

const [, , runtime = "", bundle = "", state = ""] = process.argv;
let count = 0;

async function run(): Promise<number> {
  const flags = runtime === "crun" ? ["--cgroup-manager=cgroupfs"] : [];
  const args = [...flags, "--root", state, "run", "--bundle", bundle, `berth-bench-${process.pid}-${count++}`];
  const started = performance.now();
  const child = spawn(runtime, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${runtime} ended with ${code}`);
  return performance.now() - started;
}

for await (const _line of createInterface({ input: process.stdin })) process.stdout.write(`${await run()}\n`);
