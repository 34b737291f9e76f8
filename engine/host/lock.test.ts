import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { lock, tryLock } from "./lock.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-lock-"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("tryLock() gives a lock to one and again when it was given back", () => {
  const path = join(folder, "one");
  const unlock = tryLock(path)!;
  assert.equal(tryLock(path), undefined);
  unlock();
  tryLock(path)!();
  assert.equal(statSync(path).mode & 0o777, 0o600);
});

test("lock() waits for the other kind too, and gives up when told", async () => {
  const path = join(folder, "two");
  const unlock = tryLock(path)!;
  const waiting = lock(path);
  await assert.rejects(lock(path, AbortSignal.abort()), { name: "AbortError" });
  unlock();
  const release = await waiting;
  assert.equal(tryLock(path), undefined);
  release();
  tryLock(path)!();
});

test("a lock is free when its owner was killed", async () => {
  const path = join(folder, "three");
  const code = `import(${JSON.stringify(join(import.meta.dirname, "lock.ts"))}).then(({tryLock}) => { tryLock(${JSON.stringify(path)}); console.log("mine"); setInterval(() => 0, 1e9); })`;
  const owner = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  await once(owner.stdout, "data");
  assert.equal(tryLock(path), undefined);
  owner.kill("SIGKILL");
  (await lock(path))();
});
