import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { Worker } from "node:worker_threads";
import { setTimes } from "./thread-root.ts";

test("setTimes() sets nanoseconds and does not follow links", () => {
  const directory = mkdtempSync(join(tmpdir(), "thread-root-"));
  writeFileSync(join(directory, "file"), "");
  symlinkSync("file", join(directory, "link"));
  setTimes(join(directory, "link"), 5, 6);
  setTimes(join(directory, "file"), 1_700_000_000, 123_456_789);
  assert.equal(statSync(join(directory, "file"), { bigint: true }).mtimeNs, 1_700_000_000_123_456_789n);
  rmSync(directory, { recursive: true });
});

test("Root.enter() confines one thread and nothing else", async (t) => {
  if (process.getuid!() !== 0) return t.skip("needs root");
  const directory = mkdtempSync(join(tmpdir(), "thread-root-"));
  writeFileSync(join(directory, "secret"), "inside");
  symlinkSync("/secret", join(directory, "absolute"));
  symlinkSync("../../../../secret", join(directory, "relative"));
  const source = `
    import { readFileSync, readdirSync, writeFileSync, statSync } from "node:fs";
    import { parentPort, workerData } from "node:worker_threads";
    const { ownRoot, Root } = await import(workerData.module);
    const real = ownRoot();
    const root = new Root(workerData.directory);
    root.enter();
    const seen = [...readdirSync("/").sort(), readFileSync("/absolute", "utf8"), readFileSync("/relative", "utf8")];
    writeFileSync("/made", "", { mode: 0o666 });
    seen.push((statSync("/made").mode & 0o777).toString(8));
    real.enter();
    root.close();
    seen.push(readdirSync("/").includes("secret") ? "jailed" : "free");
    parentPort.postMessage(seen);`;
  const module = new URL("./thread-root.ts", import.meta.url).href;
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(source)}`), { workerData: { module, directory } });
  const seen = await new Promise((done, fail) => worker.once("message", done).once("error", fail));
  assert.deepEqual(seen, ["absolute", "relative", "secret", "inside", "inside", "666", "free"]);
  assert.ok(!readdirSync("/").includes("secret"));
  await worker.terminate();
  rmSync(directory, { recursive: true });
});
