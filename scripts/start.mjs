/**
 * `npm start`: from a fresh machine to a container that answers, in a real VS Code.
 * `npm start -- --headless`: the same without an editor; checks its own answers, stops what it started, exits 0.
 */
import { setUp } from "./setup.mjs";

await setUp(import.meta.filename);
const { start } = await import("./start-sample.ts");
process.exitCode = await start({ headless: process.argv.includes("--headless") });
