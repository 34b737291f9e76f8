import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import type { ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { closeSync, globSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, rmdirSync, writeFileSync } from "node:fs";
import { arch, tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { after, suite, test } from "node:test";
import { findProgram } from "../programs.ts";
import { guardProgram } from "./guard.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-guard-"));
after(() => rmSync(folder, { recursive: true }));

/** Ways to take the directory away, all of which end the wait. */
const ENDS: readonly (readonly [string, (above: string) => void])[] = [
  ["is deleted", (above) => rmdirSync(join(above, "run"))],
  ["is moved", (above) => renameSync(join(above, "run"), join(above, "other"))],
  ["is deleted with all above", (above) => rmSync(above, { recursive: true })],
  ["moves with what is above", (above) => renameSync(above, `${above}-moved`)],
];

/** The kernel tells which watches there are. */
async function untilWaiting({ pid }: ChildProcessByStdio<null, Readable, null>): Promise<void> {
  const hasBoth = (file: string): boolean => readFileSync(file, "utf8").includes("inotify wd:2");
  while (!globSync(`/proc/${pid}/fdinfo/*`).some(hasBoth)) await setImmediate();
}

for (const [processor, emulator] of [
  ["x64", "qemu-x86_64-static"],
  ["arm64", "qemu-aarch64-static"],
] as const) {
  const other = processor === arch() ? undefined : (process.env["BERTH_QEMU"] ?? findProgram(emulator));
  suite(`guardProgram() for ${processor}`, { skip: processor !== arch() && !other && `needs ${emulator}` }, () => {
    const path = join(folder, processor);
    writeFileSync(path, guardProgram(processor), { mode: 0o755 });
    const argv = other ? [other, path] : [path];
    const start = (above: string): ChildProcessByStdio<null, Readable, null> =>
      spawn(argv[0]!, [...argv.slice(1), join(above, "run"), above, "/bin/sh", "-c", 'echo "$1 $VALUE"', "sh", "ended"], {
        stdio: ["ignore", "pipe", "inherit"],
        env: { VALUE: "kept" },
      });

    for (const [index, [what, act]] of ENDS.entries())
      test(`becomes the program when the directory ${what}`, async () => {
        const above = join(folder, `${processor}-${index}`);
        mkdirSync(join(above, "run"), { recursive: true });
        const child = start(above);
        await untilWaiting(child);
        const open = openSync(join(above, "run", "file"), "w");
        for (const file of ["run/file", "other file"]) {
          writeFileSync(join(above, file), "");
          rmSync(join(above, file));
        }
        act(above);
        assert.equal(await text(child.stdout), "ended kept\n");
        closeSync(open);
      });

    test("becomes the program at once when there is no directory", async () => {
      assert.equal(await text(start(join(folder, "nosuch")).stdout), "ended kept\n");
    });

    test("without arguments it only shows that it runs", () => {
      assert.equal(spawnSync(argv[0]!, argv.slice(1)).status, 0);
    });

    test("is ended by a signal", async () => {
      const above = join(folder, `${processor}-signal`);
      mkdirSync(join(above, "run"), { recursive: true });
      const child = start(above);
      await untilWaiting(child);
      child.kill("SIGTERM");
      assert.deepEqual(await once(child, "exit"), [null, "SIGTERM"]);
    });
  });
}
