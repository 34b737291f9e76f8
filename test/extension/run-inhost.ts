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
import { writeNeighbors } from "./neighbors.ts";
import { command, root, which } from "../../scripts/setup.mjs";
import { cannotRunDockerd, startDockerd } from "../support/dockerd.ts";
import type { Dockerd } from "../support/dockerd.ts";
import { startDebianRegistry } from "./registry.ts";

const folder = mkdtempSync(join(tmpdir(), "berth-inhost-"));
const program = join(root, "dist/berth");
const path = [dirname(process.execPath), process.env["PATH"]].join(":");
const env = {
  ...process.env,
  BERTH_ROOT: join(folder, "engine"),
  BERTH_NODE: process.execPath,
  BERTH_TEST_PROGRAM: program,
  BERTH_TEST_FOLDER: folder,
  PATH: path,
};
const bench = process.env["BERTH_BENCH"] !== undefined;
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
/** The suite in a window with the extensions of a folder. */
function run(extensions: string): Promise<number> {
  return runTests({
    vscodeExecutablePath: process.env["BERTH_VSCODE"] ?? join(root, "test/extension/code-shim.ts"),
    extensionDevelopmentPath: root,
    extensionTestsPath: tests,
    launchArgs: [join(folder, "sample"), `--extensions-dir=${extensions}`],
  });
}

await command([program, "engine", "start"], { env });
await command([program, "import", "--change", 'CMD ["sh"]', "-", "busybox:latest"], { env, input: await busyboxTar() });
const dockerd: Dockerd | undefined = bench || cannotRunDockerd() ? undefined : await startDockerd(join(folder, "dockerd"));
if (dockerd) await command([program, "--host", dockerd.socket, "import", "-", "busybox:latest"], { env, input: await busyboxTar() });
const registry = bench || !which("docker-registry") ? undefined : await startDebianRegistry(folder);
try {
  Object.assign(process.env, env, {
    ...(dockerd ? { BERTH_TEST_DOCKERD: dockerd.socket } : {}),
    ...(registry ? { BERTH_TEST_REGISTRY: registry.domain } : {}),
  });
  writeNeighbors(join(folder, "neighbors"));
  const alone = await run(join(folder, "none"));
  // A window of its own: what is installed counts from the start.
  process.env["BERTH_TEST_NEIGHBORS"] = "1";
  process.exitCode = alone || (bench ? 0 : await run(join(folder, "neighbors")));
} catch (error) {
  console.log(String(error));
  process.exitCode = 1;
} finally {
  await command([program, "engine", "stop"], { env });
  registry?.stop();
  await dockerd?.stop();
  rmSync(folder, { recursive: true, force: true });
}
