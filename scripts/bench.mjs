/**
 * `npm run bench`: what containers cost beside docker and podman, in one run, as ratios: starts, 20 at once, exec, starts by the
 * API beside the bare runtime, a gigabyte of log, idle memory.
 * `npm run bench -- networks`: throughput, connections and latency of networks instead.
 * `npm run bench -- compose`: fifty services up and down instead.
 */
import { setUp } from "./setup.mjs";

await setUp(import.meta.filename);
if (process.argv.includes("networks")) await (await import("../test/bench/networks.ts")).benchNetworks();
else if (process.argv.includes("compose")) await (await import("../test/bench/compose.ts")).benchCompose();
else process.exitCode = await (await import("../test/bench/run.ts")).bench();
