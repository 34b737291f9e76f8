/**
 * `crun run` and nothing else, or runc: what a start by an engine is compared with.
 *
 *     node bare-run.ts RUNTIME BUNDLE        prints the milliseconds of each turn as JSON
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";

const TURNS = 15;

let count = 0;

async function run(runtime: string, bundle: string): Promise<void> {
  const flags = runtime === "crun" ? ["--cgroup-manager=cgroupfs"] : [];
  const args = [...flags, "--root", join(bundle, "state"), "run", "--bundle", bundle, `berth-bench-${process.pid}-${count++}`];
  const child = spawn(runtime, args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`${runtime} ended with ${code}`);
}

const [, , runtime = "", bundle = ""] = process.argv;
await run(runtime, bundle);
const times: number[] = [];
for (let turn = 0; turn < TURNS; turn++) {
  const started = performance.now();
  await run(runtime, bundle);
  times.push(performance.now() - started);
}
process.stdout.write(`${JSON.stringify(times)}\n`);
