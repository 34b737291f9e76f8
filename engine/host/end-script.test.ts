import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { END_SCRIPT } from "./end-script.ts";
import { findProgram } from "./programs.ts";

for (const shell of ["dash", "bash", "busybox"]) {
  const program = findProgram(shell);
  test(`END_SCRIPT is read by ${shell}`, { skip: !program && `needs ${shell}` }, () => {
    const argv = shell === "busybox" ? ["sh", "-n", "-c", END_SCRIPT] : ["-n", "-c", END_SCRIPT];
    const { status, stderr } = spawnSync(program!, argv, { encoding: "utf8" });
    assert.equal(stderr, "");
    assert.equal(status, 0);
    const inner = /sh -c '([^']*)'/.exec(END_SCRIPT)![1]!;
    assert.equal(spawnSync(program!, [...argv.slice(0, -1), inner]).status, 0);
  });
}
