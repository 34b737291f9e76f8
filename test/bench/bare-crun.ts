/**
 * `crun run` and nothing else: what a start by an engine is compared with. Runs in a mount namespace of its own, because crun
 * refuses hybrid control groups unless the second hierarchy hides its controllers, as the engine does it too.
 *
 *     node bare-crun.ts BUNDLE        prints the median in milliseconds
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { medianOf } from "./median.ts";

let count = 0;

async function run(bundle: string): Promise<void> {
  const args = ["--cgroup-manager=cgroupfs", "run", "--bundle", bundle, `berth-bench-${process.pid}-${count++}`];
  const child = spawn("crun", args, { stdio: ["ignore", "inherit", "inherit"] });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`crun ended with ${code}`);
}

const [, , bundle = ""] = process.argv;
process.stdout.write(`${await medianOf(() => run(bundle))}\n`);
