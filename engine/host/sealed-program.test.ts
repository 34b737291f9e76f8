import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, statSync, writeSync } from "node:fs";
import { test } from "node:test";
import { sealProgram } from "./sealed-program.ts";

test("sealProgram() gives a copy that runs and that nobody can change", () => {
  const descriptor = sealProgram("/bin/sh", "copy");
  const path = `/proc/${process.pid}/fd/${descriptor}`;
  assert.equal(statSync(path).size, statSync("/bin/sh").size);
  assert.equal(execFileSync(path, ["-c", "echo runs"], { encoding: "utf8" }), "runs\n");
  const writing = openSync(path, "r+");
  assert.throws(() => writeSync(writing, "x"), { code: "EPERM" });
  closeSync(writing);
  closeSync(descriptor);
});
