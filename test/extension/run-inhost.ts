/**
 * The suite inside the extension host, by @vscode/test-electron: in the VS Code named by BERTH_VSCODE (a desktop one), or in
 * the npm-packaged server by a stand-in for the `code` program.
 */
import { runTests } from "@vscode/test-electron";
import { build } from "esbuild";
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { busyboxTar } from "../../scripts/base-image.ts";
import { command, root } from "../../scripts/setup.mjs";

const folder = mkdtempSync(join(tmpdir(), "berth-inhost-"));
const program = join(root, "dist/berth");
const path = [dirname(process.execPath), process.env["PATH"]].join(":");
const env = { ...process.env, BERTH_ROOT: join(folder, "engine"), BERTH_NODE: process.execPath, BERTH_TEST_PROGRAM: program, PATH: path };
const tests = join(root, "test-output/inhost/index.cjs");

cpSync(join(root, "media/sample"), join(folder, "sample"), { recursive: true });
await build({
  entryPoints: [join(root, "test/extension/inhost/index.ts")],
  outfile: tests,
  bundle: true,
  platform: "node",
  format: "cjs",
  external: ["vscode", "mocha"],
  logLevel: "warning",
});
await command([program, "engine", "start"], { env });
await command([program, "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
try {
  Object.assign(process.env, env);
  process.exitCode = await runTests({
    vscodeExecutablePath: process.env["BERTH_VSCODE"] ?? join(root, "test/extension/code-shim.ts"),
    extensionDevelopmentPath: root,
    extensionTestsPath: tests,
    launchArgs: [join(folder, "sample")],
  });
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
} finally {
  await command([program, "engine", "stop"], { env });
  rmSync(folder, { recursive: true, force: true });
}
