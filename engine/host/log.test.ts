import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, openSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

const folder = mkdtempSync(join(tmpdir(), "berth-log-"));
after(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `code` with `log` at hand and stderr appended to a file, as the launcher does it. */
function logged(name: string, code: string): string {
  const path = join(folder, name);
  const source = `import { log } from ${JSON.stringify(join(import.meta.dirname, "log.ts"))};${code}`;
  spawnSync(process.execPath, ["--input-type=module", "-e", source], { stdio: ["ignore", "inherit", openSync(path, "a")] });
  return path;
}

test("log() writes one line with time and level, and an error with its stack", () => {
  const [line, error, at] = readFileSync(logged("lines", `log("info", "up"); log("error", new TypeError("no"));`), "utf8").split("\n");
  assert.match(line!, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z info up$/);
  assert.match(error!, / error TypeError: no$/);
  assert.match(at!, /^ +at /);
});

test("log() starts again when the file is large, and keeps one older", () => {
  const path = logged("large", `for (let i = 0; i < 90; i++) log("info", i + "x".repeat(100_000));`);
  assert.ok(statSync(path).size < 4.2 * 1024 * 1024);
  assert.ok(statSync(`${path}.1`).size < 4.2 * 1024 * 1024);
  assert.match(readFileSync(path, "utf8").split("\n").at(-2)!, / info 89x+$/);
});
