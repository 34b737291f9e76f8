/**
 * `npm run bench`: how long things take beside docker and podman, in one run, as ratios.
 * `npm run bench -- networks`: throughput, connections and latency of networks instead.
 * `npm run bench -- containers`: exec, what printing costs, idle memory and starts by the API instead.
 * `npm run bench -- compose`: fifty services up and down instead.
 */
import { setUp } from "./setup.mjs";

await setUp(import.meta.filename);
if (process.argv.includes("networks")) await (await import("../test/bench/networks.ts")).benchNetworks();
else if (process.argv.includes("containers")) await (await import("../test/bench/containers.ts")).benchContainers();
else if (process.argv.includes("compose")) await (await import("../test/bench/compose.ts")).benchCompose();
else process.exitCode = await (await import("../test/bench/run.ts")).bench();
