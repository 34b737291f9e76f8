/** Tests that mount, or that need what an engine hides in its mount namespace, run themselves again in one of their own. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { run } from "../../engine/host/process.ts";

/** Says to the second run that it is the second. */
const MARK = "BERTH_TEST_PRIVATE_MOUNTS";

/**
 * Calls `define` when this process has mounts of its own; else runs `file` again in a new mount namespace, as one test
 * that shows what went wrong inside. Skips without root.
 */
export function inPrivateMounts(file: string, define: () => void | Promise<void>): void | Promise<void> {
  if (process.env[MARK]) return define();
  const skip = process.getuid!() === 0 ? false : "needs root";
  test(`${file.split("/").at(-1)} in a mount namespace of its own`, { skip }, async () => {
    const env = { ...process.env, NODE_TEST_CONTEXT: undefined, [MARK]: "1" };
    const result = await run(["unshare", "--mount", process.execPath, "--test", "--test-reporter=spec", file], { env });
    assert.equal(result.exitCode, 0, result.stdout.slice(result.stdout.indexOf("failing tests:")) + result.stderr);
  });
}
