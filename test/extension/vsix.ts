/** The extension as users get it. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { command, root } from "../../scripts/setup.mjs";

/** Packages dist/ as a VSIX; gives its path, which is gone with this process. */
export async function packageVsix(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "berth-vsix-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  const vsix = join(folder, "berth.vsix");
  await command([join(root, "node_modules/.bin/vsce"), "package", "--no-dependencies", "--no-rewrite-relative-links", "-o", vsix]);
  return vsix;
}
