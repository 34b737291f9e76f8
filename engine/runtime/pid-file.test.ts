import assert from "node:assert/strict";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { appearingPid } from "./pid-file.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-pid-"));
after(() => rmSync(folder, { recursive: true, force: true }));

const never = new Promise(() => undefined);

test("appearingPid() tells the pid when its file is put in place, and at once when it is there", async () => {
  const pid = appearingPid(folder, never);
  writeFileSync(join(folder, ".pid"), "4711");
  renameSync(join(folder, ".pid"), join(folder, "pid"));
  assert.equal(await pid, 4711);
  assert.equal(await appearingPid(folder, never), 4711);
});

test("appearingPid() gives up when the task has ended without one", async () => {
  assert.equal(await appearingPid(tmpdir(), Promise.resolve()), undefined);
});
