/** The extension as users get it. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { command, root } from "../../scripts/setup.mjs";

/** Packages dist/ as a VSIX; gives its path. */
export async function packageVsix(): Promise<string> {
  const folder = process.env["BERTH_TEST_OUTPUT"] ?? join(root, "test-output");
  mkdirSync(folder, { recursive: true });
  const vsix = join(folder, "berth.vsix");
  await command([join(root, "node_modules/.bin/vsce"), "package", "--no-dependencies", "--no-rewrite-relative-links", "-o", vsix]);
  return vsix;
}
