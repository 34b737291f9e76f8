import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { announce } from "../client/announce.ts";
import { hearAnnouncements } from "./announcements.ts";

test("announcements come in order, and nobody waits where nobody hears", async () => {
  const directory = mkdtempSync(join(tmpdir(), "berth-announce-"));
  const path = join(directory, "fifo");
  assert.equal(announce(path, "nobody"), false);
  const lines: string[] = [];
  // The test waits in what keeps no process alive.
  const alive = setInterval(() => undefined, 1000);
  await new Promise<void>((resolve) => {
    hearAnnouncements(path, (line) => lines.push(line) === 3 && resolve());
    assert.equal(announce(path, "x".repeat(5000)), false);
    for (const line of ["one", "", "dré"]) assert.equal(announce(path, line), true);
  });
  clearInterval(alive);
  rmSync(directory, { recursive: true });
  assert.deepEqual(lines, ["one", "", "dré"]);
});
