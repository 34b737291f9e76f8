import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { ChangeWatch } from "./change-watch.ts";

const changes: Readonly<Record<string, { act: (at: string) => unknown; seen: boolean }>> = {
  nothing: { act: () => undefined, seen: false },
  "a file is read": { act: (at) => readFileSync(join(at, "file")), seen: false },
  "a file is written": { act: (at) => writeFileSync(join(at, "file"), "b"), seen: true },
  "a mode": { act: (at) => chmodSync(join(at, "file"), 0o600), seen: true },
  "a time": { act: (at) => utimesSync(join(at, "file"), 1, 1), seen: true },
  "a new file": { act: (at) => writeFileSync(join(at, "new"), ""), seen: true },
  "a file goes": { act: (at) => rmSync(join(at, "file")), seen: true },
  "a file is renamed": { act: (at) => renameSync(join(at, "file"), join(at, "other")), seen: true },
  "the directory is renamed": { act: (at) => renameSync(at, `${at}-moved`), seen: true },
  "its own mode": { act: (at) => chmodSync(at, 0o700), seen: true },
  "what is below a directory in it": { act: (at) => writeFileSync(join(at, "below/file"), "b"), seen: false },
};

for (const [name, { act, seen }] of Object.entries(changes))
  test(`ChangeWatch sees ${seen ? "" : "nothing of "}this: ${name}`, () => {
    const parent = mkdtempSync(join(tmpdir(), "berth-watch-"));
    const at = join(parent, "directory");
    mkdirSync(join(at, "below"), { recursive: true });
    writeFileSync(join(at, "file"), "a");
    const watch = ChangeWatch.open()!;
    try {
      assert.equal(watch.add(at), true);
      assert.equal(watch.changed(), false);
      act(at);
      assert.equal(watch.changed(), seen);
    } finally {
      watch.close();
      rmSync(parent, { recursive: true });
    }
    assert.equal(watch.changed(), true);
  });

test("ChangeWatch takes directories only, and none through a link", () => {
  const parent = mkdtempSync(join(tmpdir(), "berth-watch-"));
  writeFileSync(join(parent, "file"), "");
  symlinkSync(parent, join(parent, "link"));
  const watch = ChangeWatch.open()!;
  const taken = ["file", "link", "missing", "."].map((name) => watch.add(join(parent, name)));
  watch.close();
  rmSync(parent, { recursive: true });
  assert.deepEqual(taken, [false, false, false, true]);
});
