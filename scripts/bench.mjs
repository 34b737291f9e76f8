/** `npm run bench`: how long things take beside docker and podman, in one run, as ratios. */
import { setUp } from "./setup.mjs";

await setUp(import.meta.filename);
const { bench } = await import("../test/bench/run.ts");
process.exitCode = await bench();
